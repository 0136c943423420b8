//! Recomputes from a bundle, without a network.

use std::fs;
use std::path::Path;

use assize_bundle::{Bundle, FACTS};
use assize_drand::{Chain, Verified};
use assize_facts::{ChainRound, FileKey, Mismatch, SettlementId, Times};
use assize_protocol::{B256, List, RoundNumber, Seed, StationIndex, TaskIndex};
use assize_store::{Source, Store};
use assize_verify::{Conclusion, Evidence, Unpacked, VerifyError};
use serde::Serialize;

use crate::case::{BATCHES, Case, UNREVEALED};

/// The result of verifying a bundle.
fn verify(bundle: Bundle) -> Result<Option<Mismatch>, VerifyError> {
    let Unpacked {
        facts,
        beacons,
        drand,
        own,
        files,
    } = Unpacked::open(bundle)?;
    let evidence = Evidence {
        chain: &facts,
        own: &own,
        store: &files,
        elsewhere: &|_, commitment| files.batch(commitment),
        beacons: &Verified::new(drand, beacons),
        progress: &|_| {},
    };
    for &round in facts.rounds.keys() {
        if let Conclusion::Mismatch(mismatch) = evidence.verify_round(round)? {
            return Ok(Some(mismatch));
        }
    }
    for &settlement in facts.settlements.keys() {
        if let Conclusion::Mismatch(mismatch) = evidence.verify_settlement(settlement)? {
            return Ok(Some(mismatch));
        }
    }
    Ok(None)
}

#[test]
fn a_bundle_gives_the_same_result_as_the_network() {
    let case = Case::new();
    let bundle = case.evidence().bundle().unwrap();
    let files: Vec<&str> = bundle.files().iter().map(|file| file.name.as_str()).collect();
    // One roster and one task list serve all four rounds; the unrevealed round has no commitments.
    assert_eq!(
        files,
        [
            "facts.json",
            "beacons.json",
            "drand.json",
            "rounds/1/roster.ndjson",
            "rounds/1/tasks.ndjson",
            "rounds/1/batches/0.ndjson",
            "rounds/1/batches/1.ndjson",
            "rounds/2/batches/0.ndjson",
            "rounds/2/batches/1.ndjson",
            "rounds/2/own/5.ndjson",
            "rounds/4/batches/0.ndjson",
            "rounds/4/batches/1.ndjson",
            "settlements/1.json",
            "settlements/2.json",
        ]
    );
    assert_eq!(BATCHES, 2);
    let (root, packed) = bundle.to_car();
    let read = Bundle::from_car(&packed).unwrap();
    assert_eq!(read.root(), root);
    let unpacked = Unpacked::open(read.clone()).unwrap();
    assert_eq!(unpacked.facts, case.facts);
    assert_eq!(unpacked.drand, Chain::quicknet());
    assert_eq!(unpacked.beacons.len(), 6, "the unrevealed round needs none");
    assert!(unpacked.facts.rounds[&UNREVEALED].round.seed.is_none());
    assert_eq!(verify(read).unwrap(), None);
}

#[test]
fn one_round_alone() {
    let mut case = Case::new();
    case.facts.rounds.retain(|number, _| *number == RoundNumber(2));
    case.facts.settlements.clear();
    let bundle = case.evidence().bundle().unwrap();
    assert_eq!(bundle.files().len(), 6 + BATCHES);
    assert_eq!(verify(bundle).unwrap(), None);
}

#[test]
fn what_was_dropped_is_not_in_a_bundle() {
    let mut case = Case::new();
    case.facts.settlements.clear();
    case.facts.drops = vec![
        FileKey::batch(RoundNumber(1), 0),
        FileKey::list(RoundNumber(2), List::Roster),
    ];
    fs::remove_file(case.store.path(&case.batch(1, 0).cid)).unwrap();
    let bundle = case.evidence().bundle().unwrap();
    let names = || bundle.files().iter().map(|file| file.name.as_str());
    assert!(!names().any(|name| name == "rounds/1/batches/0.ndjson" || name.starts_with("rounds/2/")));
    assert!(names().any(|name| name == "rounds/1/batches/1.ndjson"));
    assert_eq!(verify(bundle).unwrap(), None);
}

#[test]
fn a_batch_with_another_cid_is_in_a_bundle_by_its_lines() {
    let mut case = Case::new();
    case.facts.rounds.retain(|number, _| *number == RoundNumber(1));
    case.facts.settlements.clear();
    let lines = case.store.get(&case.batch(1, 0).cid).unwrap();
    case.chain_round(1).commitments[0].cid = case.store.put(b"other lines\n").unwrap();
    case.elsewhere.push(lines);
    let bundle = case.with(|evidence| evidence.bundle()).unwrap();
    assert_eq!(verify(bundle).unwrap(), None);
}

/// A bundle with a changed file, and consistent CIDs.
fn changed(case: &Case, name: &str, from: &str, to: &str) -> Bundle {
    let bundle = case.evidence().bundle().unwrap();
    let files = bundle.files().iter().map(|file| {
        let mut content = file.content.clone();
        if file.name == name {
            let text = String::from_utf8(content).unwrap();
            assert!(text.contains(from), "{from} is not in {name}");
            content = text.replacen(from, to, 1).into();
        }
        (file.name.clone(), content)
    });
    Bundle::new(files).unwrap()
}

#[test]
fn a_consistent_forgery_is_detected() {
    let case = Case::new();
    let lie = |name: &str, from: &str, to: &str| verify(changed(&case, name, from, to));
    let seed = case.facts.rounds[&RoundNumber(1)].round.seed.unwrap().to_string();
    let mismatch = lie(FACTS, &seed, &format!("0x{}", "11".repeat(32)))
        .unwrap()
        .unwrap();
    assert_eq!(mismatch.path, "chain.rounds[1].seed");
    assert_eq!(mismatch.ours, seed);

    let root = case.facts.rounds[&RoundNumber(1)].round.roster.root.to_string();
    let error = lie(FACTS, &root, &format!("0x{}", "11".repeat(32))).unwrap_err();
    assert!(
        error.to_string().starts_with("the roster of round 1 has root"),
        "{error}"
    );

    let beacon = case.facts.rounds[&RoundNumber(1)].round.beacon_round;
    let error = lie("beacons.json", "\"signature\":\"", "\"signature\":\"00").unwrap_err();
    assert!(
        error.to_string().contains("beacons.json in the bundle"),
        "{error}"
    );
    let error = lie("beacons.json", &beacon.to_string(), "1").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("beacon {beacon} of round 1")),
        "{error}"
    );

    // Another roster under the same facts has another CID.
    let error = lie("rounds/1/roster.ndjson", "0x", "0X").unwrap_err();
    assert!(error.to_string().contains("is not in the bundle"), "{error}");

    let total = case.facts.settlements[&SettlementId(1)]
        .proposal
        .cumulative_total
        .atto();
    let mismatch = lie(FACTS, &format!("\"{total}\""), "\"1\"").unwrap().unwrap();
    assert_eq!(mismatch.path, "chain.settlements[1].cumulativeTotal");
}

/// Whoever opens a round after its beacon is published can choose roster and tasks by the draw.
#[test]
fn a_round_that_was_frozen_after_its_beacon_does_not_match() {
    let mut case = Case::new();
    case.facts.rounds.retain(|number, _| *number == RoundNumber(2));
    case.facts.settlements.clear();
    case.facts.now += 60;
    let round = case.round(2);
    round.opened_at += 60;
    round.times = Times::of(round.times.closes_at + 60, round.parameters.step);
    let mismatch = verify(case.evidence().bundle().unwrap()).unwrap().unwrap();
    assert_eq!(mismatch.path, "chain.rounds[2].beaconRound");
}

#[test]
fn malformed_files_are_named() {
    let case = Case::new();
    for name in ["facts.json", "beacons.json", "drand.json"] {
        let error = verify(changed(&case, name, "{", "{ ")).unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("{name} in the bundle")),
            "{error}"
        );
        let bundle = case.evidence().bundle().unwrap();
        let others = bundle.files().iter().filter(|file| file.name != name);
        let without = Bundle::new(others.map(|file| (file.name.clone(), file.content.clone()))).unwrap();
        let error = verify(without).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the bundle does not contain {name}: create it again with `assize bundle`")
        );
    }
}

/// The bundle that the browser test drops on the page, and the values that the page must show.
#[test]
fn the_browsers_fixture_is_up_to_date() {
    let mut case = Case::new();
    case.facts.rounds.retain(|number, _| *number == RoundNumber(2));
    case.facts.settlements.clear();
    let (_, packed) = case.evidence().bundle().unwrap().to_car();
    let ChainRound { round, .. } = &case.facts.rounds[&RoundNumber(2)];
    let assignment = round.assignment(round.seed.unwrap());
    // A struct, whose fields keep their order whatever JSON features are enabled.
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Expected {
        seed: Option<Seed>,
        roster_root: B256,
        members: Vec<Vec<StationIndex>>,
        tasks: Vec<Vec<TaskIndex>>,
    }
    let expected = Expected {
        seed: round.seed,
        roster_root: round.roster.root,
        members: assignment.all_members(),
        tasks: assignment.all_tasks(),
    };
    let expected = serde_json::to_vec(&expected).unwrap();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/verifier");
    for (name, content) in [("round.car", packed), ("round.json", expected)] {
        let path = directory.join(name);
        if std::env::var_os("ASSIZE_WRITE_FIXTURES").is_some() {
            fs::write(&path, &content).unwrap();
        }
        let same = fs::read(&path).is_ok_and(|committed| committed == content);
        assert!(
            same,
            "tests/verifier/{name} is outdated: run this test with ASSIZE_WRITE_FIXTURES=1"
        );
    }
}
