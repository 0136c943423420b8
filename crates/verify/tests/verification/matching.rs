//! Correct results match.

use assize_evaluate::Label;
use assize_protocol::{AttoFil, RoundNumber};
use assize_verify::Conclusion;

use crate::case::{BATCHES, Case, LEFT_OUT, OWN, UNREVEALED};

#[test]
fn settlements_match_with_and_without_a_parent() {
    let case = Case::new();
    for id in [1, 2] {
        let verified = case.verify(id).unwrap().matching().unwrap();
        assert_eq!(verified.document, case.document(id));
        assert_eq!(verified.settlement.id.0, id);
        assert_eq!(verified.rounds.len(), 2);
    }
    let (one, two) = (case.document(1), case.document(2));
    assert!(two.cumulative_total > one.cumulative_total);
    for before in &one.allocations {
        let (_, after) = two.allocation(before.operator).unwrap();
        assert_eq!(before.cumulative.checked_add(after.grown), Some(after.cumulative));
    }
    // What a station committed itself counts.
    let own = &one.rounds[1].own;
    assert_eq!((own.len(), own[0].station), (1, LEFT_OUT));
    assert!(
        one.reports
            .iter()
            .any(|report| (report.round, report.station) == (OWN, LEFT_OUT))
    );
}

#[test]
fn rounds_match_and_report_their_results() {
    let case = Case::new();
    let Conclusion::Match((facts, evaluation)) = case.evidence().verify_round(RoundNumber(1)).unwrap() else {
        panic!("a mismatch");
    };
    assert_eq!(facts.round, RoundNumber(1));
    assert_eq!(evaluation.batches.len(), BATCHES);
    // The simulated network has a station of every kind.
    for label in Label::ALL {
        assert!(
            evaluation.labels.get(label) > 0,
            "no {label} in {:?}",
            evaluation.labels
        );
    }
    assert!(evaluation.verdicts.majority_result > evaluation.verdicts.minority_result);
}

#[test]
fn an_unrevealed_round_pays_nothing() {
    let case = Case::new();
    let (facts, evaluation) = case
        .evidence()
        .verify_round(UNREVEALED)
        .unwrap()
        .matching()
        .unwrap();
    assert_eq!(facts.draw, None);
    assert_eq!(
        (evaluation.labels.total(), evaluation.reward.distributed),
        (0, AttoFil::ZERO)
    );
    assert_eq!(evaluation.reward.remainder, facts.parameters.budget);
}
