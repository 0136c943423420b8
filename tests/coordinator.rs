//! `assize run coordinator` as a process: stations use its HTTP API, rounds continue after kills, and `assize operator receipts`
//! proves omissions.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

mod common;
#[path = "common/stations.rs"]
mod stations;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use assize_chain::{FileKind, Round};
use assize_measurement::Measurement;
use assize_protocol::{Roster, RoundNumber, TaskNumber, TaskSet, merkle};
use assize_service::Clock;
use assize_store::{LocalStore, Source};
use assize_testkit::fixtures;
use assize_testkit::services::postgres;
use assize_testkit::world::World;
use assize_wire::{InclusionDocument, KeptReceipt, NetworkDocument, Receipt, RoundDocument};
use common::processes::get;
use common::site::Site;
use common::{answer, refused};
use secp256k1::SecretKey;
use serde_json::{Value, json};
use stations::{PATIENCE, Service, Station, serve_drand};

/// Seconds by which the chain is initially behind the wall clock, so that no test waits for beacons.
const BEHIND: u64 = 100;
/// Unit of the timetable after a round's close, seconds.
const STEP: u32 = 20;

struct Network {
    site: Site,
    relay: String,
}

impl Network {
    /// A chain without rounds, drand over HTTP, and a file of tasks.
    async fn start() -> Self {
        let world = World::start(STEP).await.unwrap();
        world.anvil.mine_at(Clock::system().now() - BEHIND).unwrap();
        let relay = serve_drand(&world).await;
        let site = Site::new(world);
        let tasks = fixtures::tasks().unwrap().to_ndjson();
        std::fs::write(site.path("tasks.ndjson"), tasks).unwrap();
        Self { site, relay }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.site.path(name)
    }

    fn coordinator(&self, key: Option<usize>, arguments: &[&str]) -> Command {
        let run = ["run", "coordinator"];
        let mut command = self.site.command(key, &[&run, arguments].concat());
        command.args(["--drand-info", "drand.json", "--relay", &self.relay]);
        command.args(["--listen", "127.0.0.1:0", "--poll", "50ms"]);
        command
    }

    /// Starts a coordinator that opens rounds for three stations or more.
    fn start_coordinator(&self) -> Service {
        self.start_coordinator_on("ingest.sqlite")
    }

    fn start_coordinator_on(&self, database: &str) -> Service {
        let mut command = self.coordinator(Some(0), &["--database", database]);
        command.args(["--tasks", "tasks.ndjson", "--metrics", "127.0.0.1:0"]);
        command.args(["--min-stations", "3"]);
        // All stations are on this machine.
        command.args([
            "--address-rate",
            "100000:100000",
            "--subnet-rate",
            "100000:100000",
        ]);
        Service::start(command)
    }

    /// A coordinator that has heard all stations and revealed the first round, which they measure.
    async fn measured_by(&self, stations: &[Station]) -> Service {
        let coordinator = self.start_coordinator();
        for station in stations {
            coordinator.hear(station, &self.site.world.domain());
        }
        let _: RoundDocument = coordinator.until("/rounds/current", |_| true).await;
        publish_beacon(self, 1).await;
        coordinator.revealed().await;
        coordinator
    }

    async fn round(&self, number: u64) -> Round {
        self.site.world.rounds.round(RoundNumber(number)).await.unwrap()
    }

    fn publish(&self) -> Value {
        self.publish_from("ingest.sqlite")
    }

    fn publish_from(&self, database: &str) -> Value {
        let publish = ["run", "publisher", "--once", "--database", database];
        let publish = [&publish[..], &["--format", "json"]].concat();
        answer(self.site.run(Some(World::PUBLISHER), &publish))
    }

    /// Exit code and verdicts of `assize operator receipts`.
    fn check(&self, arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
        let receipts = ["operator", "receipts", "--format", "json"];
        let output = self.site.run(None, &[&receipts, arguments].concat());
        let checked = serde_json::from_slice(&output.stdout);
        (
            output.status.code(),
            checked.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))),
        )
    }

    fn keep(&self, name: &str, kept: &[KeptReceipt]) {
        let lines: Vec<_> = kept.iter().map(|kept| json!(kept).to_string() + "\n").collect();
        std::fs::write(self.path(name), lines.concat()).unwrap();
    }
}

/// Moves the chain to the publication of a round's beacon.
async fn publish_beacon(network: &Network, number: u64) {
    let round = network.round(number).await;
    let schedule = network.site.world.drand_chain().schedule();
    let published_at = schedule.time_of(round.beacon_round).unwrap();
    network.site.world.anvil.mine_at(published_at).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn omitted_measurements_are_proven_by_receipts() {
    let network = Network::start().await;
    let domain = network.site.world.domain();
    let coordinator = network.start_coordinator();
    let stations = Station::three();
    // Two stations are not enough.
    for station in &stations[..2] {
        coordinator.hear(station, &domain);
    }
    let (status, _) = coordinator.ask("/rounds/current", None);
    assert_eq!(status, 404);
    coordinator.hear(&stations[2], &domain);
    let opened: RoundDocument = coordinator.until("/rounds/current", |_| true).await;
    assert_eq!(
        (opened.round, opened.seed, opened.roster.count),
        (RoundNumber(1), None, 3)
    );

    publish_beacon(&network, 1).await;
    let revealed = coordinator.revealed().await;
    assert_eq!(revealed.seed, network.round(1).await.seed);
    let station = &stations[0];
    let document = coordinator.tasks_of(station);
    let entry = document.entry();
    assert_eq!(
        (entry.station, entry.operator),
        (station.address(), station.operator)
    );
    let leaf = merkle::roster_leaf(document.index, entry.station, entry.operator, entry.subnet);
    let root = network.round(1).await.roster.root;
    assert!(merkle::verify(root, leaf, &document.proof));

    // Three measurements: one is published, one is omitted, one is altered.
    let kept = [0, 1, 2].map(|k| coordinator.send(&station.measure(&document, k, &domain)));
    let about: NetworkDocument = coordinator.get("/network");
    assert!(
        kept.iter()
            .all(|kept| kept.receipt.is_signed(&domain) && kept.receipt.ingest == about.ingest)
    );
    assert_eq!(coordinator.ready["ingest"], json!(about.ingest));
    let table = rusqlite::Connection::open(network.path("ingest.sqlite")).unwrap();
    let forget = "DELETE FROM ingest_measurement WHERE digest = ?";
    assert_eq!(
        table
            .execute(forget, [kept[1].receipt.digest.as_slice()])
            .unwrap(),
        1
    );
    // With another signature it does not count, so it is omitted.
    let mut altered: Measurement = station.measure(&document, 2, &domain);
    altered.signature.0[10] ^= 1;
    let alter = "UPDATE ingest_measurement SET line = ? WHERE digest = ?";
    let digest = kept[2].receipt.digest;
    assert_eq!(
        table
            .execute(alter, (altered.to_line(), digest.as_slice()))
            .unwrap(),
        1
    );
    assert_eq!(network.publish()["committed"][0]["count"], 2);

    network.keep("kept.ndjson", &kept);
    let ingest = about.ingest.to_string();
    let arguments = ["--ingest-address", &ingest, "kept.ndjson"];
    let verdicts = |checked: &[Value]| -> Vec<String> {
        let verdict = |one: &Value| one["verdict"].as_str().unwrap().to_owned();
        checked.iter().map(verdict).collect()
    };
    let world = &network.site.world;
    // The publisher can still commit it.
    let (code, checked) = network.check(&arguments);
    assert_eq!(verdicts(&checked), ["INCLUDED", "TOO EARLY", "TOO EARLY"]);
    assert_eq!(code, Some(0));
    let commitments = world.rounds.commitments(RoundNumber(1), FileKind::Lines);
    let [batch] = commitments.await.unwrap()[..] else {
        panic!("one batch");
    };
    assert_eq!(
        (&checked[0]["batch"], &checked[0]["line"]),
        (&json!(batch.cid), &json!(1))
    );
    // The API's proof is for the committed root.
    let path = format!("/measurements/{}/inclusion", kept[0].receipt.digest);
    let inclusion: InclusionDocument = coordinator.get(&path);
    assert_eq!((inclusion.root, inclusion.count), (batch.root, batch.count));
    assert!(inclusion.shows(kept[0].measurement.as_bytes()));

    world.anvil.mine_at(revealed.times.publish_until + 1).unwrap();
    let (code, checked) = network.check(&arguments);
    assert_eq!(verdicts(&checked), ["INCLUDED", "OMITTED", "OMITTED"]);
    assert_eq!(code, Some(1));
    // What came when the round took no measurements any more proves nothing.
    let secret: B256 = std::fs::read_to_string(network.path("ingest.key"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let secret = SecretKey::from_secret_bytes(secret.0).unwrap();
    let mut late = kept.clone();
    for (kept, at) in late.iter_mut().zip([1, 0, 1]) {
        let received_at = revealed.times.show_from + at;
        kept.receipt = Receipt::new(&secret, &domain, kept.receipt.digest, received_at);
    }
    network.keep("late.ndjson", &late);
    let (code, checked) = network.check(&["--ingest-address", &ingest, "late.ndjson"]);
    assert_eq!(verdicts(&checked), ["INCLUDED", "OMITTED", "TOO LATE"]);
    assert_eq!(code, Some(1));
    // The station commits one of them itself.
    let file = LocalStore::open(network.path("store"))
        .unwrap()
        .get(&revealed.roster.cid);
    let roster = Roster::parse(&file.unwrap()).unwrap();
    let report = kept[1].measurement.clone() + "\n";
    let mut tasks = TaskSet::default();
    tasks.insert(TaskNumber(1));
    let seal = world.seal(
        RoundNumber(1),
        &roster,
        document.index,
        &station.key,
        tasks,
        report.as_bytes(),
    );
    let draft = world.rounds.commit_own(&seal.unwrap(), report.as_bytes());
    world.send(&draft).await.unwrap();
    let (code, checked) = network.check(&arguments);
    assert_eq!(verdicts(&checked), ["INCLUDED", "INCLUDED", "OMITTED"]);
    assert_eq!((code, &checked[1]["line"]), (Some(1), &json!(1)));
    assert!(
        checked[1]["reason"]
            .as_str()
            .unwrap()
            .contains("committed itself"),
        "{checked:?}"
    );

    // Receipts by other keys are invalid.
    let stranger = SecretKey::from_secret_bytes([9; 32]).unwrap();
    let mut forged = kept.clone();
    forged[0].receipt.received_at += 1;
    forged[1].measurement.clone_from(&kept[0].measurement);
    forged[2].receipt = Receipt::new(&stranger, &domain, kept[1].receipt.digest, 5);
    network.keep("forged.ndjson", &forged);
    let (code, checked) = network.check(&["--ingest-address", &ingest, "forged.ndjson"]);
    assert_eq!(verdicts(&checked), ["INVALID"; 3]);
    assert_eq!(code, Some(1));
    for (one, words) in checked.iter().zip([
        "did not sign it",
        "for another measurement",
        "not by the ingest key",
    ]) {
        assert!(one["reason"].as_str().unwrap().contains(words), "{one}");
    }
    coordinator.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_killed_in_mid_round_loses_nothing() {
    let network = Network::start().await;
    let domain = network.site.world.domain();
    let stations = Station::three();
    let coordinator = network.start_coordinator();
    for station in &stations {
        coordinator.hear(station, &domain);
    }
    let opened: RoundDocument = coordinator.until("/rounds/current", |_| true).await;
    drop(coordinator);
    publish_beacon(&network, 1).await;

    let coordinator = network.start_coordinator();
    let revealed = coordinator.revealed().await;
    assert_eq!(revealed.roster, opened.roster);
    let document = coordinator.tasks_of(&stations[0]);
    let measurement = stations[0].measure(&document, 0, &domain);
    let kept = coordinator.send(&measurement);
    drop(coordinator);

    // After a restart, accepted measurements are still there, with the same receipts.
    let coordinator = network.start_coordinator();
    assert_eq!(coordinator.revealed().await, revealed);
    assert_eq!(coordinator.send(&measurement), kept);
    assert_eq!(network.publish()["committed"][0]["count"], 1);
    assert_eq!(
        network.site.world.rounds.latest_round().await.unwrap(),
        Some(RoundNumber(1))
    );
    // The stations are still live, so the next round is opened when this one has closed.
    network
        .site
        .world
        .anvil
        .mine_at(revealed.times.closes_at)
        .unwrap();
    coordinator
        .until("/rounds/current", |round: &RoundDocument| {
            round.round == RoundNumber(2)
        })
        .await;
    coordinator.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_instance_opens_rounds_and_others_accept_measurements() {
    several_instances("ingest.sqlite").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_instances_share_one_postgresql() {
    if let Some(server) = postgres() {
        several_instances(&server.url()).await;
    }
}

async fn several_instances(database: &str) {
    let network = Network::start().await;
    let domain = network.site.world.domain();
    let first = network.start_coordinator_on(database);
    let mut second = network.coordinator(Some(0), &["--tasks", "tasks.ndjson"]);
    refused(
        &second.output().unwrap(),
        2,
        &["coordinator.sqlite is in use by another process"],
    );

    let second = Service::start(network.coordinator(None, &["--ingest-only", "--database", database]));
    assert_eq!(
        (&second.ready["opensRounds"], &first.ready["opensRounds"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(second.ready["ingest"], first.ready["ingest"]);
    // Stations that send heartbeats to the second are in the first's roster.
    let stations = Station::three();
    for station in &stations {
        second.hear(station, &domain);
    }
    let opened: RoundDocument = second.until("/rounds/current", |_| true).await;
    assert_eq!(opened.roster.count, 3);
    publish_beacon(&network, 1).await;
    second.revealed().await;
    let measurement = stations[1].measure(&second.tasks_of(&stations[1]), 0, &domain);
    let kept = second.send(&measurement);
    first.revealed().await;
    assert_eq!(first.send(&measurement), kept);

    // Health and metrics have their own address.
    let status = first.ready["metrics"].as_str().unwrap();
    let read = |path: &str| get(format!("{status}{path}"));
    assert_eq!(read("/healthz"), "ok\n");
    let begun = Instant::now();
    while !read("/metrics").contains("assize_coordinator_round 1.0\n") {
        assert!(begun.elapsed() < PATIENCE, "{}", read("/metrics"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(read("/metrics").contains("assize_coordinator_roster_stations 3.0\n"));
    assert!(!first.ask("/metrics", None).1.contains("wallet"));
    second.end();
    first.end();
    assert_eq!(network.publish_from(database)["committed"][0]["count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_keeps_every_accepted_measurement() {
    let network = Network::start().await;
    let stations = Station::three();
    let coordinator = network.measured_by(&stations).await;
    let measurements = stations
        .each_ref()
        .map(|station| coordinator.lines_of(station, &network.site.world.domain()));
    let answered = AtomicUsize::new(0);
    let receipts: Vec<Receipt> = std::thread::scope(|scope| {
        let senders = measurements.each_ref().map(|lines| {
            let url = format!("{}/measurements", coordinator.url);
            let answered = &answered;
            scope.spawn(move || {
                let mut receipts = Vec::new();
                for line in lines {
                    // It may have been killed; unanswered requests are repeated.
                    let answer = ureq::post(&url).content_type("application/json").send(line);
                    let Ok(mut answer) = answer else { break };
                    let Ok(body) = answer.body_mut().read_to_string() else {
                        break;
                    };
                    receipts.push(serde_json::from_str(&body).unwrap());
                    answered.fetch_add(1, Ordering::SeqCst);
                }
                receipts
            })
        });
        while answered.load(Ordering::SeqCst) < 20 {
            std::thread::yield_now();
        }
        coordinator.end();
        let receipts = senders.into_iter().flat_map(|sender| sender.join().unwrap());
        receipts.collect()
    });
    assert!(receipts.len() >= 20);
    let table = rusqlite::Connection::open(network.path("ingest.sqlite")).unwrap();
    for receipt in &receipts {
        let count = "SELECT count(*) FROM ingest_measurement WHERE digest = ?";
        let found: i64 = table
            .query_row(count, [receipt.digest.as_slice()], |row| row.get(0))
            .unwrap();
        assert_eq!(found, 1, "of {} answered", receipts.len());
    }
}

/// Every measurement with a receipt is in a batch, however often the coordinator was killed.
#[tokio::test(flavor = "multi_thread")]
async fn every_receipt_survives_repeated_kills() {
    const KILLS: u64 = 12;
    let network = Network::start().await;
    let stations = Station::three();
    let coordinator = network.measured_by(&stations).await;
    let measurements = stations
        .each_ref()
        .map(|station| coordinator.lines_of(station, &network.site.world.domain()));
    let url = Mutex::new(coordinator.url.clone());
    let all = AtomicBool::new(false);
    let mut coordinator = Some(coordinator);
    let mut random = fastrand::Rng::with_seed(7);
    let kept: Vec<KeptReceipt> = std::thread::scope(|scope| {
        let senders = measurements.each_ref().map(|lines| {
            let (url, all) = (&url, &all);
            scope.spawn(move || {
                let agent: ureq::Agent = ureq::Agent::config_builder()
                    .http_status_as_error(false)
                    .timeout_global(Some(Duration::from_secs(5)))
                    .build()
                    .into();
                // Each is sent until it is answered, and all again until the last kill.
                let mut kept = Vec::new();
                for line in lines.iter().cycle() {
                    if all.load(Ordering::SeqCst) && kept.len() >= lines.len() {
                        return kept;
                    }
                    let receipt = std::iter::repeat_with(|| {
                        let to = format!("{}/measurements", url.lock().unwrap());
                        let answer = agent.post(to).content_type("application/json").send(line);
                        let body = answer.ok()?.body_mut().read_to_string().ok()?;
                        serde_json::from_str::<Receipt>(&body).ok()
                    });
                    kept.extend(receipt.flatten().take(1).map(|receipt| KeptReceipt {
                        measurement: line.clone(),
                        receipt,
                    }));
                }
                kept
            })
        });
        for _ in 0..KILLS {
            std::thread::sleep(Duration::from_millis(random.u64(5..150)));
            // SIGKILL.
            drop(coordinator.take());
            let next = network.start_coordinator();
            url.lock().unwrap().clone_from(&next.url);
            coordinator = Some(next);
        }
        all.store(true, Ordering::SeqCst);
        let kept = senders.into_iter().flat_map(|sender| sender.join().unwrap());
        kept.collect()
    });
    coordinator.unwrap().end();
    let sent: usize = measurements.iter().map(Vec::len).sum();
    assert!(
        kept.len() >= sent && sent >= 30,
        "{} receipts of {sent}",
        kept.len()
    );
    // A measurement that was sent twice has one receipt.
    let receipts: BTreeSet<String> = kept.iter().map(|kept| json!(kept).to_string()).collect();
    assert_eq!(receipts.len(), sent);
    assert_eq!(network.publish()["committed"][0]["count"], sent);
    network.keep("kept.ndjson", &kept[..sent]);
    let (code, checked) = network.check(&["kept.ndjson"]);
    assert!(checked.iter().all(|checked| checked["verdict"] == "INCLUDED"));
    assert_eq!((code, checked.len()), (Some(0), sent));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_node_everything_but_rounds_continues() {
    let network = Network::start().await;
    let domain = network.site.world.domain();
    let stations = Station::three();
    let coordinator = network.start_coordinator();
    coordinator.hear(&stations[0], &domain);
    let signal = |name: &str| {
        let pid = network.site.world.anvil.pid().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    };
    signal("-STOP");
    for station in &stations[1..] {
        coordinator.hear(station, &domain);
    }
    // After several polls, it is probably waiting for the node. Otherwise it stops even sooner.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let begun = Instant::now();
    coordinator.end();
    // Its requests to the node would time out after a minute.
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    signal("-CONT");
    let coordinator = network.start_coordinator();
    coordinator
        .until("/rounds/current", |_: &RoundDocument| true)
        .await;
    coordinator.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_arguments_are_named_with_the_accepted_forms() {
    let network = Network::start().await;
    for (arguments, words) in [
        (
            vec!["--tasks", "tasks.ndjson", "--minimum-version", "1.2"],
            "such as 1.20.0",
        ),
        (
            vec!["--tasks", "tasks.ndjson", "--address-rate", "20"],
            "such as 20:200",
        ),
        (
            vec!["--tasks", "tasks.ndjson", "--trusted-proxy", "proxy"],
            "`proxy` is not a valid network",
        ),
        (
            vec!["--tasks", "tasks.ndjson", "--proxy-header", "forwarded"],
            "--trusted-proxy",
        ),
        (
            vec!["--tasks", "tasks.ndjson", "--max-per-subnet", "0"],
            "--max-per-subnet",
        ),
        (
            vec!["--ingest-only", "--metrics", "127.0.0.1:0"],
            "cannot be used with",
        ),
        (
            vec!["--tasks", "tasks.ndjson", "--ingest-key", "tasks.ndjson"],
            "tasks.ndjson",
        ),
    ] {
        let output = network.coordinator(Some(0), &arguments).output().unwrap();
        refused(&output, 2, &[words]);
    }
    std::fs::write(network.path("empty.json"), "").unwrap();
    for (file, words) in [
        ("nowhere.json", "cannot read the receipts nowhere.json"),
        ("empty.json", "contains no receipt"),
        ("tasks.ndjson", "tasks.ndjson does not contain receipts"),
    ] {
        refused(
            &network.site.run(None, &["operator", "receipts", file]),
            2,
            &[words],
        );
    }
}
