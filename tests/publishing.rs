//! `assize run publisher` and `assize run gateway` with failures of the machine: full disks, read-only directories, a second process,
//! PostgreSQL. Errors name the path and the remedy, and nothing is lost.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed test panics, one that is skipped says so"
)]

mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use assize_chain::FileKind;
use assize_protocol::RoundNumber;
use assize_testkit::fixtures::measurement;
use assize_testkit::services::postgres;
use assize_testkit::world::World;
use common::processes::{Running, get};
use common::site::Site;
use common::{answer, refused};

struct Network(Site);

impl Network {
    /// A chain with one round, and a file of measurements of it.
    async fn start(measurements: u32) -> Self {
        let site = Site::new(World::start(3_600).await.unwrap());
        site.world.open_round().await.unwrap();
        let mut file = fs::File::create(site.path("measurements.ndjson")).unwrap();
        for task in 0..measurements {
            writeln!(file, "{}", measurement(RoundNumber(1), task).to_line()).unwrap();
        }
        Self(site)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    fn publish(&self, arguments: &[&str]) -> Command {
        let run = ["run", "publisher", "--format", "json"];
        self.0
            .command(Some(World::PUBLISHER), &[&run, arguments].concat())
    }

    fn once(&self, arguments: &[&str]) -> Output {
        self.publish(&[&["--once"], arguments].concat()).output().unwrap()
    }

    async fn committed(&self) -> u32 {
        let commitments = self
            .0
            .world
            .rounds
            .commitments(RoundNumber(1), FileKind::Lines)
            .await
            .unwrap();
        commitments.iter().map(|commitment| commitment.count).sum()
    }
}

/// A small file system; `None` if this user may not mount one.
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
    // The store's disk is too small for the batch.
    refused(
        &network.once(&["--store", "small", "measurements.ndjson"]),
        2,
        &["cannot write to the store small", "No space left"],
    );
    assert_eq!(network.committed().await, 0);
    assert_eq!(
        fs::read_dir(network.path("small")).unwrap().count(),
        0,
        "nothing half is left"
    );
    // With enough space, everything is committed.
    let report = answer(network.once(&["--store", "large"]));
    assert_eq!(report["committed"][0]["count"], 3_000);
    assert_eq!(network.committed().await, 3_000);
    // The database's disk is too small for the file: nothing is imported.
    let table = [
        "--import-only",
        "--database",
        "small/ingest.sqlite",
        "measurements.ndjson",
    ];
    refused(
        &network.publish(&table).output().unwrap(),
        2,
        &["small/ingest.sqlite", "free disk space"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_directory_is_named() {
    let network = Network::start(10).await;
    let Some(mounted) = Mounted::new(network.path("fixed"), "1m") else {
        return;
    };
    mounted.make_read_only();
    let refuses = |arguments: &[&str], words: &[&str]| refused(&network.once(arguments), 2, words);
    refuses(
        &["--store", "fixed", "measurements.ndjson"],
        &["the store fixed", "Read-only file system"],
    );
    refuses(
        &[
            "--store",
            "store",
            "--data",
            "fixed",
            "--database",
            "ingest.sqlite",
        ],
        &[
            "cannot write to the data directory fixed",
            "Read-only file system",
        ],
    );
    refuses(
        &["--store", "store", "--database", "fixed/ingest.sqlite"],
        &["fixed/ingest.sqlite", "writable by this user"],
    );
    // Nothing was lost.
    let report = answer(network.once(&["--store", "store", "measurements.ndjson"]));
    assert_eq!(report["committed"][0]["count"], 10);
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
        refused(&network.once(&arguments), 2, &[words]);
    }
    // Parked transactions continue without the limit.
    assert_eq!(answer(network.once(&[]))["committed"][0]["count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_publisher_fails_and_the_first_can_be_terminated() {
    let network = Network::start(5).await;
    let options = ["--margin", "1000000s", "--metrics", "127.0.0.1:0"];
    let mut first = network.publish(&[&options[..], &["measurements.ndjson"]].concat());
    let (first, ready) = Running::start(&mut first);
    assert_eq!(ready["imported"], 5);
    refused(
        &network.once(&[]),
        2,
        &["publisher.sqlite is in use by another process"],
    );
    let health = get(format!("{}/healthz", ready["metrics"].as_str().unwrap()));
    assert_eq!(health, "ok\n");
    while network.committed().await < 5 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    first.end();
    // The first run may have stopped before it read its receipt; then the next one reports it, and commits nothing again.
    answer(network.once(&[]));
    assert_eq!(network.committed().await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn measurements_can_be_in_postgresql() {
    let Some(server) = postgres() else { return };
    let network = Network::start(250).await;
    let url = server.url();
    let imported = network
        .publish(&["--import-only", "--database", &url, "measurements.ndjson"])
        .output()
        .unwrap();
    assert_eq!(answer(imported)["imported"], 250);
    let published = answer(network.once(&["--database", &url, "--batch", "100"]));
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
    let committed = answer(network.once(&["measurements.ndjson"]));
    let cid = committed["committed"][0]["cid"].as_str().unwrap();
    let mut gateway = network
        .0
        .command(None, &["run", "gateway", "--listen", "127.0.0.1:0"]);
    let (gateway, ready) = Running::start(&mut gateway);
    assert_eq!(ready["files"], 1);
    let url = format!("{}/ipfs/{cid}?format=raw", ready["url"].as_str().unwrap());
    assert_eq!(get(url).lines().count(), 20);
    gateway.end();
}
