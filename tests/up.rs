//! Networks of processes in real time: a publisher that omits a measurement, and what else can go wrong on purpose.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

mod common;

use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use common::processes::Running;
use common::{assize, refused, run};
use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;

/// A round takes a minute, its commit window another.
const PATIENCE: Duration = Duration::from_secs(500);

/// Deletes the first accepted measurement, like a dishonest publisher.
fn leave_one_out(database: &Path) {
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < PATIENCE, "no measurement was taken");
        thread::sleep(Duration::from_millis(200));
        if !database.exists() {
            continue;
        }
        let database = Connection::open(database).unwrap();
        database.busy_timeout(Duration::from_secs(10)).unwrap();
        let first = "SELECT id FROM ingest_measurement ORDER BY id LIMIT 1";
        // The coordinator may not have created its tables yet.
        let Ok(Some(id)) = database
            .query_row(first, [], |row| row.get::<_, i64>(0))
            .optional()
        else {
            continue;
        };
        let deleted = database.execute("DELETE FROM ingest_measurement WHERE id = ?", [id]);
        assert_eq!(deleted.unwrap(), 1);
        return;
    }
}

#[test]
fn a_network_detects_failing_providers_and_omitted_measurements() {
    let directory = tempfile::tempdir().unwrap();
    let keep = directory.path().join("network");
    let mut up = Running(
        assize()
            .args([
                "up",
                "--checkers",
                "6",
                "--rounds",
                "1",
                "--format",
                "json",
                "--keep",
            ])
            .arg(&keep)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    leave_one_out(&keep.join("ingest.sqlite"));
    let mut stdout = up.0.stdout.take().unwrap();
    let report = std::io::read_to_string(&mut stdout).unwrap();
    let code = up.0.wait().unwrap().code();
    let report: Value = serde_json::from_str(&report).unwrap_or_else(|_| panic!("exit {code:?}: {report}"));

    // Six checkers, one committee, twenty tasks.
    let round = &report["rounds"][0];
    assert_eq!(
        (&round["committees"], &round["tasksPerCommittee"]),
        (&1.into(), &20.into())
    );
    let held = report["receipts"]["held"].as_u64().unwrap();
    assert_eq!(held, 120);
    assert_eq!(round["labels"]["OK"], held - 1, "{}", round["labels"]);
    let providers = round["providers"].as_array().unwrap();
    assert!(providers.len() > 5);
    for provider in providers {
        assert_eq!(provider["right"], provider["decided"], "{provider}");
    }

    // The receipt proves the omission, and nothing else is wrong.
    let receipts = &report["receipts"];
    assert_eq!(
        (&receipts["omitted"], &receipts["included"]),
        (&1.into(), &(held - 1).into())
    );
    assert_eq!((receipts["invalid"].as_u64(), code), (Some(0), Some(1)));
    assert_eq!(report["verdict"], "MATCH");
    assert_eq!(report["paid"], report["granted"]);
    assert_ne!(report["paid"], "0");
}

/// Runs a small network in which something goes wrong on purpose; all the same, the round is settled, paid, and recomputed. Returns
/// what came of the mischief.
fn made_good(scenario: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let keep = directory.path().join("network").display().to_string();
    let up = ["up", "--scenario", scenario, "--checkers", "4", "--rounds", "1"];
    let size = ["--providers", "5", "--payloads", "5", "--format", "json"];
    let output = run([&up[..], &size, &["--keep", &keep]].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{scenario}: {stderr}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["verdict"], "MATCH");
    assert_eq!(report["paid"], report["granted"]);
    assert_ne!(report["paid"], "0");
    report["scenario"].as_str().unwrap().to_owned()
}

/// All at once, since each mostly waits for its round. The outcome contains these words.
#[test]
fn what_goes_wrong_on_purpose_is_made_good() {
    let scenarios = [
        // The vetoed settlement cannot be posted again.
        ("theft", "WrongNumber"),
        ("left-out", "1 own report"),
        ("squatter", "all of the copied ones count"),
        ("outage", "everything afterwards"),
        ("garbage", "was dropped"),
        ("withheld", "all stations paid by 4 own reports"),
        (
            "idle",
            "601 rounds without a measurement were settled for nothing; round 602 is paid",
        ),
    ];
    thread::scope(|scope| {
        for (scenario, expected) in scenarios {
            scope.spawn(move || {
                let outcome = made_good(scenario);
                assert!(outcome.contains(expected), "{scenario}: {outcome}");
            });
        }
    });
}

/// Child processes of a process, from /proc.
fn children_of(parent: u32) -> Vec<u32> {
    let tasks = format!("/proc/{parent}/task");
    let tasks = std::fs::read_dir(tasks).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let pids = lists.collect::<Vec<_>>().join(" ");
    pids.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

#[test]
fn a_signal_during_the_start_leaves_no_processes() {
    for signal in ["TERM", "HUP"] {
        let directory = tempfile::tempdir().unwrap();
        let keep = directory.path().join("network");
        let up = assize()
            .args(["up", "--checkers", "2", "--keep"])
            .arg(&keep)
            .stderr(Stdio::null())
            .spawn();
        let mut up = Running(up.unwrap());
        // Chain and beacons are running, and the rest is being started.
        let begun = Instant::now();
        while !keep.join("deployment.json").exists() {
            assert!(begun.elapsed() < PATIENCE);
            assert_eq!(up.0.try_wait().unwrap(), None);
            thread::sleep(Duration::from_millis(20));
        }
        let children = children_of(up.0.id());
        assert!(children.len() >= 2, "{children:?}");
        let pid = up.0.id().to_string();
        let sent = std::process::Command::new("kill")
            .args([&format!("-{signal}"), &pid])
            .status();
        assert!(sent.unwrap().success());
        assert_eq!(up.0.wait().unwrap().code(), Some(0), "{signal}");
        for child in children {
            assert!(
                !Path::new(&format!("/proc/{child}")).exists(),
                "{child} lives on after {signal}"
            );
        }
    }
}

#[test]
fn invalid_networks_are_rejected() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "something").unwrap();
    let keep = directory.path().display().to_string();
    refused(&run(["up", "--keep", &keep]), 2, &["is not empty"]);
    // How many rounds idle depends on how many are to be paid.
    let idle = ["up", "--scenario", "idle"];
    refused(&run(idle), 2, &["--rounds", "424"]);
    refused(&run([&idle[..], &["--rounds", "425"]].concat()), 2, &["424"]);
    for (option, value) in [
        ("--checkers", "1"),
        ("--round", "59s"),
        ("--rounds", "0"),
        ("--providers", "0"),
    ] {
        let output = run(["up", option, value]);
        assert_eq!(output.status.code(), Some(2), "{option} {value}");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.contains(option) && stderr.contains(value), "{stderr}");
    }
}
