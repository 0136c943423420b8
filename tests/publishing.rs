//! `assize run publisher` and `assize run gateway` where the machine fails: full disks, read-only directories, a second process, a
//! PostgreSQL. Errors name the place and the remedy, and nothing is lost.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, one that is skipped says so"
)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use alloy_primitives::hex;
use assize_measurement::{Measurement, Millis, Signature};
use assize_protocol::{RoundNumber, TaskIndex};
use assize_testkit::postgres::{Postgres, PostgresError};
use assize_testkit::world::World;
use common::assize;
use serde_json::{Value, json};

struct Network {
    world: World,
    directory: tempfile::TempDir,
}

impl Network {
    /// A chain with one round, and a file of measurements of it.
    async fn start(measurements: u32) -> Self {
        let world = World::start(86_400).await.unwrap();
        world.open_round().await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::write(
            directory.path().join("deployment.json"),
            json!(world.deployment).to_string(),
        )
        .unwrap();
        let mut file = fs::File::create(directory.path().join("measurements.ndjson")).unwrap();
        for task in 0..measurements {
            writeln!(file, "{}", measurement(task).to_line()).unwrap();
        }
        Self { world, directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn publish(&self, arguments: &[&str]) -> Command {
        let mut command = assize();
        let key = hex::encode_prefixed(self.world.anvil.dev_key(World::PUBLISHER));
        command
            .current_dir(self.directory.path())
            .env("ASSIZE_PRIVATE_KEY", key)
            .args([
                "run",
                "publisher",
                "--rpc-url",
                self.world.anvil.url(),
                "--deployment",
                "deployment.json",
                "--format",
                "json",
            ])
            .args(arguments);
        command
    }

    fn once(&self, arguments: &[&str]) -> Output {
        self.publish(&[&["--once"], arguments].concat()).output().unwrap()
    }

    async fn committed(&self) -> u32 {
        let commitments = self.world.rounds.commitments(RoundNumber(1)).await.unwrap();
        commitments.iter().map(|commitment| commitment.count).sum()
    }
}

fn measurement(task: u32) -> Measurement {
    Measurement {
        timeout: true,
        start_at: Some(Millis(1_760_000_000_000)),
        byte_length: Some(0),
        indexer_result: Some("OK".into()),
        signature: Signature([9; 65]),
        ..Measurement::new(
            RoundNumber(1),
            TaskIndex(task),
            [7; 20].into(),
            "bafybeif53axbvb3gbbidww37e36kahbfzui4ypp44uqyjs7bvrdmvjesfq",
            "f01697248",
        )
    }
}

fn refusal(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    text
}

fn report(output: &Output) -> Value {
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A little file system of its own; `None` where we may not mount one.
struct Mounted(PathBuf);

impl Mounted {
    fn new(path: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir(&path).unwrap();
        let options = format!("size={size}");
        let mounted = Self::mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], &path);
        if !mounted {
            eprintln!("SKIPPED: this user may not mount a file system");
        }
        mounted.then_some(Self(path))
    }

    fn mount(arguments: &[&str], path: &Path) -> bool {
        let mount = Command::new("mount")
            .args(arguments)
            .arg(path)
            .stderr(Stdio::null())
            .status();
        mount.is_ok_and(|status| status.success())
    }

    fn make_read_only(&self) {
        assert!(Self::mount(&["-o", "remount,ro"], &self.0));
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing() {
    let network = Network::start(3_000).await;
    let Some(_small) = Mounted::new(network.path("small"), "256k") else {
        return;
    };
    // The store has no room for the batch.
    let error = refusal(&network.once(&["--store", "small", "measurements.ndjson"]));
    assert!(
        error.contains("cannot write to the store small") && error.contains("No space left"),
        "{error}"
    );
    assert_eq!(network.committed().await, 0);
    assert_eq!(
        fs::read_dir(network.path("small")).unwrap().count(),
        0,
        "nothing half is left"
    );
    // With room, all of it is committed.
    assert_eq!(
        report(&network.once(&["--store", "large"]))["committed"][0]["count"],
        3_000
    );
    assert_eq!(network.committed().await, 3_000);
    // The table has no room for the file: none of it is taken in.
    let table = [
        "--import-only",
        "--database",
        "small/ingest.sqlite",
        "measurements.ndjson",
    ];
    let error = refusal(&network.publish(&table).output().unwrap());
    assert!(
        error.contains("small/ingest.sqlite") && error.contains("free disk space"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_directory_is_named() {
    let network = Network::start(10).await;
    let Some(mounted) = Mounted::new(network.path("fixed"), "1m") else {
        return;
    };
    mounted.make_read_only();
    let error = refusal(&network.once(&["--store", "fixed", "measurements.ndjson"]));
    assert!(
        error.contains("the store fixed") && error.contains("Read-only file system"),
        "{error}"
    );
    let error = refusal(&network.once(&[
        "--store",
        "store",
        "--data",
        "fixed",
        "--database",
        "ingest.sqlite",
    ]));
    assert!(error.contains("fixed/publisher.sqlite"), "{error}");
    let error = refusal(&network.once(&["--store", "store", "--database", "fixed/ingest.sqlite"]));
    assert!(
        error.contains("fixed/ingest.sqlite") && error.contains("write access"),
        "{error}"
    );
    // Nothing of that has lost anything.
    assert_eq!(
        report(&network.once(&["--store", "store"]))["committed"][0]["count"],
        10
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_arguments_are_named_with_the_accepted_forms() {
    let network = Network::start(1).await;
    for (arguments, words) in [
        (vec!["--store", "https://example.com"], "s3://bucket/prefix"),
        (vec!["--store", "s3://"], "s3://bucket/prefix"),
        (vec!["--store", "kubo:localhost"], "http://127.0.0.1:5001"),
        (
            vec!["--database", "postgres://127.0.0.1:1/none"],
            "none on 127.0.0.1",
        ),
        (vec!["nowhere.ndjson"], "cannot read nowhere.ndjson"),
        (vec!["--batch", "100001"], "100001"),
        (vec!["--daily-cap", "much"], "--daily-cap"),
        (
            vec!["--daily-cap", "0.000000000000000001", "measurements.ndjson"],
            "today's spending would exceed the limit",
        ),
        (
            vec!["--max-gas-price", "1"],
            "the gas price is above the limit of 1 attoFIL",
        ),
    ] {
        let error = refusal(&network.once(&arguments));
        assert!(error.contains(words), "{arguments:?}: {error}");
    }
    // What was parked goes on when the cap is gone.
    assert_eq!(report(&network.once(&[]))["committed"][0]["count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_publisher_is_refused_and_the_first_ends_when_told() {
    let network = Network::start(5).await;
    let mut first = network
        .publish(&[
            "--margin",
            "1000000s",
            "--metrics",
            "127.0.0.1:0",
            "measurements.ndjson",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(first.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(ready["imported"], 5);
    let error = refusal(&network.once(&[]));
    assert!(
        error.contains("publisher.sqlite is in use by another process"),
        "{error}"
    );
    let health = ureq::get(format!("{}/healthz", ready["metrics"].as_str().unwrap()));
    assert_eq!(
        health.call().unwrap().body_mut().read_to_string().unwrap(),
        "ok\n"
    );
    while network.committed().await < 5 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let told = Command::new("kill")
        .args(["-TERM", &first.id().to_string()])
        .status()
        .unwrap();
    assert!(told.success());
    assert_eq!(first.wait().unwrap().code(), Some(0));
    // The first may have ended before it read its own receipt; then the next reports it, and commits nothing anew.
    report(&network.once(&[]));
    assert_eq!(network.committed().await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn measurements_may_wait_in_a_postgresql() {
    let server = match Postgres::start() {
        Ok(server) => server,
        Err(PostgresError::NotFound) if std::env::var_os("ASSIZE_REQUIRE_SERVICES").is_none() => {
            return eprintln!("SKIPPED: {}", PostgresError::NotFound);
        }
        Err(error) => panic!("{error}"),
    };
    let network = Network::start(250).await;
    let url = server.url();
    let imported = network
        .publish(&["--import-only", "--database", &url, "measurements.ndjson"])
        .output()
        .unwrap();
    assert_eq!(report(&imported)["imported"], 250);
    let published = report(&network.once(&["--database", &url, "--batch", "100"]));
    let counts: Vec<_> = published["committed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|batch| batch["count"].clone())
        .collect();
    assert_eq!(counts, [100, 100, 50]);
    assert_eq!(network.committed().await, 250);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_served_to_verifiers_at_once() {
    let network = Network::start(20).await;
    let committed = report(&network.once(&["measurements.ndjson"]));
    let cid = committed["committed"][0]["cid"].as_str().unwrap();
    let mut gateway = assize()
        .current_dir(network.directory.path())
        .args(["run", "gateway", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(gateway.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(ready["files"], 1);
    let url = format!("{}/ipfs/{cid}?format=raw", ready["url"].as_str().unwrap());
    let batch = ureq::get(&url)
        .call()
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    assert_eq!(batch.lines().count(), 20);
    let told = Command::new("kill")
        .args(["-TERM", &gateway.id().to_string()])
        .status()
        .unwrap();
    assert!(told.success());
    assert_eq!(gateway.wait().unwrap().code(), Some(0));
}
