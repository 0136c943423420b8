//! Checking a bundle.

use assize_bundle::{BEACONS, Bundle, FACTS};
use assize_drand::{Chain, RecordedBeacons, Verified};
use assize_protocol::{FileCid, Randomness, Roster, Seed, TaskList};
use serde_json::{Value, json};

use crate::draw::Draw;
use crate::facts::{Contracts, Facts, Fault, ListFacts, RoundFacts, VerifierError};

/// Reads a bundle, and checks each of its rounds: its report, and what it drew.
pub(crate) fn open(bytes: &[u8]) -> Result<Vec<(String, Option<Draw>)>, VerifierError> {
    let bundle = Bundle::from_car(bytes)?;
    let facts: Facts = serde_json::from_slice(&bundle.file(FACTS)?.content)
        .map_err(|error| VerifierError::file(FACTS, error))?;
    let beacons = RecordedBeacons::from_json(&bundle.file(BEACONS)?.content)
        .map_err(|error| VerifierError::file(BEACONS, error))?;
    let beacons = Verified::new(Chain::quicknet(), beacons);
    if facts.rounds.is_empty() {
        return Err(VerifierError::Empty);
    }
    let whole = Check {
        name: "every byte is what the bundle's CIDs say".into(),
        outcome: Ok(format!(
            "{} files, {} bytes, root {}",
            bundle.files().len(),
            bytes.len(),
            bundle.root()
        )),
    };
    let rounds = facts.rounds.iter();
    Ok(rounds
        .map(|round| check_round(&bundle, &beacons, facts.contracts, round, &whole))
        .collect())
}

/// Something that was checked: what was found, or what is wrong.
#[derive(Clone)]
struct Check {
    name: String,
    outcome: Result<String, String>,
}

impl Check {
    fn json(&self) -> Value {
        let (Ok(detail) | Err(detail)) = &self.outcome;
        json!({"name": self.name, "ok": self.outcome.is_ok(), "detail": detail})
    }
}

#[derive(Default)]
struct Checks(Vec<Check>);

impl Checks {
    /// Notes an outcome; hands on what was found.
    fn note<T>(
        &mut self,
        name: impl Into<String>,
        outcome: Result<T, Fault>,
        show: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        self.0.push(Check {
            name: name.into(),
            outcome: outcome.as_ref().map(show).map_err(ToString::to_string),
        });
        outcome.ok()
    }
}

fn check_round(
    bundle: &Bundle,
    beacons: &Verified<RecordedBeacons>,
    contracts: Contracts,
    facts: &RoundFacts,
    whole: &Check,
) -> (String, Option<Draw>) {
    let mut checks = Checks(vec![whole.clone()]);
    let seed = facts.seed.and_then(|stated| {
        let mut randomness = |name: &str, round| {
            let outcome = beacons.randomness(round).map_err(Fault::from);
            let name = format!("drand {name} {round} was signed by quicknet's key");
            checks.note(name, outcome, |randomness: &Randomness| {
                format!("randomness {randomness}")
            })
        };
        let drawn = randomness("beacon", facts.beacon_round);
        randomness("dedupe beacon", facts.dedupe_beacon_round);
        let seed = Seed::derive(contracts.chain_id, contracts.rounds, facts.number, drawn?);
        checks.note(
            "the seed follows from the beacon",
            equal(seed, stated),
            Seed::to_string,
        )
    });
    let roster = list(bundle, &facts.roster, Roster::parse, |roster| {
        (roster.count(), roster.root())
    });
    let roster = checks.note("the roster is the one whose root was frozen", roster, |roster| {
        format!("{} stations, root {}", roster.count(), facts.roster.root)
    });
    let tasks = list(bundle, &facts.tasks, TaskList::parse, |tasks| {
        (tasks.count(), tasks.root())
    });
    let tasks = checks.note("the task list is the one whose root was frozen", tasks, |tasks| {
        format!("{} tasks, root {}", tasks.count(), facts.tasks.root)
    });
    checks.note(
        "every committed batch is there",
        batches(bundle, facts),
        |lines| {
            let declared: u64 = facts.commitments.iter().map(|batch| u64::from(batch.count)).sum();
            format!(
                "{} batches, {lines} lines, {declared} declared",
                facts.commitments.len()
            )
        },
    );
    let drawn = |seed| Some(Draw::of_round(seed, &facts.parameters, roster?, tasks?));
    let draw = seed.and_then(drawn);
    let verdict = match (checks.0.iter().all(|check| check.outcome.is_ok()), facts.seed) {
        (false, _) => "MISMATCH",
        (true, None) => "NOT_REVEALED",
        (true, Some(_)) => "MATCH",
    };
    let report = json!({
        "round": facts.number,
        "contracts": contracts,
        "seed": facts.seed,
        "verdict": verdict,
        "checks": checks.0.iter().map(Check::json).collect::<Vec<_>>(),
    });
    (report.to_string(), draw)
}

fn equal<T: PartialEq + ToString>(ours: T, theirs: T) -> Result<T, Fault> {
    if ours == theirs {
        return Ok(ours);
    }
    Err(Fault::Differs {
        ours: ours.to_string(),
        theirs: theirs.to_string(),
    })
}

fn content<'a>(bundle: &'a Bundle, cid: &FileCid) -> Result<&'a [u8], Fault> {
    let file = bundle.by_cid(cid).ok_or(Fault::Missing(*cid))?;
    Ok(&file.content)
}

fn list<T>(
    bundle: &Bundle,
    facts: &ListFacts,
    parse: fn(&[u8]) -> Result<T, assize_protocol::ListError>,
    count_and_root: fn(&T) -> (u32, assize_protocol::B256),
) -> Result<T, Fault> {
    let list = parse(content(bundle, &facts.cid)?)?;
    let (count, root) = count_and_root(&list);
    equal(count, facts.count)?;
    equal(root, facts.root)?;
    Ok(list)
}

/// How many lines the batches have. That fewer or more were declared changes nothing: what is there is evaluated.
fn batches(bundle: &Bundle, facts: &RoundFacts) -> Result<usize, Fault> {
    let mut all = 0;
    for commitment in &facts.commitments {
        let content = content(bundle, &commitment.cid)?;
        all += content.iter().filter(|&&byte| byte == b'\n').count();
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUNDLE: &[u8] = include_bytes!("../../../tests/verifier/round.car");

    /// The report of the bundle's only round, and whether there is something to draw.
    fn report(bytes: &[u8]) -> (Value, bool) {
        let (report, draw) = open(bytes).unwrap().remove(0);
        (serde_json::from_str(&report).unwrap(), draw.is_some())
    }

    /// The bundle with a file changed, and all CIDs with it.
    fn changed(name: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
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

    #[test]
    fn a_genuine_bundle_matches() {
        let (report, drawn) = report(BUNDLE);
        assert_eq!((&report["verdict"], drawn), (&json!("MATCH"), true), "{report}");
        assert_eq!(report["checks"].as_array().unwrap().len(), 7);
    }

    #[test]
    fn a_lie_that_is_consistent_in_itself_is_named() {
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

    #[test]
    fn a_beacon_that_nobody_signed_is_named() {
        let forged = changed(BEACONS, |beacons| {
            let (before, signature) = beacons.split_once("\"signature\": \"").unwrap();
            let mut other: Vec<Value> = serde_json::from_str(beacons).unwrap();
            let last = other.pop().unwrap()["signature"].as_str().unwrap().to_owned();
            let without_randomness = before.lines().filter(|line| !line.contains("randomness"));
            let before: String = without_randomness.map(|line| line.to_owned() + "\n").collect();
            format!("{before}\"signature\": \"{last}{}", &signature[96..])
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
    fn files_that_cannot_be_read_are_named() {
        let fault = |bytes: &[u8]| open(bytes).err().unwrap().to_string();
        assert!(fault(b"").contains("no bundle"));
        let broken = |name| fault(&changed(name, |_| "{".into()));
        assert!(broken(FACTS).starts_with("facts.json in the bundle cannot be used"));
        assert!(broken(BEACONS).starts_with("beacons.json in the bundle cannot be used"));
        let none = changed(FACTS, |facts| {
            let mut facts: Value = serde_json::from_str(facts).unwrap();
            facts["rounds"] = json!([]);
            facts.to_string()
        });
        assert_eq!(fault(&none), "the bundle has no round");
    }
}
