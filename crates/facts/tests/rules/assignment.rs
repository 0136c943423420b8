//! Seats and tasks of stations, with their proofs.

use assize_facts::{NotAssigned, StationAssignment, Tasking};
use assize_protocol::{
    Assignment, B256, CommitteeIndex, Parameters, ProviderId, Seed, StationIndex, TaskIndex, TaskNumber,
    merkle,
};
use proptest::prelude::*;

use crate::scene::{STATIONS, Scene, TASKS, payload};

#[test]
fn a_station_and_a_task_are_proven_by_their_entries_alone() {
    let scene = Scene::new();
    let round = scene.facts.round;
    let (index, task) = (StationIndex(42), TaskIndex(17));
    let entry = *scene.roster.get(index).unwrap();
    let leaf = merkle::roster_leaf(index, entry.station, entry.operator, entry.subnet);
    let proof = scene.roster.tree().proof(leaf).unwrap();
    assert!(round.roster.has_station(index, &entry, &proof));
    assert!(!round.roster.has_station(StationIndex(43), &entry, &proof));
    assert!(!round.roster.has_station(StationIndex(STATIONS), &entry, &proof));
    assert!(!round.roster.has_station(index, &entry, &proof[1..]));
    assert!(!round.tasks.has_station(index, &entry, &proof));
    let mut other = entry;
    other.operator = other.station;
    assert!(!round.roster.has_station(index, &other, &proof));

    let (cid, provider) = (payload(17), ProviderId(1_017));
    let proof = scene
        .tasks
        .tree()
        .proof(merkle::task_leaf(task, &cid.to_bytes(), provider))
        .unwrap();
    assert!(round.tasks.has_task(task, &cid, provider, &proof));
    assert!(!round.tasks.has_task(TaskIndex(18), &cid, provider, &proof));
    assert!(!round.tasks.has_task(TaskIndex(TASKS), &cid, provider, &proof));
    assert!(!round.tasks.has_task(task, &payload(18), provider, &proof));
    assert!(!round.tasks.has_task(task, &cid, ProviderId(1), &proof));
    assert!(!round.tasks.has_task(task, &cid, provider, &[]));
}

#[test]
fn a_count_of_entries_bounds_what_can_be_proven() {
    // The leaf is in the tree, but the round froze fewer entries.
    let mut scene = Scene::new();
    let index = StationIndex(42);
    let entry = *scene.roster.get(index).unwrap();
    let leaf = merkle::roster_leaf(index, entry.station, entry.operator, entry.subnet);
    let proof = scene.roster.tree().proof(leaf).unwrap();
    scene.round().roster.count = 42;
    assert!(!scene.facts.round.roster.has_station(index, &entry, &proof));
}

#[test]
fn a_measurement_is_its_stations_to_make_or_the_reason_is_named() {
    let scene = Scene::new();
    let round = scene.facts.round;
    let assignment = round.assignment(round.seed.unwrap());
    let tasking = Tasking::derive(&assignment);
    let station = StationIndex(42);
    let assigned = StationAssignment::derive(&assignment, station).unwrap();
    let task = assigned.tasks[3];
    let check = |task: TaskIndex, cid: &str, provider: &str| {
        let (cid, provider) = (cid.parse().ok(), provider.parse().ok());
        tasking.check(&scene.tasks, station, task, (cid.as_ref(), provider.as_ref()))
    };
    let (cid, provider) = (payload(task.0).to_string(), format!("f0{}", 1_000 + task.0));
    let (place, entry) = check(task, &cid, &provider).unwrap();
    assert_eq!(
        (place.committee, place.k, place.station),
        (assigned.committee, TaskNumber(3), station)
    );
    assert_eq!(entry.cid, payload(task.0));
    assert_eq!(
        check(TaskIndex(TASKS), &cid, &provider),
        Err(NotAssigned::NoSuchTask(TaskIndex(TASKS)))
    );
    for wrong in ["", "bafy", &payload(task.0 ^ 1).to_string()] {
        assert!(
            matches!(
                check(task, wrong, &provider),
                Err(NotAssigned::OtherPayload { .. })
            ),
            "{wrong}"
        );
    }
    for wrong in ["", "f01", "1017"] {
        assert!(
            matches!(check(task, &cid, wrong), Err(NotAssigned::OtherProvider { .. })),
            "{wrong}"
        );
    }
    let other = (0..TASKS)
        .map(TaskIndex)
        .find(|task| !assigned.tasks.contains(task))
        .unwrap();
    let (cid, provider) = (payload(other.0).to_string(), format!("f0{}", 1_000 + other.0));
    assert_eq!(
        check(other, &cid, &provider),
        Err(NotAssigned::OtherCommittee(other))
    );
}

#[test]
fn there_is_nothing_to_do_without_stations_or_tasks() {
    for (stations, tasks) in [(0, 10), (10, 0), (0, 0)] {
        let assignment = Assignment::new(Seed(B256::ZERO), &Parameters::default(), stations, tasks);
        let tasking = Tasking::derive(&assignment);
        assert_eq!((tasking.committee_count(), tasking.tasks_per_committee()), (0, 0));
        assert_eq!(tasking.committee_of(StationIndex(0)), None);
        assert_eq!(tasking.tasks_of(CommitteeIndex(0)), None);
        assert_eq!(tasking.place(StationIndex(0), TaskIndex(0)), None);
        assert!(StationAssignment::derive(&assignment, StationIndex(0)).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// The assignment of one station equals its part of the assignment of all.
    #[test]
    fn alone_and_among_all(seed: [u8; 32], stations in 1..200_u32, tasks in 1..200_u32, size in 1..60_u16, target: u32) {
        let parameters = Parameters { max_committee_size: size, target_measurements: target, ..Parameters::default() };
        let assignment = Assignment::new(Seed(B256::from(seed)), &parameters, stations, tasks);
        let tasking = Tasking::derive(&assignment);
        prop_assert_eq!(tasking.committee_count(), assignment.committee_count());
        prop_assert_eq!(tasking.tasks_per_committee(), assignment.tasks_per_committee());
        for station in (0..stations).map(StationIndex) {
            let alone = StationAssignment::derive(&assignment, station).unwrap();
            prop_assert_eq!(tasking.committee_of(station), Some(alone.committee));
            prop_assert_eq!(tasking.tasks_of(alone.committee), Some(&alone.tasks[..]));
            for (k, &task) in alone.tasks.iter().enumerate() {
                let place = tasking.place(station, task).unwrap();
                prop_assert_eq!((place.committee, place.k.0 as usize), (alone.committee, k));
            }
        }
        prop_assert_eq!(tasking.committee_of(StationIndex(stations)), None);
    }
}
