//! What is decided, and what becomes of it on a chain.

mod on_chain;

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use assize_facts::BatchCommitment;
use assize_measurement::unixfs::file_cid;
use assize_measurement::{Domain, MAX_REPORT, Signature, signer_of};
use assize_protocol::{RoundNumber, TaskIndex, TaskNumber, line_leaf, positional};
use assize_wire::InclusionDocument;
use secp256k1::SecretKey;

use super::look::{Cause, Look, Verdict, is_shown};
use super::report::{Lines, Report, fitting};
use super::testing::place;
use crate::StationKey;
use crate::spool::Made;

fn lines(all: &[(u32, usize)]) -> Lines {
    let made = |&(task, length): &(u32, usize)| {
        let made = Made {
            line: char::from(b'a' + task as u8).to_string().repeat(length),
            receipted: true,
        };
        (TaskIndex(task), made)
    };
    all.iter().map(made).collect()
}

fn tasks(tasks: &[u32]) -> Vec<TaskIndex> {
    tasks.iter().copied().map(TaskIndex).collect()
}

fn missing(causes: &[Cause]) -> Look {
    Look {
        missing: (0..).map(TaskIndex).zip(causes.iter().copied()).collect(),
        ..Look::default()
    }
}

#[test]
fn only_a_proof_against_a_committed_batch_of_the_round_shows_a_measurement() {
    let lines = [&b"one"[..], b"two", b"three"];
    let tree = positional::Tree::new(lines.iter().map(|line| line_leaf(line)).collect());
    let committed = |root, count| BatchCommitment {
        publisher: Address::ZERO,
        root,
        count,
        cid: file_cid(b""),
        committed_at: 1,
    };
    let round = RoundNumber(7);
    let batches = [committed(B256::repeat_byte(1), 9), committed(tree.root(), 3)];
    let said = InclusionDocument {
        round,
        root: tree.root(),
        count: 3,
        index: 1,
        proof: tree.proof(1).unwrap(),
    };
    assert!(is_shown(round, &batches, b"two", &said));
    assert!(!is_shown(round, &batches, b"three", &said));
    assert!(!is_shown(RoundNumber(8), &batches, b"two", &said));
    // A proof that holds, but of a batch that nobody committed.
    assert!(!is_shown(round, &batches[..1], b"two", &said));
    assert!(!is_shown(round, &[committed(tree.root(), 4)], b"two", &said));
    let lie = InclusionDocument { index: 2, ..said };
    assert!(!is_shown(round, &batches, b"two", &lie));
}

#[test]
fn what_asking_again_cannot_change_is_decided_at_once_and_the_rest_at_half_time() {
    let place = place(7, &[0, 1, 2]);
    // The window is 1 211 to 1 270 s.
    assert_eq!((place.step(), place.decide_at()), (10, 1_240));
    let at = |causes: &[Cause], now| missing(causes).verdict(&place, now);
    assert_eq!(at(&[], 1_211), Verdict::Included);
    assert_eq!(at(&[Cause::NoBatch, Cause::NotAccepted], 1_211), Verdict::LeftOut);
    for unsure in [Cause::Omitted, Cause::FalseProof, Cause::NoAnswer] {
        assert_eq!(at(&[Cause::NotAccepted, unsure], 1_239), Verdict::Again);
        assert_eq!(at(&[Cause::NotAccepted, unsure], 1_240), Verdict::LeftOut);
    }
    let causes = missing(&[Cause::Omitted, Cause::NoAnswer, Cause::Omitted]).causes();
    assert_eq!(
        causes,
        BTreeMap::from([(Cause::Omitted, 2), (Cause::NoAnswer, 1)])
    );
}

#[test]
fn a_report_has_what_was_left_out_in_the_order_of_k() {
    // The committee has task 2 twice; there is no measurement of task 4.
    let place = place(7, &[3, 2, 1, 2, 4]);
    let lines = lines(&[(1, 2), (2, 1), (3, 3)]);
    let (report, omitted) = fitting(&place, &lines, |task| task.0 != 1 && lines.contains_key(&task));
    assert_eq!((&report, &omitted), (&tasks(&[3, 2]), &tasks(&[])));
    let report = Report::of(&place, &lines, &report);
    assert_eq!((&report.bytes[..], report.count()), (&b"ddd\nc\n"[..], 2));

    let key = StationKey::new(SecretKey::from_secret_bytes([7; 32]).unwrap());
    let domain = Domain {
        chain_id: 314,
        rounds: Address::repeat_byte(1),
    };
    let signed = report.seal(&place, &key, &domain);
    assert_eq!(signed, report.seal(&place, &key, &domain));
    assert_eq!(
        signer_of(signed.seal.digest(&domain), &Signature(signed.signature)),
        Some(key.address())
    );
    let bits = [0, 1, 2, 3, 4].map(|k| signed.seal.tasks.contains(TaskNumber(k)));
    assert_eq!(bits, [true, true, false, false, false]);
    assert_eq!(signed.entry.operator, signed.seal.operator);
}

#[test]
fn a_report_is_no_longer_than_the_contract_takes() {
    let place = place(7, &[0, 1, 2, 3]);
    // The first two fill it but for 10 bytes; the third does not fit, the fourth does.
    let lines = lines(&[(0, MAX_REPORT / 2), (1, MAX_REPORT / 2 - 12), (2, 10), (3, 9)]);
    let (report, omitted) = fitting(&place, &lines, |_| true);
    assert_eq!((&report, &omitted), (&tasks(&[0, 1, 3]), &tasks(&[2])));
    assert_eq!(Report::of(&place, &lines, &report).bytes.len(), MAX_REPORT);
}
