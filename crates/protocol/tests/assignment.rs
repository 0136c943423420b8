//! Properties and edge cases of committees and tasks (`docs/protocol.md` §5).

use std::collections::BTreeSet;

use assize_protocol::{
    Assignment, B256, CommitteeIndex, Committees, HexError, OutOfRange, Parameters, Seat, Seed, StationIndex,
    TaskNumber,
};
use proptest::prelude::*;

fn assignment(seed: u8, stations: u32, tasks: u32) -> Assignment {
    Assignment::new(
        Seed(B256::repeat_byte(seed)),
        &Parameters::default(),
        stations,
        tasks,
    )
}

#[test]
fn counts_of_known_networks() {
    for (stations, tasks, committees, per_committee) in [
        (0, 1_000, 0, 0),
        (1_000, 0, 0, 0),
        (1, 1_000, 1, 100),
        (39, 1_000, 1, 100),
        (100, 1_000, 1, 100),
        (101, 1_000, 2, 100),
        (300, 2_000, 3, 100),
        (300, 200, 3, 66),
        (300, 2, 3, 1),
        (5_000, 10_000, 50, 50),
        (66_667, 22_000_000, 667, 3),
        (1_000_000, 22_000_000, 10_000, 1),
        (u32::MAX, u32::MAX, 42_949_673, 1),
    ] {
        let assignment = assignment(1, stations, tasks);
        let found = (assignment.committee_count(), assignment.tasks_per_committee());
        assert_eq!(found, (committees, per_committee), "N = {stations}, M = {tasks}");
    }
}

#[test]
fn without_stations_or_tasks_there_are_no_committees() {
    for (stations, tasks) in [(0, 0), (0, 10), (10, 0)] {
        let assignment = assignment(1, stations, tasks);
        assert!(assignment.all_members().is_empty());
        assert!(assignment.all_tasks().is_empty());
        assert!(assignment.members(CommitteeIndex(0)).is_err());
        assert!(assignment.tasks(CommitteeIndex(0)).is_err());
        assert!(assignment.seat_of(StationIndex(0)).is_err());
    }
}

#[test]
fn parameters_that_the_contract_would_refuse_do_not_panic() {
    let seed = Seed(B256::ZERO);
    let zero = Parameters {
        max_committee_size: 0,
        ..Parameters::default()
    };
    assert_eq!(Assignment::new(seed, &zero, 300, 300).committee_count(), 0);
    let no_tasks = Parameters {
        max_tasks_per_committee: 0,
        target_measurements: 0,
        ..Parameters::default()
    };
    assert_eq!(
        Assignment::new(seed, &no_tasks, 300, 300).tasks_per_committee(),
        1
    );
}

#[test]
fn missing_items_are_named() {
    let assignment = assignment(1, 300, 2_000);
    let fault = |result: Result<(), OutOfRange>| result.unwrap_err().to_string();
    assert_eq!(
        fault(assignment.members(CommitteeIndex(3)).map(drop)),
        "committee 3 does not exist: there are 3, numbered from 0"
    );
    assert!(fault(assignment.seat_of(StationIndex(300)).map(drop)).starts_with("station 300 does not exist"));
    assert!(fault(assignment.tasks(CommitteeIndex(3)).map(drop)).starts_with("committee 3 does not exist"));
    assert!(
        fault(assignment.task(CommitteeIndex(0), TaskNumber(100)).map(drop))
            .starts_with("committee's task 100 does")
    );
    let committees = assignment.committees();
    assert!(fault(committees.station_on(Seat(300)).map(drop)).starts_with("seat 300 does not exist"));
    assert!(fault(committees.committee_of(Seat(300)).map(drop)).starts_with("seat 300 does not exist"));
}

#[test]
fn seeds_of_the_wrong_length_are_rejected() {
    assert_eq!(
        "00".repeat(31).parse::<Seed>(),
        Err(HexError::Length { digits: 62 })
    );
    assert_eq!(
        format!("0x{}", "00".repeat(33)).parse::<Seed>(),
        Err(HexError::Length { digits: 66 })
    );
    assert_eq!("".parse::<Seed>(), Err(HexError::Length { digits: 0 }));
    assert_eq!(
        "0".repeat(63).parse::<Seed>(),
        Err(HexError::Length { digits: 63 })
    );
    assert_eq!(
        "0x0g".parse::<Seed>(),
        Err(HexError::Digit {
            character: 'g',
            position: 1
        })
    );
    assert_eq!("00".repeat(32).parse(), Ok(Seed(B256::ZERO)));
    let seed: Seed = format!("0x{}", "Ab".repeat(32)).parse().unwrap();
    assert_eq!(seed.to_string(), format!("0x{}", "ab".repeat(32)));
}

fn any_seed() -> impl Strategy<Value = Seed> {
    any::<[u8; 32]>().prop_map(|seed| Seed(B256::new(seed)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn sizes_differ_by_at_most_one_and_are_within_bounds(seed in any_seed(), stations in 40..20_000_u32) {
        let committees = Committees::new(&seed, stations, 100);
        let seats = |committee| committees.seats(CommitteeIndex(committee)).unwrap();
        let sizes: Vec<u32> = (0..committees.count()).map(seats).map(|seats| seats.end.0 - seats.start.0).collect();
        let (min, max) = (*sizes.iter().min().unwrap(), *sizes.iter().max().unwrap());
        prop_assert!(max - min <= 1);
        prop_assert!(min >= 40 && max <= 100, "{min} to {max}");
        prop_assert_eq!(sizes.iter().sum::<u32>(), stations);
    }

    #[test]
    fn one_committee_alone_is_the_same_as_among_all(
        seed in any_seed(), stations in 1..3_000_u32, tasks in 1..3_000_u32, committee: u32,
    ) {
        let assignment = Assignment::new(seed, &Parameters::default(), stations, tasks);
        let committee = committee % assignment.committee_count();
        let (members, list) = (assignment.all_members(), assignment.all_tasks());
        prop_assert_eq!(&assignment.members(CommitteeIndex(committee))?, &members[committee as usize]);
        prop_assert_eq!(&assignment.tasks(CommitteeIndex(committee))?, &list[committee as usize]);
        prop_assert_eq!(list[committee as usize].len() as u32, assignment.tasks_per_committee());
    }

    #[test]
    fn every_station_sits_where_the_committees_say(seed in any_seed(), stations in 1..500_u32, max_size in 1..120_u16) {
        let committees = Committees::new(&seed, stations, max_size);
        let mut seen = BTreeSet::new();
        for (committee, members) in (0..).map(CommitteeIndex).zip(committees.all_members()) {
            let seats = committees.seats(committee)?;
            prop_assert_eq!((seats.end.0 - seats.start.0) as usize, members.len());
            for (seat, station) in (seats.start.0..).map(Seat).zip(members) {
                prop_assert_eq!(committees.seat_of(station)?, (committee, seat));
                prop_assert_eq!(committees.station_on(seat)?, station);
                prop_assert_eq!(committees.committee_of(seat)?, committee);
                seen.insert(station);
            }
        }
        prop_assert_eq!(seen.len() as u32, stations);
    }

    #[test]
    fn a_seat_is_in_one_slice_also_in_huge_rosters(seed in any_seed(), stations in 1..=u32::MAX, max_size: u16, seat: u32) {
        let max_size = max_size.max(1);
        let committees = Committees::new(&seed, stations, max_size);
        let seat = Seat(seat % stations);
        let committee = committees.committee_of(seat)?;
        let seats = committees.seats(committee)?;
        prop_assert!(seats.contains(&seat));
        prop_assert!(seats.end.0 - seats.start.0 <= u32::from(max_size));
    }

    #[test]
    fn committees_share_no_task_while_the_list_is_long_enough(
        seed in any_seed(), stations in 1..3_000_u32, tasks in 1..6_000_u32,
    ) {
        let assignment = Assignment::new(seed, &Parameters::default(), stations, tasks);
        let all: Vec<_> = assignment.all_tasks().concat();
        let distinct: BTreeSet<_> = all.iter().copied().collect();
        prop_assert!(distinct.iter().all(|task| task.0 < tasks));
        // Beyond the list's end it starts again from the front.
        prop_assert_eq!(distinct.len(), all.len().min(tasks as usize));
    }
}
