//! Timetable, windows, seed.

use assize_facts::{FileKind, Mismatch, Times};
use assize_protocol::{B256, BeaconRound, BeaconSchedule, Randomness, Seed};
use proptest::prelude::*;
use serde_json::Value;

use crate::scene::{BEACON, DEDUPE, Scene};

const QUICKNET: BeaconSchedule = BeaconSchedule::QUICKNET;

fn wrong(change: impl FnOnce(&mut assize_facts::Round)) -> Mismatch {
    let mut scene = Scene::new();
    change(scene.round());
    scene.facts.round.check_timetable(QUICKNET).unwrap_err()
}

#[test]
fn a_timetable_follows_from_the_opening() {
    Scene::new().facts.round.check_timetable(QUICKNET).unwrap();
}

#[test]
fn every_field_of_the_timetable_is_named_with_both_values() {
    for (index, name) in Times::NAMES.into_iter().enumerate() {
        for by in [-1, 1] {
            let mismatch = wrong(|round| {
                let time = &mut times(&mut round.times)[index];
                **time = time.saturating_add_signed(by);
            });
            let ours = Scene::new().facts.round.times.values()[index];
            assert_eq!(mismatch.path, format!("chain.rounds[7].times.{name}"));
            assert_eq!(mismatch.ours, ours.to_string());
            assert_eq!(mismatch.theirs, ours.saturating_add_signed(by).to_string());
        }
    }
    // Published exactly at the moment that it must follow, before it, never.
    for (early, theirs) in [
        (BeaconRound(30_662_989), "30662989"),
        (BeaconRound(1), "1"),
        (BeaconRound(0), "0"),
        (BeaconRound(u64::MAX), "18446744073709551615"),
    ] {
        let mismatch = wrong(|round| round.beacon_round = early);
        assert_eq!(
            (mismatch.path.as_str(), mismatch.theirs.as_str()),
            ("chain.rounds[7].beaconRound", theirs)
        );
        assert!(mismatch.ours.starts_with("30662990 or later"), "{mismatch}");
        let mismatch = wrong(|round| round.dedupe_beacon_round = early);
        assert_eq!(mismatch.path, "chain.rounds[7].dedupeBeaconRound");
    }
    let mismatch = wrong(|round| round.dedupe_beacon_round = BeaconRound(DEDUPE.0 - 1));
    assert!(mismatch.ours.starts_with("30663002 or later"), "{mismatch}");
    // The whole round later, with unchanged beacons.
    let mismatch = wrong(|round| {
        round.opened_at += 60;
        round.times = Times::of(round.times.closes_at + 60, 1);
    });
    assert_eq!(mismatch.path, "chain.rounds[7].beaconRound");
    // Other parameters.
    assert_eq!(
        wrong(|round| round.parameters.round_duration += 1).path,
        "chain.rounds[7].times.closesAt"
    );
    assert_eq!(
        wrong(|round| round.parameters.step += 1).path,
        "chain.rounds[7].times.sealsUntil"
    );
    assert_eq!(
        wrong(|round| round.parameters.beacon_delay += 1).path,
        "chain.rounds[7].beaconRound"
    );
}

#[test]
fn absurd_times_are_rejected_and_do_not_wrap() {
    let mismatch = wrong(|round| round.opened_at = u64::MAX);
    assert_eq!(mismatch.path, "chain.rounds[7].times.closesAt");
}

#[test]
fn a_later_beacon_passes() {
    // FilecoinBeacon uses the next one on a coarser grid.
    let mut scene = Scene::new();
    scene.round().beacon_round = BeaconRound(BEACON.0 + 9);
    scene.round().dedupe_beacon_round = BeaconRound(DEDUPE.0 + 9);
    scene.facts.round.check_timetable(QUICKNET).unwrap();
}

/// The times in the order of their names.
fn times(times: &mut Times) -> [&mut u64; 8] {
    let Times {
        closes_at,
        seals_until,
        own_seals_until,
        show_from,
        publish_until,
        commits_until,
        dedupe_from,
        objections_from,
    } = times;
    [
        closes_at,
        seals_until,
        own_seals_until,
        show_from,
        publish_until,
        commits_until,
        dedupe_from,
        objections_from,
    ]
}

#[test]
fn the_timetable_is_that_of_the_protocol() {
    let file: Value =
        serde_json::from_str(include_str!("../../../../docs/vectors/v2/timetable.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let number = |name: &str| case[name].as_u64().unwrap();
        let times = Times::of(number("closesAt"), number("step") as u32);
        assert_eq!(times.values(), Times::NAMES.map(number));
        let mut json = serde_json::to_value(times).unwrap();
        json["step"] = case["step"].clone();
        assert_eq!(json, *case);
    }
    assert_eq!(Times::of(u64::MAX, u32::MAX).values(), [u64::MAX; 8]);
}

#[test]
fn a_last_second_belongs_to_its_window() {
    type Rule = fn(&Times, u64) -> bool;
    let times = Times::of(1_000, 1);
    let windows: [(u64, Rule); 6] = [
        (times.seals_until, Times::accepts_seals),
        (times.own_seals_until, Times::accepts_own_seals),
        (times.show_from, Times::accepts_measurements),
        (times.publish_until, Times::accepts_batches),
        (times.commits_until, Times::accepts_own_reports),
        (times.commits_until, Times::accepts_reveal),
    ];
    for (until, accepts) in windows {
        assert!(accepts(&times, 0) && accepts(&times, until) && !accepts(&times, until + 1));
    }
    assert!(!times.is_over(times.dedupe_from) && times.is_over(times.dedupe_from + 1));
    assert_eq!(times.objections_from(FileKind::Seals), 1_011);
    for kind in [FileKind::Roster, FileKind::Tasks, FileKind::Lines] {
        assert_eq!(times.objections_from(kind), 1_147);
    }
}

#[test]
fn the_seed_is_bound_to_chain_contract_and_round() {
    let scene = Scene::new();
    let round = scene.facts.round;
    let randomness = scene.beacons.randomness(round.beacon_round).unwrap();
    assert_eq!(
        Some(round.check_seed(&scene.contracts, randomness).unwrap()),
        round.seed
    );
    let other = |change: &dyn Fn(&mut Scene), randomness: Randomness| {
        let mut scene = Scene::new();
        change(&mut scene);
        scene
            .facts
            .round
            .check_seed(&scene.contracts, randomness)
            .unwrap_err()
    };
    for mismatch in [
        other(&|scene| scene.contracts.chain_id += 1, randomness),
        other(
            &|scene| scene.contracts.rounds = scene.contracts.rewards,
            randomness,
        ),
        other(&|scene| scene.round().seed = Some(Seed(B256::ZERO)), randomness),
        other(&|_| {}, Randomness(B256::ZERO)),
    ] {
        assert_eq!(mismatch.path, "chain.rounds[7].seed");
        assert_ne!(mismatch.ours, mismatch.theirs);
    }
    assert_eq!(
        other(&|scene| scene.round().number.0 += 1, randomness).path,
        "chain.rounds[8].seed"
    );
    assert_eq!(
        other(&|scene| scene.round().seed = None, randomness).theirs,
        "none"
    );
}

proptest! {
    /// A round opened by the contract passes, and one whose beacons could be known when it opened does not.
    #[test]
    fn the_contracts_values_pass(opened_at in 1_692_803_367..1_u64 << 40, duration in 0..1_u32 << 20, delay in 0..1_u32 << 16, step: u32) {
        let mut round = Scene::new().facts.round;
        round.parameters.round_duration = duration;
        round.parameters.beacon_delay = delay;
        round.parameters.step = step;
        round.opened_at = opened_at;
        round.times = Times::of(opened_at + u64::from(duration), step);
        round.beacon_round = QUICKNET.round_after(opened_at + u64::from(delay));
        round.dedupe_beacon_round = QUICKNET.round_after(round.times.dedupe_from);
        prop_assert_eq!(round.check_timetable(QUICKNET), Ok(()));
        prop_assert!(round.times.values().is_sorted());
        let mut early = round;
        early.beacon_round.0 -= 1;
        prop_assert!(early.check_timetable(QUICKNET).is_err());
        let mut early = round;
        early.dedupe_beacon_round.0 -= 1;
        prop_assert!(early.check_timetable(QUICKNET).is_err());
    }
}
