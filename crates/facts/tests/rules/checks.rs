//! The list of checks as a whole.

use assize_drand::{Chain, RecordedBeacons, Verified};
use assize_facts::{Check, FileKey, RoundFault, Times};
use assize_protocol::{B256, BeaconRound, List, RoundNumber, Seed};

use crate::scene::{BEACON, DEDUPE, Scene, cid, recorded};

fn failed(scene: &Scene) -> Vec<Check> {
    let checks = scene.report().checks.into_iter();
    checks
        .filter(|outcome| outcome.result.is_err())
        .map(|outcome| outcome.check)
        .collect()
}

fn made(scene: &Scene) -> Vec<Check> {
    scene
        .report()
        .checks
        .into_iter()
        .map(|outcome| outcome.check)
        .collect()
}

#[test]
fn a_genuine_round_passes_all_checks_in_order() {
    let scene = Scene::new();
    let drawn = scene.check().unwrap().unwrap();
    assert_eq!(Some(drawn.draw.seed), scene.facts.round.seed);
    assert_eq!(
        (drawn.roster, drawn.tasks),
        (scene.roster.clone(), scene.tasks.clone())
    );
    assert_eq!(scene.check_open().unwrap(), scene.facts.round.seed);
    let all = [
        Check::Over,
        Check::Timetable,
        Check::Beacon(BEACON),
        Check::Seed,
        Check::DedupeBeacon(DEDUPE),
        Check::List(List::Roster),
        Check::List(List::Tasks),
    ];
    assert_eq!(made(&scene), all);
    assert_eq!(failed(&scene), []);
}

#[test]
fn every_fact_that_is_wrong_fails_its_check() {
    type Lie = fn(&mut Scene);
    let lies: [(Check, Lie); 17] = [
        (Check::Over, |scene| {
            scene.now = scene.facts.round.times.dedupe_from
        }),
        (Check::Timetable, |scene| scene.round().times.closes_at += 1),
        (Check::Timetable, |scene| {
            let round = scene.round();
            round.opened_at += 2;
            round.times = Times::of(round.times.closes_at + 2, 1);
            scene.now += 2;
        }),
        (Check::Seed, |scene| {
            scene.round().seed = Some(Seed(B256::repeat_byte(1)))
        }),
        (Check::Seed, |scene| scene.contracts.chain_id += 1),
        (Check::Beacon(BeaconRound(40_000_000)), |scene| {
            scene.round().beacon_round = BeaconRound(40_000_000)
        }),
        (Check::DedupeBeacon(BeaconRound(40_000_000)), |scene| {
            scene.round().dedupe_beacon_round = BeaconRound(40_000_000);
        }),
        (Check::List(List::Roster), |scene| {
            scene.round().roster.root = B256::ZERO
        }),
        (Check::List(List::Roster), |scene| scene.round().roster.count += 1),
        (Check::List(List::Roster), |scene| {
            scene.round().roster.cid = cid(9)
        }),
        (Check::List(List::Roster), |scene| {
            scene.round().roster.cid = cid(2)
        }),
        (Check::List(List::Tasks), |scene| {
            scene.round().tasks.root = B256::ZERO
        }),
        (Check::List(List::Tasks), |scene| scene.round().tasks.count -= 1),
        (Check::List(List::Tasks), |scene| scene.round().tasks.cid = cid(9)),
        (Check::List(List::Tasks), |scene| scene.round().tasks.cid = cid(1)),
        (Check::NoCommitments, |scene| {
            scene.round().seed = None;
            scene.facts.own.clear();
        }),
        (Check::NoCommitments, |scene| {
            scene.round().seed = None;
            scene.facts.commitments.clear();
        }),
    ];
    for (index, (check, lie)) in lies.into_iter().enumerate() {
        let mut scene = Scene::new();
        lie(&mut scene);
        assert_eq!(failed(&scene), [check], "lie {index}");
        let fault = scene.check().unwrap_err();
        assert!(!fault.to_string().is_empty());
        // The same for the checks that are possible while the round is open.
        let early = matches!(check, Check::Timetable | Check::Seed | Check::Beacon(_));
        assert_eq!(scene.check_open().is_err(), early, "lie {index}: {fault}");
    }
}

#[test]
fn forged_beacons_are_not_believed() {
    let genuine = recorded();
    let forge = |which: BeaconRound| {
        let beacons = genuine.beacons().cloned().map(|mut beacon| {
            if beacon.round == which {
                beacon.signature = genuine
                    .beacons()
                    .find(|other| other.round != which)
                    .unwrap()
                    .signature
                    .clone();
            }
            beacon
        });
        let mut scene = Scene::new();
        scene.beacons = Verified::new(Chain::quicknet(), RecordedBeacons::new(beacons).unwrap());
        scene
    };
    assert_eq!(failed(&forge(BEACON)), [Check::Beacon(BEACON)]);
    assert_eq!(failed(&forge(DEDUPE)), [Check::DedupeBeacon(DEDUPE)]);
    assert!(forge(BEACON).report().drawn.is_none());
    // Checks that need the randomness are omitted, not passed.
    assert!(!made(&forge(BEACON)).contains(&Check::Seed));
    assert!(matches!(
        forge(BEACON).check_open(),
        Err(RoundFault::Beacon {
            beacon_round: BEACON,
            ..
        })
    ));
}

#[test]
fn the_first_fault_ends_a_check_and_not_a_report() {
    let mut scene = Scene::new();
    scene.round().times.closes_at += 1;
    scene.round().seed = Some(Seed(B256::ZERO));
    scene.round().tasks.count = 0;
    assert_eq!(
        failed(&scene),
        [Check::Timetable, Check::Seed, Check::List(List::Tasks)]
    );
    let Err(RoundFault::Mismatch(first)) = scene.check() else {
        panic!()
    };
    assert_eq!(first.path, "chain.rounds[7].times.closesAt");
}

#[test]
fn a_round_that_was_not_revealed_draws_nothing() {
    let mut scene = Scene::new();
    scene.round().seed = None;
    scene.facts.commitments.clear();
    scene.facts.own.clear();
    // Its lists need not exist.
    scene.files.clear();
    assert_eq!(scene.check().unwrap(), None);
    assert_eq!(scene.check_open().unwrap(), None);
    assert_eq!(
        made(&scene),
        [Check::Over, Check::Timetable, Check::NoCommitments]
    );
}

#[test]
fn lists_of_which_one_was_dropped_are_not_read() {
    for list in [List::Roster, List::Tasks] {
        let mut scene = Scene::new();
        scene.drops = [FileKey::list(scene.facts.round.number, list)]
            .into_iter()
            .collect();
        scene.files.clear();
        assert_eq!(scene.check().unwrap(), None);
        let beacons_alone = [
            Check::Over,
            Check::Timetable,
            Check::Beacon(BEACON),
            Check::Seed,
            Check::DedupeBeacon(DEDUPE),
        ];
        assert_eq!(made(&scene), beacons_alone);
        // Those of another round say nothing about this one.
        scene.drops = [FileKey::list(RoundNumber(8), list)].into_iter().collect();
        assert!(scene.check().is_err());
    }
}

#[test]
fn temporary_errors_are_distinguished_from_permanent_ones() {
    let fault = |lie: fn(&mut Scene)| {
        let mut scene = Scene::new();
        lie(&mut scene);
        scene.check().unwrap_err()
    };
    assert!(fault(|scene| scene.now = 0).is_retryable());
    assert!(fault(|scene| scene.files.clear()).is_retryable());
    assert!(!fault(|scene| scene.round().times.closes_at += 1).is_retryable());
    assert!(!fault(|scene| scene.round().roster.count += 1).is_retryable());
    assert!(!fault(|scene| scene.round().roster.cid = cid(2)).is_retryable());
}

#[test]
fn a_list_that_differs_is_named_with_both_values() {
    let mut scene = Scene::new();
    scene.round().roster.count += 1;
    let Err(RoundFault::WrongList {
        what, file, chain, ..
    }) = scene.check()
    else {
        panic!()
    };
    assert_eq!((what, file.as_str(), chain.as_str()), ("count", "250", "251"));
    let mut scene = Scene::new();
    scene.round().tasks.root = B256::ZERO;
    let Err(RoundFault::WrongList {
        what, file, chain, ..
    }) = scene.check()
    else {
        panic!()
    };
    assert_eq!((what, file), ("root", scene.tasks.root().to_string()));
    assert_eq!(chain, B256::ZERO.to_string());
}
