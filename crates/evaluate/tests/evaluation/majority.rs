//! Spark's own cases of committee decisions (vectors/committee_majority.json).

use std::collections::BTreeMap;

use assize_evaluate::{Decision, Finding, IndexerVote, Vote, decide};
use assize_measurement::{Measurement, Millis, RetrievalResult};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::support::World;

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

/// What a committee of eight decides if half of it reports a success and the other half the same but for `change`.
fn split(change: fn(&mut Measurement)) -> Decision {
    let world = World::new(8, 20);
    let measure = |station: usize| {
        world.measure(station, 0, |measurement| {
            if station >= 4 {
                change(measurement);
            }
        })
    };
    let mut evaluation = world.evaluate(&[(0..8).map(measure).collect()]);
    assert_eq!(evaluation.decisions.len(), 1);
    evaluation.decisions.remove(0).decision
}

#[test]
fn what_the_indexer_said_splits_both_votes() {
    let changes: [fn(&mut Measurement); 5] = [
        |m| m.provider_id = Some("12D3KooX".into()),
        |m| m.indexer_result = Some("ERROR_404".into()),
        |m| m.provider_address = None,
        |m| m.protocol = Some("graphsync".into()),
        |m| m.protocol = None,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let decision = split(change);
        assert_eq!(decision.indexer, Finding::MajorityNotFound, "change {number}");
        assert_eq!(decision.retrieval, Finding::MajorityNotFound, "change {number}");
    }
}

#[test]
fn what_the_retrieval_gave_splits_the_retrieval_vote_alone() {
    let changes: [fn(&mut Measurement); 5] = [
        |m| m.byte_length = Some(1_025),
        |m| m.byte_length = None,
        |m| m.car_checksum = None,
        |m| m.timeout = true,
        |m| m.status_code = Some(502),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let decision = split(change);
        assert_eq!(
            decision.indexer,
            Finding::Majority("OK".into()),
            "change {number}"
        );
        assert_eq!(decision.retrieval, Finding::MajorityNotFound, "change {number}");
    }
}

#[test]
fn times_and_versions_split_no_vote() {
    let decision = split(|m| {
        m.start_at = Some(Millis(5_000));
        m.first_byte_at = Some(Millis(5_001));
        m.end_at = Some(Millis(5_002));
        m.head_status_code = Some(405);
        m.spark_version = Some("1.20.0".into());
        m.zinnia_version = Some("0.20.0".into());
        m.attestation = Some("token".into());
    });
    assert_eq!(decision.indexer, Finding::Majority("OK".into()));
    assert_eq!(decision.retrieval, Finding::Majority(RetrievalResult::Ok));
}
