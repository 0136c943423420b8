//! Own reports are further batches, and what was dropped is left out (docs/protocol.md §9.6, §11.3).

use assize_evaluate::{
    Committed, Origin, RoundEvaluation, RoundFacts, SettlementDocument, evaluate_round, settle,
};
use assize_facts::{ChainRound, Drops, FileKey, Round, Times};
use assize_measurement::ndjson::{self, Batch};
use assize_protocol::{List, RoundNumber, StationIndex};

use crate::support::{CONTRACTS, World, batch, commit, own};

fn settled(facts: RoundFacts, evaluation: RoundEvaluation, drops: u32) -> SettlementDocument {
    let document = settle(CONTRACTS, None, drops, &[(facts, evaluation)]).unwrap();
    assert_eq!(SettlementDocument::parse(&document.to_bytes()).unwrap(), document);
    document
}

fn committed(number: u32, batch: &Batch) -> Committed<'_> {
    Committed::Batch {
        commitment: commit(number, batch),
        batch,
    }
}

#[test]
fn a_report_of_a_stations_own_is_read_after_all_batches() {
    let world = World::new(20, 30);
    let mut measurements = world.honest();
    let left_out = measurements.split_off(38);
    let (published, report) = (batch(&measurements), batch(&left_out));
    let own = Committed::Own {
        report: own(19),
        batch: &report,
    };
    let evaluation = evaluate_round(&world.input(), &[committed(0, &published), own]);
    let whole = world.evaluate(&[[measurements, left_out].concat()]);
    assert_eq!(
        (&evaluation.accepted, &evaluation.rewards),
        (&whole.accepted, &whole.rewards)
    );
    let last = evaluation.outcomes.last().unwrap();
    assert_eq!((last.origin, last.line), (Origin::Own(StationIndex(19)), 2));
    let counts = evaluation.own[0];
    assert_eq!(
        (counts.station, counts.lines, counts.invalid),
        (StationIndex(19), 2, 0)
    );
    assert_eq!(evaluation.batches.len(), 1);
    let document = settled(world.facts(), evaluation, 0);
    assert_eq!(document.allocations, settled(world.facts(), whole, 0).allocations);
}

#[test]
fn of_a_report_that_was_published_too_the_published_one_counts() {
    let world = World::new(20, 30);
    let measurements = world.honest();
    let (published, report) = (batch(&measurements), batch(&measurements[..2]));
    let own = Committed::Own {
        report: own(0),
        batch: &report,
    };
    let evaluation = evaluate_round(&world.input(), &[committed(0, &published), own]);
    assert_eq!((evaluation.labels.ok, evaluation.labels.duplicate), (40, 2));
    settled(world.facts(), evaluation, 0);
}

#[test]
fn invalid_lines_of_own_reports_are_counted() {
    let world = World::new(20, 30);
    let mut file = ndjson::to_ndjson(&world.honest()[..2]);
    file.extend_from_slice(b"\nnonsense");
    let report = ndjson::parse_batch(world.round, &file);
    let own = Committed::Own {
        report: own(0),
        batch: &report,
    };
    let evaluation = evaluate_round(&world.input(), &[own]);
    assert_eq!((evaluation.own[0].lines, evaluation.own[0].invalid), (4, 2));
    assert_eq!(evaluation.invalid.get("line"), Some(&2));
    settled(world.facts(), evaluation, 0);
}

#[test]
fn a_dropped_batch_counts_as_if_it_had_not_been_committed() {
    let world = World::new(20, 30);
    let measurements = world.honest();
    let (one, two) = measurements.split_at(20);
    let (lost, kept) = (batch(one), batch(two));
    let dropped = Committed::Dropped(commit(0, &lost));
    let evaluation = evaluate_round(&world.input(), &[dropped, committed(1, &kept)]);
    let without = world.evaluate(&[two.to_vec()]);
    assert_eq!(
        (&evaluation.accepted, &evaluation.labels, &evaluation.figures),
        (&without.accepted, &without.labels, &without.figures)
    );
    // Only its place is left.
    assert_eq!(evaluation.outcomes[0].origin, Origin::Batch(1));
    let counts = evaluation.batches[0];
    assert_eq!((counts.dropped, counts.invalid, counts.count), (true, 0, 20));
    assert!(!evaluation.batches[1].dropped);
    settled(world.facts(), evaluation, 1);
}

#[test]
fn a_round_without_one_of_its_lists_pays_nothing() {
    let world = World::new(20, 30);
    let facts = world.facts();
    let published = batch(&world.honest());
    let chain = ChainRound {
        round: Round {
            number: facts.round,
            roster: facts.roster,
            tasks: facts.tasks,
            parameters: facts.parameters,
            opened_at: 0,
            times: Times::of_round(0, &facts.parameters),
            beacon_round: facts.beacon_round,
            dedupe_beacon_round: facts.dedupe_beacon_round,
            seed: Some(world.seed()),
        },
        commitments: vec![commit(0, &published), commit(1, &published)],
        own: vec![own(3)],
    };
    let elsewhere = FileKey::batch(RoundNumber(2), 0);
    let drops = [
        FileKey::list(facts.round, List::Tasks),
        FileKey::batch(facts.round, 1),
        elsewhere,
    ];
    let drops: Drops = drops.into_iter().collect();
    let facts = RoundFacts::new(&chain.round, &drops, None);
    assert_eq!(facts.dropped_lists, [List::Tasks]);
    let evaluation = RoundEvaluation::not_drawn(&chain, &drops);
    assert_eq!((evaluation.committees, evaluation.labels.total()), (0, 0));
    let dropped: Vec<bool> = evaluation.batches.iter().map(|batch| batch.dropped).collect();
    assert_eq!(dropped, [false, true]);
    assert_eq!(
        (evaluation.own[0].station, evaluation.own[0].lines),
        (StationIndex(3), 0)
    );
    assert_eq!(evaluation.reward.remainder, chain.round.parameters.budget);
    let document = settled(facts, evaluation, 3);
    assert!(document.allocations.is_empty());
}
