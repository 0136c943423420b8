//! A publisher that is killed repeatedly, with a node that fails in every way: every measurement is committed once, in its
//! own round.
//!
//! `make test` runs the short form, `make chaos` the long one. A run prints its seed; ASSIZE_CHAOS_SEED=… repeats it (kills
//! depend on the clock, so a repetition is similar, not exact).
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed test panics, and its figures are wanted"
)]

mod common;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use assize_chain::{ChainClient, FileKind};
use assize_protocol::{AttoFil, RoundNumber};
use assize_store::{LocalStore, Source};
use assize_testkit::fault::{Fault, FaultNode, Faults};
use assize_testkit::fixtures::measurement;
use assize_testkit::world::World;
use common::processes::{Blocks, HASTE, Running, dice, get, run_for};
use common::site::Site;
use common::words;
use rusqlite::OptionalExtension;
use serde_json::{Value, json};

const ROUNDS: u64 = 12;
/// The publisher's daily limit, FIL.
const DAILY_CAP: &str = "1";

struct Form {
    measurements: u32,
    files: u32,
    /// Measurements at which a batch is closed; few, so that a round has several batches, as many as the contract takes.
    batch: u32,
    kills: u32,
}

impl Form {
    fn chosen() -> Self {
        match std::env::var("ASSIZE_CHAOS").as_deref() {
            Ok("long") => Self {
                measurements: 1_000_000,
                files: 200,
                batch: 20_000,
                kills: 200,
            },
            _ => Self {
                measurements: 120_000,
                files: 24,
                batch: 3_000,
                kills: 20,
            },
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_measurement_is_committed_once_in_its_own_round() {
    let form = Form::chosen();
    let (seed, mut random) = dice("chaos");
    let begun = Instant::now();

    let world = World::start(3_600).await.unwrap();
    for _ in 0..ROUNDS {
        world.open_round().await.unwrap();
    }
    world.anvil.mine(10).unwrap();
    let mut site = Site::new(world);
    // The files of a failed run are kept.
    site.directory.disable_cleanup(true);
    let (world, directory) = (&site.world, site.directory.path());
    eprintln!("chaos: in {}", directory.display());
    let files = write_files(directory, &form, &mut random);
    let head = world.rounds.client().head().await.unwrap().number;
    let node = Arc::new(
        FaultNode::start(
            world.anvil.url(),
            Faults {
                fork_floor: head,
                ..Faults::everything(seed)
            },
        )
        .unwrap(),
    );
    let blocks = Blocks::every(Duration::from_millis(40), &node);
    let programs = Programs {
        site: &site,
        batch: form.batch,
        url: node.url(),
    };

    // Processes that import files, and others that publish: all are killed.
    let mut kills = (0, 0);
    let mut imported = 0;
    while kills.0 + kills.1 < form.kills || imported < files.len() {
        let pause = Duration::from_millis(random.u64(20..900));
        if imported < files.len() && random.u32(0..3) == 0 {
            let most = files.len().min(imported + files.len() / 6);
            match run_for(programs.import(&files[..most]), pause) {
                Some(code) => {
                    assert_eq!(code, Some(0), "{}", programs.log());
                    imported = most;
                }
                None => kills.0 += 1,
            }
        } else {
            match run_for(programs.publish(), pause) {
                Some(code) => assert_eq!(code, Some(2), "it ends only where the node fails at its start"),
                None => kills.1 += 1,
            }
        }
    }
    // No more measurements are accepted: what was kept for a larger batch is published. From here on no process is killed, but
    // the node still fails.
    let last = world.rounds.round(RoundNumber(ROUNDS)).await.unwrap();
    world.anvil.mine_at(last.times.show_from + 1).unwrap();
    let mut publisher = programs.publish();
    let waited = Instant::now();
    while committed(world).await < u64::from(form.measurements) {
        assert_eq!(publisher.0.try_wait().unwrap(), None, "the publisher has ended");
        assert!(
            waited.elapsed() < Duration::from_secs(300),
            "stands still at {}; {}",
            committed(world).await,
            programs.log()
        );
        thread::sleep(Duration::from_millis(200));
    }
    let faults = node.counts();
    node.set(Faults {
        null_rounds: true,
        ..Faults::none()
    });
    wait_until_final(&mut publisher);
    publisher.end();
    drop(blocks);

    let batches = expect_each_once(world, directory, &form).await;
    let (transactions, spent) = expect_no_gap(world, directory).await;
    assert!(spent <= DAILY_CAP.parse().unwrap(), "{spent} spent");
    for fault in [
        Fault::Lag,
        Fault::Dropped,
        Fault::MissingReceipt,
        Fault::Busy,
        Fault::BadGateway,
        Fault::HangUp,
        Fault::Fork,
    ] {
        assert!(faults.contains_key(&fault), "no {fault}: {faults:?}");
    }
    eprintln!(
        "chaos: {} measurements in {batches} batches, {} kills while publishing and {} while importing, {transactions} \
         transactions, {spent}, {:.1} s\nchaos: {faults:?}",
        form.measurements,
        kills.1,
        kills.0,
        begun.elapsed().as_secs_f64()
    );
    site.directory.disable_cleanup(false);
}

/// Measurements of all rounds, mixed, in some files. Each has a unique task number.
fn write_files(directory: &Path, form: &Form, random: &mut fastrand::Rng) -> Vec<PathBuf> {
    let per_file = form.measurements / form.files;
    let mut file_of = |file: u32| {
        let path = directory.join(format!("{file}.ndjson"));
        let mut out = BufWriter::new(File::create(&path).unwrap());
        for task in file * per_file..(file + 1) * per_file {
            let line = measurement(RoundNumber(random.u64(1..=ROUNDS)), task).to_line();
            writeln!(out, "{line}").unwrap();
        }
        path
    };
    (0..form.files).map(&mut file_of).collect()
}

/// The programs under test.
struct Programs<'a> {
    site: &'a Site,
    batch: u32,
    url: String,
}

impl Programs<'_> {
    fn import(&self, files: &[PathBuf]) -> Running {
        let mut command = self.command();
        command.arg("--import-only").args(files);
        Running(command.spawn().unwrap())
    }

    fn publish(&self) -> Running {
        let mut command = self.command();
        command
            .args(["--margin", "1000000s", "--batch", &self.batch.to_string()])
            .args(words(HASTE))
            .args(["--daily-cap", DAILY_CAP, "--metrics", "127.0.0.1:0", "--verbose"]);
        Running(command.spawn().unwrap())
    }

    fn command(&self) -> Command {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.site.path("log"))
            .unwrap();
        let mut command = self.site.command(Some(World::PUBLISHER), &["run", "publisher"]);
        command
            .env("ASSIZE_RPC_URL", &self.url)
            .stdout(Stdio::piped())
            .stderr(log);
        command
    }

    /// The end of the programs' output.
    fn log(&self) -> String {
        let log = fs::read_to_string(self.site.path("log")).unwrap();
        let lines: Vec<_> = log.lines().rev().take(40).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

/// Number of measurements on chain; after a fork in between, those read so far.
async fn committed(world: &World) -> u64 {
    let mut sum = 0;
    for round in 1..=ROUNDS {
        let Ok(commitments) = world
            .rounds
            .commitments(RoundNumber(round), FileKind::Lines)
            .await
        else {
            return sum;
        };
        let counts = commitments.iter().map(|commitment| u64::from(commitment.count));
        sum += counts.sum::<u64>();
    }
    sum
}

/// Polls the publisher's metrics until no batch is open.
fn wait_until_final(publisher: &mut Running) {
    let mut line = String::new();
    BufReader::new(publisher.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let url = ready["metrics"].as_str().unwrap();
    let get = |path: &str| get(format!("{url}{path}"));
    let begun = Instant::now();
    loop {
        let metrics = get("/metrics");
        let value = |name: &str| -> f64 {
            let line = metrics
                .lines()
                .find_map(|line| line.strip_prefix(&format!("assize_publisher_{name} ")));
            line.unwrap().parse().unwrap()
        };
        let idle = [
            "open_batches",
            "waiting_measurements",
            "transactions_in_flight",
            "transactions_not_final",
            "oldest_unpublished_seconds",
        ]
        .iter()
        .all(|name| value(name) == 0.0);
        if idle && value("last_pass_timestamp_seconds") > 0.0 {
            assert_eq!(value("late_measurements_total"), 0.0);
            assert!(value("wallet_runway_seconds") > 0.0, "{metrics}");
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "not idle: {metrics}");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(get("/healthz"), "ok\n");
}

/// On chain, every measurement is in exactly one batch, of its own round.
async fn expect_each_once(world: &World, directory: &Path, form: &Form) -> usize {
    let store = LocalStore::open(directory.join("store")).unwrap();
    let seen = Mutex::new(vec![false; form.measurements as usize]);
    let mut batches = 0;
    for round in 1..=ROUNDS {
        let commitments = world
            .rounds
            .commitments(RoundNumber(round), FileKind::Lines)
            .await
            .unwrap();
        batches += commitments.len();
        for commitment in commitments {
            let content = store.get(&commitment.cid).unwrap();
            let mut lines = 0;
            for line in content
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
            {
                let line: Value = serde_json::from_slice(line).unwrap();
                assert_eq!(line["round"], round);
                let seen = &mut seen.lock().unwrap()[line["task"].as_u64().unwrap() as usize];
                assert!(!*seen, "{line} is committed twice");
                *seen = true;
                lines += 1;
            }
            assert_eq!(lines, commitment.count);
        }
    }
    let missing = seen.lock().unwrap().iter().filter(|seen| !**seen).count();
    assert_eq!(missing, 0, "measurements are missing on chain");
    batches
}

/// Checks that the chain has all nonces of the publisher and nothing is pending; returns the fees paid.
async fn expect_no_gap(world: &World, directory: &Path) -> (usize, AttoFil) {
    let client: &ChainClient = world.rounds.client();
    let publisher = world.publisher.address();
    let mined = client.mined_nonce(publisher).await.unwrap();
    assert_eq!(client.pending_nonce(publisher).await.unwrap(), mined);
    // After forks, anvil lacks the details of some transactions in its blocks; the queue has the sent ones.
    let queue = rusqlite::Connection::open(directory.join("publisher.sqlite")).unwrap();
    let mut sent = queue
        .prepare("SELECT nonce, gas_limit, max_fee FROM outbox_attempt WHERE hash = ?")
        .unwrap();
    let head = client.head().await.unwrap().number;
    let mut nonces = BTreeSet::new();
    let mut spent = AttoFil::ZERO;
    for number in 0..=head {
        let params = json!([format!("{number:#x}"), false]);
        let block = world.anvil.rpc("eth_getBlockByNumber", params).unwrap();
        for hash in block["transactions"].as_array().unwrap() {
            let hash: B256 = hash.as_str().unwrap().parse().unwrap();
            let attempt = sent.query_row([hash.as_slice()], |row| {
                Ok((
                    row.get::<_, i64>(0)? as u64,
                    row.get::<_, i64>(1)? as u64,
                    row.get::<_, String>(2)?,
                ))
            });
            let Some((nonce, gas_limit, max_fee)) = attempt.optional().unwrap() else {
                continue;
            };
            assert!(nonces.insert(nonce), "nonce {nonce} twice");
            let receipt = client.receipt(hash).await.unwrap();
            assert!(
                receipt.as_ref().is_none_or(|receipt| receipt.succeeded),
                "{hash} was reverted"
            );
            let fee = receipt.map_or_else(
                || AttoFil::of_gas(gas_limit, max_fee.parse().unwrap()),
                |receipt| receipt.fee(),
            );
            spent = spent.checked_add(fee).unwrap();
        }
    }
    assert!(nonces.iter().copied().eq(0..mined), "{nonces:?}");
    // The queue's table agrees.
    let open: i64 = queue
        .query_row(
            "SELECT count(*) FROM outbox_intent WHERE state NOT IN ('closed', 'void', 'refused')",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(open, 0, "intents have not ended");
    (nonces.len(), spent)
}
