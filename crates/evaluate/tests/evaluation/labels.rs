//! Every label is reached, and the first that applies is given (docs/protocol.md §10.1).

use crate::support::{World, key};
use alloy_primitives::Address;
use assize_evaluate::{Label, Origin, RoundEvaluation, Verdict};
use assize_measurement::{Measurement, Signature};
use assize_protocol::TaskIndex;

const IN_ROSTER: usize = 0;
const OUTSIDER: usize = 500;

fn labels(evaluation: &RoundEvaluation) -> Vec<Label> {
    evaluation.outcomes.iter().map(|outcome| outcome.label).collect()
}

fn label(world: &World, measurement: Measurement) -> Label {
    labels(&world.evaluate(&[vec![measurement]]))[0]
}

fn unsigned(mut measurement: Measurement) -> Measurement {
    measurement.signature = Signature([0; 65]);
    measurement
}

fn world() -> World {
    World::new(30, 40)
}

#[test]
fn stations_must_be_in_the_roster() {
    let world = world();
    let task = world.task_of(IN_ROSTER, 0);
    let outside = world.measure_task(OUTSIDER, task, |_| ());
    assert_eq!(label(&world, outside.clone()), Label::NotInRoster);
    // Takes precedence over every other fault.
    assert_eq!(label(&world, unsigned(outside)), Label::NotInRoster);
    let nowhere = world.measure_task(OUTSIDER, TaskIndex(9_999), |_| ());
    assert_eq!(label(&world, nowhere), Label::NotInRoster);
}

#[test]
fn signatures_must_be_the_stations() {
    let world = world();
    let mut forged = world.measure(IN_ROSTER, 0, |_| ());
    forged.sign(&key(1), &crate::support::DOMAIN);
    assert_eq!(label(&world, forged), Label::BadSignature);

    let mut altered = world.measure(IN_ROSTER, 0, |_| ());
    altered.byte_length = Some(2_048);
    assert_eq!(label(&world, altered), Label::BadSignature);

    let mut elsewhere = world.measure(IN_ROSTER, 0, |_| ());
    let domain = assize_measurement::Domain {
        rounds: Address::ZERO,
        ..crate::support::DOMAIN
    };
    elsewhere.sign(&key(IN_ROSTER), &domain);
    assert_eq!(label(&world, elsewhere), Label::BadSignature);

    // Takes precedence over a wrong task.
    let nowhere = world.measure_task(IN_ROSTER, TaskIndex(9_999), |_| ());
    assert_eq!(label(&world, unsigned(nowhere)), Label::BadSignature);
    let others = world.measure_task(IN_ROSTER, world.task_of_others(IN_ROSTER), |_| ());
    assert_eq!(label(&world, unsigned(others)), Label::BadSignature);
}

#[test]
fn tasks_must_be_in_the_list() {
    let world = world();
    let beyond = TaskIndex(world.tasks.count());
    assert_eq!(
        label(&world, world.measure_task(IN_ROSTER, beyond, |_| ())),
        Label::TaskNotInRound
    );

    let cid = world.measure(IN_ROSTER, 0, |m| m.cid = "bafkqaaa".into());
    assert_eq!(label(&world, cid), Label::TaskNotInRound);
    let not_a_cid = world.measure(IN_ROSTER, 0, |m| m.cid = format!("{}!", m.cid).into());
    assert_eq!(label(&world, not_a_cid), Label::TaskNotInRound);
    let provider = world.measure(IN_ROSTER, 0, |m| m.miner_id = "f077".into());
    assert_eq!(label(&world, provider), Label::TaskNotInRound);

    // Takes precedence over a wrong committee.
    let others = world.task_of_others(IN_ROSTER);
    let both = world.measure_task(IN_ROSTER, others, |m| m.miner_id = "f077".into());
    assert_eq!(label(&world, both), Label::TaskNotInRound);
}

#[test]
fn a_payload_has_one_spelling() {
    let world = world();
    let shouting = world.measure(IN_ROSTER, 0, |m| m.cid = m.cid.as_str().to_uppercase().into());
    assert_eq!(label(&world, shouting), Label::TaskNotInRound);
}

#[test]
fn tasks_must_be_the_committees() {
    let world = world();
    let others = world.task_of_others(IN_ROSTER);
    let stray = world.measure_task(IN_ROSTER, others, |_| ());
    // Takes precedence over a duplicate.
    let evaluation = world.evaluate(&[vec![stray.clone(), stray]]);
    assert_eq!(labels(&evaluation), [Label::TaskWrongCommittee; 2]);
}

#[test]
fn of_duplicates_the_first_in_commit_order_counts() {
    let world = world();
    let first = world.measure(IN_ROSTER, 0, |_| ());
    let other_task = world.measure(IN_ROSTER, 1, |_| ());
    let again = world.measure(IN_ROSTER, 0, |m| m.timeout = true);
    let evaluation = world.evaluate(&[
        vec![first.clone(), other_task],
        vec![again.clone(), first.clone()],
    ]);
    assert_eq!(
        labels(&evaluation),
        [Label::Ok, Label::Ok, Label::Duplicate, Label::Duplicate]
    );
    assert_eq!(
        evaluation
            .rates()
            .providers
            .values()
            .map(|counts| counts.successful)
            .sum::<u64>(),
        2
    );

    let evaluation = world.evaluate(&[vec![again], vec![first]]);
    assert_eq!(labels(&evaluation), [Label::Ok, Label::Duplicate]);
    assert_eq!(
        evaluation
            .rates()
            .providers
            .values()
            .map(|counts| counts.successful)
            .sum::<u64>(),
        0
    );
}

#[test]
fn a_measurement_excluded_by_an_earlier_rule_makes_no_duplicate() {
    let world = world();
    let good = world.measure(IN_ROSTER, 0, |_| ());
    let bad_provider = world.measure(IN_ROSTER, 0, |m| m.miner_id = "f077".into());
    let evaluation = world.evaluate(&[vec![unsigned(good.clone()), bad_provider, good]]);
    assert_eq!(
        labels(&evaluation),
        [Label::BadSignature, Label::TaskNotInRound, Label::Ok]
    );
}

#[test]
fn a_subnet_has_one_vote_per_task() {
    // One committee, one subnet.
    let world = World::with_subnets(8, 20, |_| 0);
    let measurements: Vec<_> = (0..8).map(|station| world.measure(station, 0, |_| ())).collect();
    let task = world.task_of(0, 0);
    let rank = |m: &Measurement| world.dedupe_seed().rank(m.station, task);
    let voter = measurements.iter().min_by_key(|m| rank(m)).unwrap().station;
    for batches in [
        vec![measurements.clone()],
        vec![measurements.iter().rev().cloned().collect()],
    ] {
        for outcome in world.evaluate(&batches).outcomes {
            let expected = if outcome.station == voter {
                Label::Ok
            } else {
                Label::DupSubnet
            };
            assert_eq!(outcome.label, expected);
        }
    }
    // `DUPLICATE` takes precedence over `DUP_SUBNET`, whoever votes.
    let twice: Vec<_> = measurements.iter().flat_map(|m| [m.clone(), m.clone()]).collect();
    let counts = world.evaluate(&[twice]).labels;
    assert_eq!((counts.ok, counts.dup_subnet, counts.duplicate), (1, 7, 8));
}

#[test]
fn outcomes_have_the_position_of_the_measurement() {
    let world = world();
    let (one, two) = (world.measure(0, 0, |_| ()), world.measure(1, 0, |_| ()));
    let outcomes = world
        .evaluate(&[vec![one.clone()], vec![], vec![one, two]])
        .outcomes;
    let places: Vec<_> = outcomes
        .iter()
        .map(|outcome| (outcome.origin, outcome.line))
        .collect();
    assert_eq!(
        places,
        [
            (Origin::Batch(0), 1),
            (Origin::Batch(2), 1),
            (Origin::Batch(2), 2)
        ]
    );
    assert_eq!(outcomes[1].as_str(), "DUPLICATE");
    assert_eq!(
        (outcomes[2].as_str(), outcomes[2].label),
        ("COMMITTEE_TOO_SMALL", Label::Ok)
    );
    assert_eq!(outcomes[1].verdict, None);
}

#[test]
fn verdicts_need_quorum_and_a_roster_of_the_least_size() {
    let world = World::new(10, 20);
    let honest = |count: usize| {
        vec![
            (0..count)
                .map(|station| world.measure(station, 0, |_| ()))
                .collect(),
        ]
    };
    assert_eq!(world.evaluate(&honest(2)).verdicts.committee_too_small, 2);
    assert_eq!(world.evaluate(&honest(3)).verdicts.majority_result, 3);

    let mut small = World::new(10, 20);
    small.parameters.min_committee_size = 10;
    assert_eq!(small.evaluate(&[small.honest()]).verdicts.majority_result, 20);
    small.parameters.min_committee_size = 11;
    let evaluation = small.evaluate(&[small.honest()]);
    assert_eq!(evaluation.verdicts.committee_too_small, 20);
    assert!(evaluation.accepted.is_empty() && evaluation.rewards.is_empty());
    assert_eq!(evaluation.reward.remainder, small.parameters.budget);
}

#[test]
fn the_minority_earns_nothing() {
    let world = World::new(9, 20);
    let measure = |station: usize| {
        world.measure(station, 0, |m| {
            if station >= 5 {
                m.car_checksum = Some("1220bb".into());
            }
        })
    };
    let evaluation = world.evaluate(&[(0..9).map(measure).collect()]);
    assert_eq!(
        (
            evaluation.verdicts.majority_result,
            evaluation.verdicts.minority_result
        ),
        (5, 4)
    );
    for outcome in &evaluation.outcomes {
        let honest = world.keys[..5]
            .iter()
            .any(|key| assize_measurement::station_address(key) == outcome.station);
        let expected = if honest {
            Verdict::MajorityResult
        } else {
            Verdict::MinorityResult
        };
        assert_eq!(outcome.verdict, Some(expected));
    }
    // They still count for the success rate.
    let counts: u64 = evaluation
        .rates()
        .providers
        .values()
        .map(|counts| counts.successful)
        .sum();
    assert_eq!(counts, 9);
}

#[test]
fn success_over_http_is_counted_separately() {
    let world = World::new(9, 20);
    let measure = |station: usize| {
        world.measure(station, 0, |m| match station {
            0..2 => (m.protocol, m.head_status_code) = (Some("graphsync".into()), None),
            2..5 => m.timeout = true,
            _ => {}
        })
    };
    let evaluation = world.evaluate(&[(0..9).map(measure).collect()]);
    let task = world.tasks.get(world.task_of(0, 0)).unwrap();
    let by_provider = [evaluation.rates().providers[&task.provider]];
    let by_client = task.clients.iter().map(|id| evaluation.rates().clients[id]);
    let by_allocator = task.allocators.iter().map(|id| evaluation.rates().allocators[id]);
    for counts in by_provider.into_iter().chain(by_client).chain(by_allocator) {
        assert_eq!(
            (counts.total, counts.successful, counts.successful_http),
            (9, 6, 4)
        );
    }
}

#[test]
fn a_round_without_stations_or_tasks_has_no_committees() {
    for world in [World::new(0, 20), World::new(20, 0)] {
        let measurement = world.measure_task(0, TaskIndex(0), |_| ());
        let evaluation = world.evaluate(&[vec![measurement]]);
        assert_eq!((evaluation.committees, evaluation.tasks_per_committee), (0, 0));
        let expected = if world.keys.is_empty() {
            Label::NotInRoster
        } else {
            Label::TaskNotInRound
        };
        assert_eq!(labels(&evaluation), [expected]);
    }
}

#[test]
fn committees_that_share_tasks_vote_separately() {
    // More committees than tasks: each has one, and several have the same.
    let mut world = World::new(40, 2);
    world.parameters.quorum = 10;
    let evaluation = world.evaluate(&[world.honest()]);
    assert_eq!((evaluation.committees, evaluation.tasks_per_committee), (4, 1));
    assert_eq!(evaluation.decisions.len(), 4);
    assert!(evaluation.decisions.iter().all(|decision| decision.voters == 10));
    assert_eq!(evaluation.verdicts.majority_result, 40);
}
