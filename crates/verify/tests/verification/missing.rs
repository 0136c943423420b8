//! Missing and damaged inputs are named, with the remedy.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use assize_drand::{Chain, RecordedBeacons, Verified};
use assize_facts::{FileKey, RoundFault, SettlementId};
use assize_protocol::{B256, List, Roster, RoundNumber};
use assize_store::{Source, Store};
use assize_testkit::fixtures;
use assize_verify::{OwnReports, VerifyError};

use crate::case::{Case, commit};

#[test]
fn a_batch_that_is_not_in_the_store() {
    let case = Case::new();
    let cid = case.batch(2, 1).cid;
    fs::remove_file(case.store.path(&cid)).unwrap();
    let error = case.error();
    assert!(matches!(error, VerifyError::Store { .. }), "{error}");
    let message = error.to_string();
    assert!(
        message.starts_with(&format!("batch 1 of round 2: {cid} is not in the store")),
        "{message}"
    );
    // The other round is unaffected.
    assert!(case.evidence().verify_round(RoundNumber(1)).is_ok());
}

#[test]
fn a_block_with_one_bit_flipped() {
    let case = Case::new();
    let path = case.store.path(&case.batch(1, 0).cid);
    let mut car = fs::read(&path).unwrap();
    let middle = car.len() / 2;
    car[middle] ^= 1;
    fs::write(&path, car).unwrap();
    let message = case.error().to_string();
    assert!(
        message.starts_with("batch 0 of round 1: ") && message.contains("damaged"),
        "{message}"
    );
}

#[test]
fn a_roster_whose_root_is_not_the_chains() {
    let mut case = Case::new();
    let mut entries = case.roster().entries().to_vec();
    entries[0].operator = entries[1].operator.create(0);
    let cid = case
        .store
        .put(&Roster::new(entries).unwrap().to_ndjson())
        .unwrap();
    case.round(1).roster.cid = cid;
    let message = case.error().to_string();
    assert!(
        message.starts_with("the roster of round 1 has root 0x"),
        "{message}"
    );
    assert!(
        message.contains(&cid.to_string()) && message.contains("do not sign"),
        "{message}"
    );

    let mut case = Case::new();
    case.round(1).roster.root = B256::ZERO;
    assert!(matches!(
        case.error(),
        VerifyError::Round(RoundFault::WrongList {
            what: "root",
            list: List::Roster,
            ..
        })
    ));
    let mut case = Case::new();
    case.round(1).roster.count += 1;
    assert!(matches!(
        case.error(),
        VerifyError::Round(RoundFault::WrongList {
            what: "count",
            list: List::Roster,
            ..
        })
    ));
}

#[test]
fn another_or_a_malformed_task_list() {
    let mut case = Case::new();
    case.round(2).tasks.root = B256::ZERO;
    assert!(matches!(
        case.error(),
        VerifyError::Round(RoundFault::WrongList {
            what: "root",
            list: List::Tasks,
            ..
        })
    ));

    let mut case = Case::new();
    case.round(2).tasks.cid = case.round(2).roster.cid;
    let message = case.error().to_string();
    assert!(message.contains("line 1 of the task list"), "{message}");

    let mut case = Case::new();
    let cid = case.store.put(b"").unwrap();
    case.round(2).tasks.cid = cid;
    assert!(matches!(
        case.error(),
        VerifyError::Round(RoundFault::WrongList { what: "count", .. })
    ));
}

#[test]
fn beacons_that_are_missing_or_forged() {
    let mut case = Case::new();
    let all = fixtures::beacons().unwrap();
    let without = all
        .iter()
        .filter(|beacon| beacon.round != case.round(2).dedupe_beacon_round)
        .cloned();
    case.beacons = Verified::new(Chain::quicknet(), RecordedBeacons::new(without).unwrap());
    let message = case.error().to_string();
    let wanted = case.round(2).dedupe_beacon_round;
    assert!(
        message.starts_with(&format!("beacon {wanted} of round 2: ")),
        "{message}"
    );

    let mut case = Case::new();
    let mut forged = all;
    let other = forged[5].signature.clone();
    let used = case.round(1).beacon_round;
    let place = forged.iter().position(|beacon| beacon.round == used).unwrap();
    forged[place].signature = other;
    case.beacons = Verified::new(Chain::quicknet(), RecordedBeacons::new(forged).unwrap());
    assert!(matches!(
        case.error(),
        VerifyError::Round(RoundFault::Beacon {
            round: RoundNumber(1),
            ..
        })
    ));
}

#[test]
fn a_missing_or_malformed_settlement_document() {
    let mut case = Case::new();
    let cid = case.proposal(1).cid;
    fs::remove_file(case.store.path(&cid)).unwrap();
    let message = case.error().to_string();
    assert!(message.starts_with("the document of settlement 1: "), "{message}");

    let mut case = Case::new();
    case.proposal(1).cid = case.batch(1, 0).cid;
    let message = case.error().to_string();
    assert!(
        message.contains("of settlement 1: this is not a settlement document"),
        "{message}"
    );
}

#[test]
fn a_round_that_is_under_way() {
    let mut case = Case::new();
    case.facts.now = case.round(2).times.dedupe_from;
    let error = case.error();
    let message = error.to_string();
    assert!(
        matches!(
            error,
            VerifyError::Round(RoundFault::UnderWay {
                round: RoundNumber(2),
                ..
            })
        ),
        "{message}"
    );
    assert!(case.evidence().verify_round(RoundNumber(2)).is_err());
    assert!(case.evidence().verify_round(RoundNumber(1)).is_ok());
}

#[test]
fn facts_that_were_not_read() {
    let mut case = Case::new();
    let message = case.verify(3).unwrap_err().to_string();
    assert!(
        message.starts_with("settlement 3 is not among the facts"),
        "{message}"
    );
    case.facts.rounds.remove(&RoundNumber(2));
    let message = case.error().to_string();
    assert!(message.starts_with("round 2 is not among the facts"), "{message}");
    case.facts.settlements.remove(&SettlementId(1));
    assert!(matches!(case.verify(2), Err(VerifyError::NotRead { .. })));
}

#[test]
fn a_report_that_was_not_read_from_the_chain() {
    let mut case = Case::new();
    case.own = OwnReports::default();
    let message = case.error().to_string();
    assert!(
        message.starts_with("the report that station 5 of round 2 committed itself is not among the facts"),
        "{message}"
    );
}

#[test]
fn a_batch_counts_wherever_its_lines_are_found() {
    let mut case = Case::new();
    let commitment = case.batch(1, 0);
    let lines = case.store.get(&commitment.cid).unwrap();
    // Its CID leads to another file.
    let other = commit(&case.store, b"other lines\n", 0);
    case.chain_round(1).commitments[0].cid = other.cid;
    let key = FileKey::batch(RoundNumber(1), 0);
    let error = case.evidence().verify_round(RoundNumber(1)).unwrap_err();
    let message = error.to_string();
    assert!(
        matches!(error, VerifyError::NotTheBatch { batch, .. } if batch == key),
        "{message}"
    );
    assert!(
        error.is_retryable() && message.starts_with("batch 0 of round 1 is not behind its CID"),
        "{message}"
    );
    // Elsewhere, without the line feed at its end, which is no part of a line.
    case.elsewhere.push(lines[..lines.len() - 1].to_vec());
    assert!(
        case.with(|evidence| evidence.verify_round(RoundNumber(1)))
            .unwrap()
            .matching()
            .is_some()
    );
    // Nowhere: then neither does anything with other lines.
    fs::remove_file(case.store.path(&other.cid)).unwrap();
    assert!(
        case.with(|evidence| evidence.verify_round(RoundNumber(1)))
            .unwrap()
            .matching()
            .is_some()
    );
    case.elsewhere[0][0] ^= 1;
    let error = case
        .with(|evidence| evidence.verify_round(RoundNumber(1)))
        .unwrap_err();
    assert!(matches!(error, VerifyError::Store { .. }), "{error}");
}

#[test]
fn files_that_cannot_be_read_are_listed_and_left_out_once_dropped() {
    let mut case = Case::new();
    let (lost, wrong) = (case.batch(1, 1), case.round(2).tasks.cid);
    fs::remove_file(case.store.path(&lost.cid)).unwrap();
    case.round(2).tasks.root = B256::ZERO;
    assert_eq!(case.round(1).tasks.cid, wrong, "the file itself is there");
    let (first, last) = (RoundNumber(1), RoundNumber(4));
    let try_all = |case: &Case| {
        let evidence = case.evidence();
        evidence
            .unreadable(first, last, &|_| Some(0), Duration::MAX)
            .unwrap()
    };
    let tried = try_all(&case);
    let keys: Vec<FileKey> = tried.failed.iter().map(|(key, _)| *key).collect();
    assert!(tried.left.is_empty());
    let expected = [
        FileKey::batch(first, 1),
        FileKey::list(RoundNumber(2), List::Tasks),
    ];
    assert_eq!(keys, expected);
    assert!(case.verify(1).is_err());

    // Once they are dropped, the range can be evaluated and verified.
    case.facts.drops = expected.to_vec();
    assert!(try_all(&case).failed.is_empty());
    let range = case
        .evidence()
        .evaluate_range(first, RoundNumber(2), None)
        .unwrap();
    assert_eq!(range.document.drops, 2);
    assert!(range.document.rounds[0].commitments[1].dropped);
    assert_eq!(range.document.rounds[1].facts.dropped_lists, [List::Tasks]);
    assert_eq!(range.document.rounds[1].rewarded, 0);
    case.post(SettlementId(1), &range.document);
    assert!(case.verify(1).unwrap().matching().is_some());
    // What was dropped and can be read is named.
    assert!(case.evidence().readable_drops(first, last).unwrap().is_empty());
    let dropped = FileKey::batch(RoundNumber(2), 0);
    case.facts.drops.push(dropped);
    assert_eq!(case.evidence().readable_drops(first, last).unwrap(), [dropped]);
    // A settlement leaves out what was dropped before it, not what was dropped after.
    assert!(case.verify(1).unwrap().matching().is_some());
    // Nor can it leave out more than was ever dropped.
    case.proposal(1).drops = 4;
    assert_eq!(case.mismatch().0, "chain.drops");
}

#[test]
fn without_time_files_are_tried_in_turns_and_nothing_is_said_of_the_others() {
    let case = Case::new();
    let lost = FileKey::batch(RoundNumber(1), 1);
    fs::remove_file(case.store.path(&case.batch(1, 1).cid)).unwrap();
    let (first, last) = (RoundNumber(1), RoundNumber(2));
    let all = case
        .evidence()
        .unreadable(first, last, &|_| Some(0), Duration::MAX)
        .unwrap();
    let count = all.read.len() + 1;
    let mut turns = BTreeMap::<FileKey, u64>::new();
    let mut failed = Vec::new();
    for pass in 1..=count {
        let turn = |file| Some(turns.get(&file).copied().unwrap_or_default());
        let tried = case
            .evidence()
            .unreadable(first, last, &turn, Duration::ZERO)
            .unwrap();
        assert_eq!(tried.left.len(), count - 1);
        let these = tried.failed.iter().map(|(file, _)| *file);
        let these: Vec<_> = these.chain(tried.read).collect();
        failed.extend(tried.failed.into_iter().map(|(file, _)| file));
        turns.insert(these[0], pass as u64);
    }
    assert_eq!((turns.len(), failed), (count, vec![lost]), "each had its turn");
    let oldest = case
        .evidence()
        .unreadable(first, last, &|file| Some(turns[&file]), Duration::ZERO);
    let (file, _) = turns.iter().find(|(_, pass)| **pass == 1).unwrap();
    assert_eq!(oldest.unwrap().read, [*file]);
    let some = case
        .evidence()
        .unreadable(first, last, &|file| (file != lost).then_some(0), Duration::MAX)
        .unwrap();
    assert_eq!((some.read, some.failed.len(), some.left.len()), (all.read, 0, 0));
}
