//! The commands of deployers, evaluators, operators and verifiers on a finished demo, with valid and invalid input.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test panics")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use assize_testkit::network::derive_key;
use common::{Kept, answer, assize, refused, words};
use serde_json::Value;

impl Kept {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = assize();
        command
            .args(arguments)
            .env("ASSIZE_RPC_URL", self.anvil.url())
            .env("ASSIZE_DEPLOYMENT", self.file("deployment.json"))
            .env("ASSIZE_STORE", self.file("store"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        answer(self.run(arguments))
    }

    fn as_dev(&self, arguments: &[&str]) -> Output {
        let key = self.anvil.dev_key(0).to_string();
        self.command(arguments)
            .env("ASSIZE_PRIVATE_KEY", key)
            .output()
            .unwrap()
    }

    fn beacons(&self) -> String {
        self.file("beacons.json").display().to_string()
    }

    /// The CAR of a file of a round or settlement.
    fn car(&self, cid: &str) -> PathBuf {
        self.file("store").join(format!("{cid}.car"))
    }
}

#[test]
fn a_kept_demo_can_be_inspected_and_verified_and_damage_is_found() {
    let kept = Kept::new(300, 1);
    let beacons = kept.beacons();

    assert_eq!(kept.json(&["deploy", "check", "--format", "json"])["holds"], true);
    let round = kept.json(&["round", "show", "1", "--format", "json"]);
    assert_eq!(round["roster"]["count"], 300);
    let verify_round = ["verify", "round", "1", "--format", "json", "--beacons", &beacons];
    let verify_settlement = [
        "verify",
        "settlement",
        "1",
        "--format",
        "json",
        "--beacons",
        &beacons,
    ];
    assert_eq!(kept.json(&verify_round)["verdict"], "MATCH");
    assert_eq!(kept.json(&verify_settlement)["verdict"], "MATCH");

    // A damaged block is named, with its position.
    let batch = kept.car(round["commitments"][0]["cid"].as_str().unwrap());
    let good = fs::read(&batch).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(&batch, &bad).unwrap();
    refused(
        &kept.run(&verify_settlement),
        2,
        &[batch.to_str().unwrap(), "damaged"],
    );
    // So are a truncated file and a missing one.
    fs::write(&batch, &good[..good.len() - 1]).unwrap();
    refused(&kept.run(&verify_settlement), 2, &[batch.to_str().unwrap()]);
    fs::remove_file(&batch).unwrap();
    refused(&kept.run(&verify_settlement), 2, &["not in the store"]);
    fs::write(&batch, &good).unwrap();
    assert_eq!(kept.json(&verify_settlement)["verdict"], "MATCH");

    // Beacons that are missing or forged.
    let no_beacons = kept.path.join("none.json");
    fs::write(&no_beacons, "[]").unwrap();
    let missing = ["verify", "round", "1", "--beacons", no_beacons.to_str().unwrap()];
    refused(&kept.run(&missing), 2, &["beacon 43"]);
    let forged = fs::read_to_string(kept.file("beacons.json"))
        .unwrap()
        .replace("\"signature\": \"a96a57", "\"signature\": \"a96a58");
    let forged: String = {
        // Without the stated randomness, which would reveal the forgery before the signature is checked.
        let mut beacons: Vec<Value> = serde_json::from_str(&forged).unwrap();
        beacons
            .iter_mut()
            .for_each(|beacon| drop(beacon.as_object_mut().unwrap().remove("randomness")));
        serde_json::to_string(&beacons).unwrap()
    };
    fs::write(&no_beacons, forged).unwrap();
    refused(&kept.run(&missing), 2, &["beacon 43"]);
}

#[test]
fn rejections_for_operators_evaluators_and_scheduler_are_clear() {
    let kept = Kept::new(300, 1);

    // Everything above the floor is paid; the rest is listed in a dry run, and can be claimed by anyone.
    let plan = kept.json(&words(
        "run payout --once --dry-run --floor 0.000001 --format json",
    ));
    let due = plan["due"].as_array().unwrap();
    assert!(!due.is_empty());
    let operator = due[0]["operator"].as_str().unwrap();
    let claim_for = |operator: &Value| {
        kept.as_dev(&[
            "operator",
            "claim",
            "--yes",
            "--operator",
            operator.as_str().unwrap(),
        ])
    };
    let small = due
        .iter()
        .find(|due| claim_for(&due["operator"]).status.success())
        .expect("one of those below the floor takes its money");
    let nothing = |operator: &Value, word: &str| {
        let output = claim_for(operator);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains(word), "{said}");
    };
    nothing(&small["operator"], "everything it earned is paid");
    nothing(
        &"0x00000000000000000000000000000000000000aa".into(),
        "earned nothing",
    );
    refused(
        &kept.as_dev(&["operator", "claim", "--operator", "0x12"]),
        2,
        &["--operator"],
    );
    refused(
        &kept.as_dev(&["operator", "claim", "--operator", operator, "--settlement", "9"]),
        2,
        &["9"],
    );

    // No key, a bad key, an unfunded key.
    refused(
        &kept.run(&["operator", "claim", "--operator", operator]),
        2,
        &["ASSIZE_PRIVATE_KEY", "keystore"],
    );
    let claim = [
        "operator",
        "claim",
        "--operator",
        small["operator"].as_str().unwrap(),
    ];
    let bad_key = kept
        .command(&claim)
        .env("ASSIZE_PRIVATE_KEY", "secret")
        .output()
        .unwrap();
    refused(&bad_key, 2, &["ASSIZE_PRIVATE_KEY", "32 bytes"]);
    assert!(!String::from_utf8_lossy(&bad_key.stderr).contains("secret"));
    let deposit = ["deposit", "1"];
    let poor = kept
        .command(&deposit)
        .env("ASSIZE_PRIVATE_KEY", format!("0x{}", "7".repeat(64)))
        .output()
        .unwrap();
    refused(&poor, 2, &["holds 0 FIL", "send it FIL"]);

    // An empty variable is one that is not set.
    let empty = [
        "ASSIZE_CONFIG",
        "ASSIZE_DATA",
        "ASSIZE_OPERATOR",
        "ASSIZE_PRIVATE_KEY",
    ];
    let shown = kept
        .command(&["round", "show", "1"])
        .envs(empty.map(|name| (name, "")))
        .output()
        .unwrap();
    assert!(
        shown.status.success(),
        "{}",
        String::from_utf8_lossy(&shown.stderr)
    );
    let unset = kept
        .command(&["round", "show", "1"])
        .env("ASSIZE_RPC_URL", "")
        .output()
        .unwrap();
    refused(&unset, 2, &["--rpc-url <URL>"]);

    // A wrong RPC URL.
    let mut nobody = kept.command(&["round", "show", "1"]);
    refused(
        &nobody
            .env("ASSIZE_RPC_URL", "http://127.0.0.1:9")
            .output()
            .unwrap(),
        2,
        &["http://127.0.0.1:9", "running"],
    );
    let mut nonsense = kept.command(&["round", "show", "1"]);
    refused(
        &nonsense.env("ASSIZE_RPC_URL", "localhost").output().unwrap(),
        2,
        &["http://"],
    );

    // Nothing to settle; other keys cannot sign; an evaluator cannot sign twice.
    let out = kept.file("next.json");
    let beacons = kept.beacons();
    let evaluate = [
        "settlement",
        "evaluate",
        "--out",
        out.to_str().unwrap(),
        "--beacons",
        &beacons,
    ];
    refused(
        &kept.run(&evaluate),
        2,
        &["nothing to settle", "wait for the next"],
    );
    // The last round of the range: one that is settled, and one that was never opened.
    let up_to = |round: &str| kept.run(&[&evaluate[..], &["--to", round]].concat());
    refused(
        &up_to("1"),
        2,
        &["nothing to settle up to round 1", "rounds up to 1 are settled"],
    );
    refused(&up_to("1000"), 2, &["round 1000 does not exist: the latest is 1"]);
    assert!(!out.exists());
    let document = kept.file("settlement.json").display().to_string();
    refused(
        &kept.as_dev(&["settlement", "sign", &document]),
        2,
        &["is not an evaluator", "evaluators are"],
    );
    let evaluator = derive_key(1, "evaluator", 0).to_secret_bytes();
    let signature = kept
        .command(&["settlement", "sign", &document])
        .env("ASSIZE_PRIVATE_KEY", hex(&evaluator))
        .output()
        .unwrap();
    let signature = String::from_utf8(signature.stdout).unwrap();
    let signature = signature.trim();
    let twice = format!("settlement post {document} --signature {signature} --signature {signature}");
    let twice = words(&twice);
    refused(&kept.as_dev(&twice), 2, &["two signatures are by the evaluator"]);
    refused(&kept.as_dev(&twice[..5]), 2, &["1 signature given", "2 needed"]);
    let truncated = kept.file("truncated.json");
    let bytes = fs::read(kept.file("settlement.json")).unwrap();
    fs::write(&truncated, &bytes[..bytes.len() / 2]).unwrap();
    refused(
        &kept.as_dev(&["settlement", "sign", truncated.to_str().unwrap()]),
        2,
        &["truncated.json"],
    );

    // An unregistered publisher, and a damaged file.
    let measurements = kept.file("damaged.ndjson");
    fs::write(&measurements, "{\"round\":1,\n").unwrap();
    let data = kept.file("other");
    let files = [&data, &measurements].map(|path| path.to_str().unwrap());
    let publish = |how: &str| {
        let arguments = [
            &["run", "publisher", how, "--format", "json", "--data"][..],
            &files,
        ]
        .concat();
        kept.as_dev(&arguments)
    };
    refused(
        &publish("--once"),
        2,
        &["may not commit batches", "nothing was changed"],
    );
    assert!(!data.exists());
    let report = answer(publish("--import-only"));
    assert_eq!(
        (&report["imported"], report["rejected"][0]["line"].as_u64()),
        (&Value::from(0), Some(1))
    );

    // A roster that lists a station twice, and a missing roster; only the coordinator may open a round.
    let roster = fs::read_to_string(kept.file("roster.ndjson")).unwrap();
    let first = roster.lines().next().unwrap();
    let twice = kept.file("twice.ndjson");
    fs::write(&twice, format!("{first}\n{first}\n")).unwrap();
    let tasks = kept.file("tasks.ndjson").display().to_string();
    let open = |roster: &Path| {
        kept.as_dev(&[
            "round",
            "open",
            "--roster",
            roster.to_str().unwrap(),
            "--tasks",
            &tasks,
        ])
    };
    refused(&open(&twice), 2, &["twice.ndjson", "line 2"]);
    refused(&open(&kept.file("no-such.ndjson")), 2, &["no-such.ndjson"]);
    refused(&open(&kept.file("roster.ndjson")), 2, &["NotCoordinator"]);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
