//! Spark's own cases of committee decisions (vectors/committee_majority.json).

use std::collections::BTreeMap;

use assize_evaluate::{Finding, IndexerVote, Vote, decide};
use assize_measurement::RetrievalResult;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
struct Vectors {
    base: Map<String, Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    field: String,
    values: Vec<Value>,
    required_committee_size: usize,
    decision: Map<String, Value>,
    consensus: Vec<String>,
}

fn vote(row: &Map<String, Value>) -> Vote<'_> {
    let text = |field: &str| row.get(field).and_then(Value::as_str);
    // Any results that differ where the vectors' do.
    let results = BTreeMap::from([
        ("OK", RetrievalResult::Ok),
        (
            "CONTENT_VERIFICATION_FAILED",
            RetrievalResult::ContentVerificationFailed,
        ),
        ("IPNI_ERROR_404", RetrievalResult::Ipni("ERROR_404".into())),
        ("HTTP_502", RetrievalResult::Http(502)),
    ]);
    Vote {
        indexer: IndexerVote {
            provider_id: text("providerId"),
            indexer_result: text("indexerResult"),
            provider_address: text("provider_address"),
            protocol: text("protocol"),
        },
        result: results[text("retrievalResult").unwrap()].clone(),
        byte_length: row.get("byte_length").and_then(Value::as_i64),
        car_checksum: text("carChecksum"),
    }
}

#[test]
fn committees_decide_as_sparks_did() {
    let vectors: Vectors = serde_json::from_str(include_str!("../fixtures/committee_majority.json")).unwrap();
    assert_eq!(vectors.cases.len(), 12);
    for (number, case) in vectors.cases.into_iter().enumerate() {
        let rows: Vec<_> = case
            .values
            .into_iter()
            .map(|value| {
                let mut row = vectors.base.clone();
                let previous = row.insert(case.field.clone(), value);
                assert!(previous.is_some(), "case {number} varies an unknown field");
                row
            })
            .collect();
        let votes: Vec<_> = rows.iter().map(vote).collect();
        let (decision, verdicts) = decide(&votes, votes.len() >= case.required_committee_size);

        let verdicts: Vec<_> = verdicts.iter().map(ToString::to_string).collect();
        assert_eq!(verdicts, case.consensus, "case {number}");
        assert_eq!(
            case.decision,
            Map::from_iter([
                (
                    "indexMajorityFound".into(),
                    decision.indexer.majority().is_some().into()
                ),
                ("indexerResult".into(), decision.indexer.to_string().into()),
                (
                    "retrievalMajorityFound".into(),
                    decision.retrieval.majority().is_some().into()
                ),
                ("retrievalResult".into(), decision.retrieval.to_string().into()),
            ]),
            "case {number}"
        );
    }
}

#[test]
fn nothing_agrees_with_nothing_only() {
    let absent = Vote {
        indexer: IndexerVote {
            provider_id: None,
            indexer_result: Some("NO_VALID_ADVERTISEMENT"),
            provider_address: None,
            protocol: None,
        },
        result: RetrievalResult::Ipni("NO_VALID_ADVERTISEMENT".into()),
        byte_length: None,
        car_checksum: None,
    };
    let zero = Vote {
        byte_length: Some(0),
        ..absent.clone()
    };
    let (decision, _) = decide(&[absent.clone(), zero.clone()], true);
    assert_eq!(
        decision.indexer,
        Finding::Majority("NO_VALID_ADVERTISEMENT".into())
    );
    assert_eq!(decision.retrieval, Finding::MajorityNotFound);
}
