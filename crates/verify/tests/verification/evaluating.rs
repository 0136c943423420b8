//! Evaluators and verifiers use the same code.

use assize_evaluate::SettlementDocument;
use assize_facts::SettlementId;
use assize_protocol::{B256, RoundNumber, Seed};
use assize_verify::VerifyError;

use crate::case::Case;

#[test]
fn all_evaluators_make_the_same_document() {
    let case = Case::new();
    let evaluate = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let parent = Some(SettlementId(1));
        let range = pool.install(|| {
            case.evidence()
                .evaluate_range(RoundNumber(3), RoundNumber(4), parent)
        });
        range.unwrap().document.to_bytes()
    };
    let document = evaluate(1);
    assert_eq!(document, evaluate(4));
    assert_eq!(document, case.document(2).to_bytes());
    assert!(SettlementDocument::parse(&document).is_ok());
}

#[test]
fn a_range_keeps_figures_and_outcomes_only_if_they_are_asked_for() {
    let case = Case::new();
    let (first, last) = (RoundNumber(1), RoundNumber(2));
    let brief = case.evidence().evaluate_range(first, last, None).unwrap();
    let full = case.evidence().evaluate_range_in_full(first, last, None).unwrap();
    assert_eq!(brief.document, full.document);
    for ((_, brief), (_, full)) in brief.rounds.iter().zip(&full.rounds) {
        assert_eq!(brief.outcomes.capacity(), 0);
        assert_eq!(full.outcomes.len() as u64, full.labels.total());
        assert_eq!((brief.labels, &brief.figures), (full.labels, &full.figures));
    }
    assert!(full.rounds.iter().any(|(_, round)| !round.outcomes.is_empty()));
}

#[test]
fn an_evaluator_stops_at_a_false_seed() {
    let mut case = Case::new();
    case.round(1).seed = Some(Seed(B256::ZERO));
    let error = case
        .evidence()
        .evaluate_range(RoundNumber(1), RoundNumber(2), None)
        .unwrap_err();
    assert!(matches!(error, VerifyError::Mismatch(_)));
    assert!(
        error.to_string().starts_with("chain.rounds[1].seed should be 0x"),
        "{error}"
    );
}

#[test]
fn the_range_must_continue_the_parent() {
    let case = Case::new();
    let evidence = case.evidence();
    let error = evidence
        .evaluate_range(RoundNumber(2), RoundNumber(2), None)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "round 2 cannot be settled now: round 1 comes first"
    );
    let error = evidence
        .evaluate_range(RoundNumber(4), RoundNumber(4), Some(SettlementId(1)))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "round 4 cannot be settled now: round 3 comes first"
    );
    let error = evidence
        .evaluate_range(RoundNumber(1), RoundNumber(0), None)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "there are no rounds to settle: include at least round 1"
    );
}

#[test]
fn the_document_supports_claims() {
    let case = Case::new();
    let document = case.evidence().settlement_document(SettlementId(2)).unwrap();
    for allocation in &document.allocations {
        assert!(document.proof(allocation.operator).is_some());
    }
}
