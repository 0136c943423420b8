//! Third-party verification: recompute from a node and gateways, pack a bundle, recompute from it offline, and repeat that with
//! a script in another language.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test panics")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::processes::Running;
use common::{Kept, answer, assize, json_of, refused, run, words};
use serde_json::Value;

impl Kept {
    fn text(&self, name: &str) -> String {
        self.file(name).to_str().unwrap().to_owned()
    }

    /// A command with the chain and the beacons, but no files.
    fn online<'a>(&'a self, arguments: &[&'a str]) -> Vec<String> {
        let mut all: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        all.extend(["--rpc-url".into(), self.anvil.url().to_string()]);
        all.extend(["--deployment".into(), self.text("deployment.json")]);
        all.extend(["--beacons".into(), self.text("beacons.json")]);
        all
    }

    fn bundle(&self, what: &str, number: &str) -> String {
        let file = self.text(&format!("{what}-{number}.car"));
        let store = self.text("store");
        let made = json_of(self.online(&[
            "bundle", what, number, "--store", &store, "-o", &file, "--format", "json",
        ]));
        assert_eq!(made["size"].as_u64().unwrap(), fs::metadata(&file).unwrap().len());
        file
    }
}

/// `assize run gateway` before a store; its URL.
fn gateway(store: PathBuf) -> (Running, String) {
    let mut command = assize();
    command.args(words("run gateway --listen 127.0.0.1:0 --store"));
    let (gateway, ready) = Running::start(command.arg(store));
    (gateway, ready["url"].as_str().unwrap().to_owned())
}

fn python(arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/verify_round.py");
    let mut command = Command::new("python3");
    command.arg(script).args(arguments);
    command
        .output()
        .expect("python3 is needed: apt-get install python3")
}

/// The script's JSON, whose verdict must be MATCH.
fn python_matches(arguments: &[&str]) -> Value {
    let report = answer(python(arguments));
    assert_eq!(report["verdict"], "MATCH");
    report
}

#[test]
fn anyone_can_verify() {
    let kept = Kept::new(250, 2);
    from_gateways(&kept);
    let round = kept.bundle("round", "2");
    let settlement = kept.bundle("settlement", "1");
    without_network(&kept, &round, &settlement);
    as_a_table(&kept, &round);
    in_another_language(&round, &settlement);
    damaged(&kept, &round);
}

fn from_gateways(kept: &Kept) {
    let (_gateway, url) = gateway(kept.path.join("store"));
    let verify = format!("verify settlement 1 --gateway http://127.0.0.1:9 --gateway {url}");
    let verdict = json_of(kept.online(&words(&verify)));
    assert_eq!(
        (&verdict["verdict"], &verdict["offline"]),
        (&"MATCH".into(), &false.into())
    );
    std::fs::create_dir(kept.path.join("nowhere")).unwrap();
    let (_empty, empty) = gateway(kept.path.join("nowhere"));
    refused(
        &run(kept.online(&["verify", "round", "1", "--gateway", &empty])),
        2,
        &[
            "the roster of round 1",
            "no gateway returned",
            &empty,
            "HTTP status 404",
        ],
    );
    refused(
        &run(kept.online(&["verify", "round", "1", "--gateway", "ftp://x"])),
        2,
        &["`ftp://x` is not a valid gateway address"],
    );
    assert!(
        !Path::new("store").exists(),
        "no store is made where gateways are given"
    );
}

/// What the bundle has as a table is what the chain has, in every format, and its labels add up to the verifier's.
fn as_a_table(kept: &Kept, round: &str) {
    let verified = json_of(["verify", "round", "--offline", round, "--format", "json"]);
    let table = |arguments: &[&str]| {
        let output = run([&["measurements"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        output
    };
    let ndjson = String::from_utf8(table(&["--offline", round]).stdout).unwrap();
    let rows: Vec<Value> = ndjson
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len() as u64, verified["measurements"].as_u64().unwrap());
    for (label, count) in verified["labels"].as_object().unwrap() {
        let found = rows.iter().filter(|row| row["label"] == **label).count() as u64;
        assert_eq!(Some(found), count.as_u64(), "{label}");
    }
    let csv = String::from_utf8(table(&["--offline", round, "--format", "csv"]).stdout).unwrap();
    assert_eq!(csv.lines().count(), rows.len() + 1);
    let file = kept.text("round-2.parquet");
    let said = table(&["--offline", round, "--format", "parquet", "--out", &file]);
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains(&file), "{said}");
    assert!(fs::read(&file).unwrap().ends_with(b"PAR1"));
    let store = kept.text("store");
    let online = run(kept.online(&["measurements", "--round", "2", "--store", &store]));
    assert_eq!(String::from_utf8(online.stdout).unwrap(), ndjson);
    let before = fs::read(round).unwrap();
    let over = run(["measurements", "--offline", round, "--out", round]);
    refused(&over, 2, &["--out", "is a file that this command reads"]);
    assert_eq!(fs::read(round).unwrap(), before);
    refused(
        &run(["measurements", "--round", "1", "--offline", round]),
        2,
        &["round 1 is not in the bundle"],
    );
}

fn without_network(kept: &Kept, round: &str, settlement: &str) {
    let online = json_of(kept.online(&[
        "verify",
        "settlement",
        "1",
        "--store",
        &kept.text("store"),
        "--format",
        "json",
    ]));
    let offline = json_of(format!("verify settlement 1 --offline {settlement}").split(' '));
    for key in ["verdict", "root", "acceptedRoot", "cid", "measurements", "rounds"] {
        assert_eq!(online[key], offline[key], "{key}");
    }
    // The root is the same as in the demo's report.
    let document: Value = serde_json::from_slice(&fs::read(kept.text("settlement.json")).unwrap()).unwrap();
    assert_eq!(offline["root"], document["root"]);
    let verdict = json_of(["verify", "round", "--offline", round, "--format", "json"]);
    assert_eq!(
        (&verdict["verdict"], &verdict["round"]),
        (&"MATCH".into(), &2.into())
    );
    let said = run(["verify", "round", "2", "--offline", round]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(
        said.contains("To be certain, compare it with a block explorer"),
        "{said}"
    );

    refused(
        &run(["verify", "round", "1", "--offline", round]),
        2,
        &["round 1 is not in the bundle, which contains only rounds 2"],
    );
    refused(
        &run(["verify", "settlement", "1", "--offline", round]),
        2,
        &["settlement 1 is not in the bundle"],
    );
    refused(
        &run(["verify", "round", "--offline", "/nonexistent.car"]),
        2,
        &["/nonexistent.car"],
    );
    let json = kept.text("deployment.json");
    refused(
        &run(["verify", "round", "--offline", &json]),
        2,
        &[&json, "not a bundle"],
    );
    refused(
        &run(kept.online(&[
            "bundle",
            "round",
            "9",
            "--store",
            &kept.text("store"),
            "-o",
            "/tmp/none.car",
        ])),
        2,
        &["round 9 does not exist"],
    );
}

fn in_another_language(round: &str, settlement: &str) {
    let theirs = python_matches(&[round, "--json"]);
    let ours = json_of(["verify", "round", "2", "--offline", round, "--format", "json"]);
    assert_eq!(theirs["seed"], ours["seed"]);
    assert_eq!(theirs["rosterRoot"], ours["roster"]["root"]);
    assert_eq!(theirs["taskRoot"], ours["tasks"]["root"]);
    let seed = ours["seed"].as_str().unwrap();
    let count = |list: &str| ours[list]["count"].to_string();
    let drawn = json_of([
        "derive",
        "committees",
        "--seed",
        seed,
        "--stations",
        &count("roster"),
    ]);
    assert_eq!(theirs["members"], drawn["members"]);
    assert_eq!(theirs["committees"], drawn["committees"]);
    let tasks = json_of([
        "derive",
        "tasks",
        "--seed",
        seed,
        "--stations",
        &count("roster"),
        "--tasks",
        &count("tasks"),
    ]);
    assert_eq!(theirs["tasks"], tasks["tasks"]);
    assert_eq!(theirs["tasksPerCommittee"], tasks["tasksPerCommittee"]);
    let first = python_matches(&[settlement, "--round", "1", "--json"]);
    assert_ne!(first["seed"], theirs["seed"]);
}

/// With any changed byte, both programs reject the bundle, and ours names the file.
fn damaged(kept: &Kept, round: &str) {
    let whole = fs::read(round).unwrap();
    let path = kept.text("damaged.car");
    for (at, file) in [
        (20, "bundle"),
        (200, "manifest"),
        (1_500, "facts.json"),
        (whole.len() / 2, "rounds/2/batches/"),
        (whole.len() - 1, "rounds/2/batches/"),
    ] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x20;
        fs::write(&path, bytes).unwrap();
        refused(&run(["verify", "round", "--offline", &path]), 2, &[&path, file]);
        let output = python(&[&path]);
        assert!(matches!(output.status.code(), Some(1 | 2)), "byte {at}");
        assert!(
            !String::from_utf8_lossy(&output.stderr).contains("Traceback"),
            "byte {at}"
        );
    }
}
