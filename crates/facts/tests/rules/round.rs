//! Timetable, windows, seed.

use assize_facts::Mismatch;
use assize_protocol::{B256, BeaconRound, BeaconSchedule, Randomness, Seed};
use proptest::prelude::*;

use crate::scene::Scene;

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
    let closes_at = Scene::new().facts.round.closes_at;
    for by in [-1, 1] {
        let mismatch = wrong(|round| round.closes_at = round.closes_at.saturating_add_signed(by));
        assert_eq!(mismatch.path, "chain.rounds[7].closesAt");
        assert_eq!(mismatch.ours, closes_at.to_string());
        assert_eq!(mismatch.theirs, closes_at.saturating_add_signed(by).to_string());
        let mismatch = wrong(|round| round.commits_until = round.commits_until.saturating_add_signed(by));
        assert_eq!(mismatch.path, "chain.rounds[7].commitsUntil");
    }
    // Published exactly at the moment that it must follow, before it, never.
    for (early, theirs) in [
        (BeaconRound(999), "999"),
        (BeaconRound(1), "1"),
        (BeaconRound(0), "0"),
        (BeaconRound(u64::MAX), "18446744073709551615"),
    ] {
        let mismatch = wrong(|round| round.beacon_round = early);
        assert_eq!(
            (mismatch.path.as_str(), mismatch.theirs.as_str()),
            ("chain.rounds[7].beaconRound", theirs)
        );
        assert!(mismatch.ours.starts_with("1000 or later"), "{mismatch}");
        let mismatch = wrong(|round| round.dedupe_beacon_round = early);
        assert_eq!(mismatch.path, "chain.rounds[7].dedupeBeaconRound");
    }
    let mismatch = wrong(|round| round.dedupe_beacon_round = BeaconRound(1000));
    assert!(mismatch.ours.starts_with("1001 or later"), "{mismatch}");
    // The whole round later, with unchanged beacons.
    let mismatch = wrong(|round| {
        round.opened_at += 60;
        round.closes_at += 60;
        round.commits_until += 60;
    });
    assert_eq!(mismatch.path, "chain.rounds[7].beaconRound");
    // Other parameters.
    assert_eq!(
        wrong(|round| round.parameters.round_duration += 1).path,
        "chain.rounds[7].closesAt"
    );
    assert_eq!(
        wrong(|round| round.parameters.commit_grace -= 1).path,
        "chain.rounds[7].commitsUntil"
    );
    assert_eq!(
        wrong(|round| round.parameters.beacon_delay += 1).path,
        "chain.rounds[7].beaconRound"
    );
}

#[test]
fn absurd_times_are_rejected_and_do_not_wrap() {
    let mismatch = wrong(|round| round.opened_at = u64::MAX);
    assert_eq!(mismatch.path, "chain.rounds[7].closesAt");
}

#[test]
fn a_later_beacon_passes() {
    // FilecoinBeacon uses the next one on a coarser grid.
    let mut scene = Scene::new();
    scene.round().beacon_round = BeaconRound(1010);
    scene.round().dedupe_beacon_round = BeaconRound(1020);
    scene.facts.round.check_timetable(QUICKNET).unwrap();
}

#[test]
fn measurements_are_accepted_for_half_of_the_commit_window() {
    let round = Scene::new().facts.round;
    assert_eq!(round.parameters.commit_grace, 11);
    assert_eq!(round.measurements_until(), round.closes_at + 5);
    assert!(round.takes_measurements(round.opened_at));
    assert!(round.takes_measurements(round.closes_at + 5));
    assert!(!round.takes_measurements(round.closes_at + 6));
    assert!(!round.is_over(round.commits_until));
    assert!(round.is_over(round.commits_until + 1));
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
    fn the_contracts_values_pass(opened_at in 1_692_803_367..1_u64 << 40, duration in 0..1_u32 << 20, delay in 0..1_u32 << 16, grace: u32) {
        let mut round = Scene::new().facts.round;
        round.parameters.round_duration = duration;
        round.parameters.beacon_delay = delay;
        round.parameters.commit_grace = grace;
        round.opened_at = opened_at;
        round.closes_at = opened_at + u64::from(duration);
        round.commits_until = round.closes_at + u64::from(grace);
        round.beacon_round = QUICKNET.round_after(opened_at + u64::from(delay));
        round.dedupe_beacon_round = QUICKNET.round_after(round.closes_at);
        prop_assert_eq!(round.check_timetable(QUICKNET), Ok(()));
        prop_assert!(round.closes_at <= round.measurements_until() && round.measurements_until() <= round.commits_until);
        let mut early = round;
        early.beacon_round.0 -= 1;
        prop_assert!(early.check_timetable(QUICKNET).is_err());
        let mut early = round;
        early.dedupe_beacon_round.0 -= 1;
        prop_assert!(early.check_timetable(QUICKNET).is_err());
    }
}
