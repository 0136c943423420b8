//! Checks a bundle.

use std::io::BufRead;
use std::sync::Arc;

use assize_bundle::{BEACONS, Bundle, DRAND, FACTS};
use assize_drand::{Chain, RecordedBeacons, Verified};
use assize_facts::{
    BatchCommitment, ChainFacts, ChainRound, Drops, FileError, FileKey, RoundChecks, RoundFault, RoundReport,
};
use assize_protocol::{Codec, FileCid, LinesRoot, StationIndex, canonical, lines_of};
use serde_json::{Value, json};
use thiserror::Error;

use crate::draw::Draw;
use crate::error::VerifierError;

/// Parses a bundle and checks each of its rounds: its report, and its draw.
pub(crate) fn open(bytes: &[u8]) -> Result<Vec<(String, Option<Draw>)>, VerifierError> {
    let bundle = Bundle::from_car(bytes)?;
    let facts: ChainFacts = canonical::read_json(&bundle.file(FACTS)?.content)
        .map_err(|error| VerifierError::file(FACTS, error))?;
    let beacons = RecordedBeacons::from_canonical_json(&bundle.file(BEACONS)?.content)
        .map_err(|error| VerifierError::file(BEACONS, error))?;
    let chain = Chain::from_canonical_json(&bundle.file(DRAND)?.content)
        .map_err(|error| VerifierError::file(DRAND, error))?;
    let beacons = Verified::new(chain, beacons);
    if facts.rounds.is_empty() {
        return Err(VerifierError::Empty);
    }
    let whole = check_json(
        "every byte matches the bundle's CIDs",
        &Ok::<_, Missing>(format!(
            "{} files, {} bytes, root {}",
            bundle.files().len(),
            bytes.len(),
            bundle.root()
        )),
    );
    let rounds = facts.rounds.values();
    Ok(rounds
        .map(|round| check_round(&bundle, &beacons, &facts, round, whole.clone()))
        .collect())
}

/// Something that the facts name is missing.
#[derive(Clone, Debug, Error)]
enum Missing {
    #[error("{0} is not in the bundle")]
    File(FileCid),
    #[error("{batch} is not in the bundle: {reason}")]
    Batch { batch: FileKey, reason: String },
    #[error("the report that station {0} committed itself is not in the bundle")]
    Report(StationIndex),
}

/// All checks of a round (docs/protocol.md §12), between the two that are about the bundle. A drand chain other than quicknet
/// is not trusted: the report says so.
fn check_round(
    bundle: &Bundle,
    beacons: &Verified<RecordedBeacons>,
    facts: &ChainFacts,
    round: &ChainRound,
    whole: Value,
) -> (String, Option<Draw>) {
    let files = |cid: &FileCid| match content(bundle, cid) {
        Ok(content) => Ok(Box::new(content) as Box<dyn BufRead>),
        Err(missing) => Err(Arc::new(missing) as FileError),
    };
    let checks = RoundChecks {
        contracts: &facts.contracts,
        beacons,
    };
    let drops: Drops = facts.drops.iter().copied().collect();
    let RoundReport { checks, drawn } = checks.report(round, &drops, facts.now, &files);
    let dropped = drops.lists(round.round.number);
    let committed = match dropped.is_empty() {
        true => committed(bundle, round, &drops),
        false => Ok("nothing is read of a round without one of its lists".to_owned()),
    };
    let seed = round.round.seed;
    let faults = || checks.iter().filter_map(|outcome| outcome.result.as_ref().err());
    let under_way = |fault: &RoundFault| matches!(fault, RoundFault::UnderWay { .. });
    let verdict = if committed.is_err() || faults().any(|fault| !under_way(fault)) {
        "MISMATCH"
    } else if faults().any(under_way) {
        "NOT_OVER"
    } else if seed.is_none() {
        "NOT_REVEALED"
    } else if !dropped.is_empty() {
        "DROPPED"
    } else {
        "MATCH"
    };
    let mut shown = vec![whole];
    shown.extend(
        checks
            .iter()
            .map(|outcome| check_json(&outcome.check.to_string(), &outcome.result)),
    );
    shown.push(check_json("what was committed is present", &committed));
    let chain = beacons.chain();
    let report = json!({
        "round": round.round.number,
        "contracts": facts.contracts,
        "seed": seed,
        "verdict": verdict,
        "checks": shown,
        "drand": {
            "hash": format!("{:x}", chain.hash()),
            "id": chain.info().beacon_id,
            "trusted": *chain == Chain::quicknet(),
        },
    });
    let draw = drawn.map(|drawn| Draw::of_round(&round.round, drawn));
    (report.to_string(), draw)
}

fn check_json<E: ToString>(name: &str, outcome: &Result<String, E>) -> Value {
    let detail = match outcome {
        Ok(found) => found.clone(),
        Err(fault) => fault.to_string(),
    };
    json!({"name": name, "ok": outcome.is_ok(), "detail": detail})
}

fn content<'a>(bundle: &'a Bundle, cid: &FileCid) -> Result<&'a [u8], Missing> {
    let file = bundle.by_cid(cid).ok_or(Missing::File(*cid))?;
    Ok(&file.content)
}

/// Checks that every batch that was not dropped is there, with the lines that were committed, and every own report.
fn committed(bundle: &Bundle, round: &ChainRound, drops: &Drops) -> Result<String, Missing> {
    let (mut lines, mut dropped) = (0_u64, 0_u32);
    for (index, commitment) in (0..).zip(&round.commitments) {
        let batch = FileKey::batch(round.round.number, index);
        if drops.contains(batch) {
            dropped += 1;
            continue;
        }
        check_batch(bundle, commitment).map_err(|reason| Missing::Batch { batch, reason })?;
        lines += u64::from(commitment.count);
    }
    for own in &round.own {
        let cid = FileCid {
            codec: Codec::Raw,
            digest: own.report.0,
        };
        let report = content(bundle, &cid).map_err(|_| Missing::Report(own.station))?;
        lines += lines_of(report).count() as u64;
    }
    let (batches, own) = (round.commitments.len(), round.own.len());
    Ok(format!(
        "{batches} batches ({dropped} dropped), {own} reports of stations' own, {lines} lines"
    ))
}

/// A batch is the lines that have its root: those behind its CID, or of any other file.
fn check_batch(bundle: &Bundle, commitment: &BatchCommitment) -> Result<(), String> {
    let is_it = |content: &[u8]| {
        let lines = LinesRoot::of(content);
        (lines.count(), lines.root()) == (commitment.count, commitment.root)
    };
    let by_cid = bundle.by_cid(&commitment.cid).into_iter();
    let others = bundle
        .files()
        .iter()
        .filter(|file| file.name.starts_with("rounds/"));
    match by_cid.chain(others).any(|file| is_it(&file.content)) {
        true => Ok(()),
        false => Err(format!(
            "no file has the {} lines with the root {}",
            commitment.count, commitment.root
        )),
    }
}

#[cfg(test)]
mod tests {
    use assize_facts::Times;
    use assize_protocol::{B256, Roster, TaskList};
    use assize_testkit::vectors::{InvalidFiles, invalid_files};

    use super::*;

    const BUNDLE: &[u8] = include_bytes!("../../../tests/verifier/round.car");

    /// The report of the bundle's only round, and whether it has a draw.
    fn report(bytes: &[u8]) -> (Value, bool) {
        let (report, draw) = open(bytes).unwrap().remove(0);
        (serde_json::from_str(&report).unwrap(), draw.is_some())
    }

    /// The bundle with a changed file, and consistent CIDs.
    fn changed<T: Into<Vec<u8>>>(name: &str, change: impl Fn(&str) -> T) -> Vec<u8> {
        let bundle = Bundle::from_car(BUNDLE).unwrap();
        let files = bundle.files().iter().map(|file| {
            let mut content = file.content.clone();
            if file.name == name {
                content = change(std::str::from_utf8(&content).unwrap()).into();
            }
            (file.name.clone(), content)
        });
        Bundle::new(files).unwrap().to_car().1
    }

    fn failed(report: &Value) -> Vec<&str> {
        let checks = report["checks"].as_array().unwrap().iter();
        checks
            .filter(|check| check["ok"] == false)
            .filter_map(|check| check["name"].as_str())
            .collect()
    }

    /// The bundle with another roster or task list, whose count and root the facts state as given.
    fn with_list(list: &str, file: &str, (count, root): (u32, B256), bytes: &[u8]) -> Vec<u8> {
        let bundle = Bundle::from_car(BUNDLE).unwrap();
        let cid = Bundle::new([("file".into(), bytes.to_vec())]).unwrap().files()[0].cid;
        let files = bundle.files().iter().map(|entry| {
            let mut content = entry.content.clone();
            if entry.name == FACTS {
                let mut facts: Value = serde_json::from_slice(&content).unwrap();
                facts["rounds"][0][list] = json!({"cid": cid, "count": count, "root": root});
                content = canonical::to_json(&facts).unwrap();
            } else if entry.name.ends_with(file) {
                content = bytes.to_vec();
            }
            (entry.name.clone(), content)
        });
        Bundle::new(files).unwrap().to_car().1
    }

    /// docs/protocol.md §6.1: the page rejects what other readers reject.
    #[test]
    fn files_that_are_not_canonical_are_rejected() {
        for InvalidFiles { kind, good, invalid } in invalid_files().unwrap() {
            let replaced = |name: &str, bytes: &[u8]| open(&changed(name, |_| bytes.to_vec())).is_ok();
            let taken = |bytes: &[u8]| {
                let list = |list, file, count, root| {
                    let (found, _) = report(&with_list(list, file, (count, root), bytes));
                    found["verdict"] == "MATCH"
                };
                match kind.as_str() {
                    "roster" => {
                        let roster = Roster::parse(&good).unwrap();
                        list("roster", "roster.ndjson", roster.count(), roster.root())
                    }
                    "tasks" => {
                        let tasks = TaskList::parse(&good).unwrap();
                        list("tasks", "tasks.ndjson", tasks.count(), tasks.root())
                    }
                    "facts" => replaced(FACTS, bytes),
                    "beacons" => replaced(BEACONS, bytes),
                    "drand" => replaced(DRAND, bytes),
                    // The manifest is read by the bundle crate, and claims read documents leniently (§11.1).
                    _ => bytes == good,
                }
            };
            assert!(taken(&good), "{kind}");
            let wrongly: Vec<_> = invalid
                .iter()
                .filter(|(_, bytes)| taken(bytes))
                .map(|(reason, _)| reason)
                .collect();
            assert!(wrongly.is_empty(), "{kind}: {wrongly:#?}");
        }
    }

    #[test]
    fn a_genuine_bundle_matches() {
        let (report, drawn) = report(BUNDLE);
        assert_eq!((&report["verdict"], drawn), (&json!("MATCH"), true), "{report}");
        assert_eq!(report["checks"].as_array().unwrap().len(), 9);
    }

    /// The bundle's facts, with its only round changed.
    fn with_round(change: impl Fn(&mut Value)) -> Vec<u8> {
        changed(FACTS, |facts| {
            let mut facts: Value = serde_json::from_str(facts).unwrap();
            change(&mut facts["rounds"][0]);
            facts.to_string()
        })
    }

    /// Whoever opens a round after its beacon is published can choose roster and tasks by the draw.
    #[test]
    fn beacons_that_were_published_before_the_freeze_do_not_match() {
        let later = changed(FACTS, |facts| {
            let mut facts: Value = serde_json::from_str(facts).unwrap();
            let by_a_minute = |time: &mut Value| *time = json!(time.as_u64().unwrap() + 60);
            by_a_minute(&mut facts["now"]);
            by_a_minute(&mut facts["rounds"][0]["openedAt"]);
            for time in Times::NAMES {
                by_a_minute(&mut facts["rounds"][0]["times"][time]);
            }
            facts.to_string()
        });
        let (found, _) = report(&later);
        assert_eq!(found["verdict"], "MISMATCH", "{found}");
        assert_eq!(
            failed(&found),
            ["the round was frozen before its beacons were published"]
        );
        let mismatches = |change: &dyn Fn(&mut Value)| {
            let (found, _) = report(&with_round(change));
            assert_eq!(found["verdict"], "MISMATCH", "{found}");
            assert!(
                failed(&found).contains(&"the round was frozen before its beacons were published"),
                "{found}"
            );
        };
        let add = |number: &mut Value, by: i64| *number = json!(number.as_i64().unwrap() + by);
        for time in Times::NAMES {
            mismatches(&|round| add(&mut round["times"][time], -1));
        }
        mismatches(&|round| add(&mut round["beaconRound"], -30));
        mismatches(&|round| add(&mut round["dedupeBeaconRound"], -1));
    }

    #[test]
    fn a_round_that_is_under_way_does_not_match_yet() {
        let early = changed(FACTS, |facts| {
            let mut facts: Value = serde_json::from_str(facts).unwrap();
            facts["now"] = facts["rounds"][0]["times"]["dedupeFrom"].clone();
            facts.to_string()
        });
        let (found, _) = report(&early);
        assert_eq!(found["verdict"], "NOT_OVER", "{found}");
        assert_eq!(failed(&found), ["the round is over"]);
    }

    #[test]
    fn a_batch_that_is_missing_or_in_a_round_without_a_seed_is_named() {
        let other = json!(B256::repeat_byte(1));
        for (list, field) in [("commitments", "root"), ("own", "report")] {
            let (found, _) = report(&with_round(|round| round[list][0][field] = other.clone()));
            assert_eq!(found["verdict"], "MISMATCH", "{found}");
            assert_eq!(failed(&found), ["what was committed is present"]);
        }
        // Whatever its CID.
        let cid = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
        let (found, _) = report(&with_round(|round| round["commitments"][0]["cid"] = json!(cid)));
        assert_eq!(found["verdict"], "MATCH", "{found}");
        let (found, drawn) = report(&with_round(|round| round["seed"] = Value::Null));
        assert_eq!((&found["verdict"], drawn), (&json!("MISMATCH"), false), "{found}");
        assert_eq!(
            failed(&found),
            ["nothing was committed to a round without a seed"]
        );
        let (found, drawn) = report(&with_round(|round| {
            round["seed"] = Value::Null;
            (round["commitments"], round["own"]) = (json!([]), json!([]));
        }));
        assert_eq!(
            (&found["verdict"], drawn),
            (&json!("NOT_REVEALED"), false),
            "{found}"
        );
    }

    #[test]
    fn what_was_dropped_need_not_be_there() {
        let with_drop = |kind: u8| {
            changed(FACTS, |facts| {
                let mut facts: Value = serde_json::from_str(facts).unwrap();
                let number = facts["rounds"][0]["number"].clone();
                facts["drops"] = json!([{"index": 0, "kind": kind, "round": number}]);
                facts["rounds"][0]["commitments"][0]["root"] = json!(B256::ZERO);
                facts.to_string()
            })
        };
        let (found, drawn) = report(&with_drop(3));
        assert_eq!((&found["verdict"], drawn), (&json!("MATCH"), true), "{found}");
        let (found, drawn) = report(&with_drop(0));
        assert_eq!((&found["verdict"], drawn), (&json!("DROPPED"), false), "{found}");
    }

    #[test]
    fn a_consistent_forgery_is_named() {
        let facts: Value =
            serde_json::from_slice(&Bundle::from_car(BUNDLE).unwrap().file(FACTS).unwrap().content).unwrap();
        let round = &facts["rounds"][0];
        let lie = |stated: &Value, with: &str| {
            let stated = stated.as_str().unwrap();
            let (report, drawn) = report(&changed(FACTS, |facts| facts.replacen(stated, with, 1)));
            assert_eq!(report["verdict"], "MISMATCH");
            (failed(&report).join("; "), drawn)
        };
        let other = format!("0x{}", "11".repeat(32));
        assert_eq!(
            lie(&round["seed"], &other),
            ("the seed follows from the beacon".into(), false)
        );
        let (roster, drawn) = lie(&round["roster"]["root"], &other);
        assert_eq!(
            (roster.as_str(), drawn),
            ("the roster is the one whose root was frozen", false)
        );
        let (tasks, drawn) = lie(&round["tasks"]["root"], &other);
        assert_eq!(
            (tasks.as_str(), drawn),
            ("the task list is the one whose root was frozen", false)
        );
        // Without its file the list is missing.
        let (roster, _) = lie(
            &round["roster"]["cid"],
            "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
        );
        assert_eq!(roster, "the roster is the one whose root was frozen");
    }

    /// A devnet's bundle is checked against its own chain, which the page does not know.
    #[test]
    fn a_foreign_drand_chain_is_not_trusted() {
        let (genuine, _) = report(BUNDLE);
        assert_eq!(genuine["drand"]["trusted"], true, "{genuine}");
        assert_eq!(genuine["drand"]["id"], "quicknet");
        let mut info = Chain::quicknet().info().clone();
        info.beacon_id = "devnet".into();
        info.hash = info.computed_hash().unwrap();
        let (found, _) = report(&changed(DRAND, |_| info.to_canonical_json()));
        assert_eq!(
            (&found["verdict"], &found["drand"]["trusted"]),
            (&json!("MATCH"), &json!(false))
        );
        let forged = |json: &str| {
            let bytes = changed(DRAND, |_| json.to_owned());
            open(&bytes).err().unwrap().to_string()
        };
        info.genesis_time += 1;
        let moved = String::from_utf8(info.to_canonical_json()).unwrap();
        assert!(
            forged(&moved).contains("the chain's hash is not"),
            "{}",
            forged(&moved)
        );
    }

    #[test]
    fn a_forged_beacon_is_named() {
        let forged = changed(BEACONS, |beacons| {
            let mut beacons: Vec<Value> = serde_json::from_str(beacons).unwrap();
            let last = beacons.pop().unwrap();
            for key in ["randomness", "signature"] {
                beacons[0][key] = last[key].clone();
            }
            beacons.push(last);
            json!(beacons).to_string()
        });
        let (report, drawn) = report(&forged);
        assert_eq!(
            (&report["verdict"], drawn),
            (&json!("MISMATCH"), false),
            "{report}"
        );
        assert!(failed(&report)[0].starts_with("drand beacon"), "{report}");
    }

    #[test]
    fn malformed_files_are_named() {
        let fault = |bytes: &[u8]| open(bytes).err().unwrap().to_string();
        assert!(fault(b"").contains("not a bundle"));
        let broken = |name| fault(&changed(name, |_| "{"));
        assert!(broken(FACTS).starts_with("facts.json in the bundle is malformed"));
        assert!(broken(DRAND).starts_with("drand.json in the bundle is malformed"));
        assert!(broken(BEACONS).starts_with("beacons.json in the bundle is malformed"));
        let none = changed(FACTS, |facts| {
            let mut facts: Value = serde_json::from_str(facts).unwrap();
            facts["rounds"] = json!([]);
            facts.to_string()
        });
        assert_eq!(fault(&none), "the bundle has no round");
    }
}
