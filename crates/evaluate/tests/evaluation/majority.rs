//! Differences that split a committee, and those that do not.

use assize_evaluate::{Decision, Finding};
use assize_measurement::{Measurement, Millis};

use crate::support::World;

/// The decision of a committee of eight of which half reports a success and the other half the same with `change`.
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
fn differences_about_the_indexer_split_both_votes() {
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
fn differences_about_the_retrieval_split_its_vote_only() {
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
    assert_eq!(decision.retrieval, Finding::Majority("OK".into()));
}
