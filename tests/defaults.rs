//! Services without paths find each other's files in one data directory.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

mod common;
#[path = "common/stations.rs"]
mod stations;

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use assize_chain::FileKind;
use assize_protocol::RoundNumber;
use assize_service::{Clock, DataDir};
use assize_testkit::fixtures;
use assize_testkit::world::{World, WorldPlan};
use assize_wire::RoundDocument;
use common::assize;
use common::processes::Running;
use serde_json::json;
use stations::{PATIENCE, Service, Station, serve_drand};

/// Seconds by which the chain is initially behind the wall clock, so that its beacons are published.
const BEHIND: u64 = 55;

async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_without_paths_find_each_others_files() {
    let plan = WorldPlan {
        evaluators: 1,
        step: 1,
        ..WorldPlan::default()
    };
    let world = World::start_with(plan).await.unwrap();
    world.anvil.mine_at(Clock::system().now() - BEHIND).unwrap();
    let relay = serve_drand(&world).await;
    let domain = world.domain();

    // Files that the user provides: the deployment file and the task list. The devnet's drand chain is not in the directory.
    let empty = tempfile::tempdir().unwrap();
    let data = DataDir::new(empty.path().join(DataDir::DEFAULT));
    data.create().unwrap();
    fs::write(data.deployment(), json!(world.deployment).to_string()).unwrap();
    fs::write(data.task_list(), fixtures::tasks().unwrap().to_ndjson()).unwrap();
    let drand = empty.path().join("drand.json");
    fs::write(&drand, json!(world.drand_chain().info()).to_string()).unwrap();
    let devnet = ["--drand-info", drand.to_str().unwrap(), "--relay", &relay];
    let service = |name: &str, key: Option<usize>, arguments: &[&str]| {
        let mut command: Command = assize();
        if let Some(key) = key {
            command.env("ASSIZE_PRIVATE_KEY", world.anvil.dev_key(key).to_string());
        }
        command
            .env_remove("ASSIZE_DATA")
            .env("ASSIZE_RPC_URL", world.anvil.url())
            .current_dir(empty.path())
            .args(["run", name])
            .args(arguments);
        command
    };
    let start = |mut command: Command| Running(command.stdout(Stdio::null()).spawn().unwrap());

    let listen = ["--listen", "127.0.0.1:0", "--min-stations", "3", "--poll", "50ms"];
    let coordinator = Service::start(service("coordinator", Some(0), &[&listen[..], &devnet].concat()));
    let _publisher = start(service(
        "publisher",
        Some(World::PUBLISHER),
        &["--margin", "1000000s", "--poll", "50ms"],
    ));
    let evaluate = [
        "--rounds-per-settlement",
        "1",
        "--delay",
        "0s",
        "--post",
        "--poll",
        "50ms",
    ];
    let _evaluator = start(service("evaluator", Some(2), &[&evaluate[..], &devnet].concat()));
    let mut payout = start(service("payout", Some(5), &["--poll", "50ms"]));
    let gateway = Service::start(service("gateway", None, &["--listen", "127.0.0.1:0"]));

    // A round is measured, and the publisher finds the coordinator's measurements.
    let stations = Station::three();
    for station in &stations {
        coordinator.hear(station, &domain);
    }
    let _: RoundDocument = coordinator.until("/rounds/current", |_| true).await;
    let number = RoundNumber(1);
    let round = world.rounds.round(number).await.unwrap();
    let published_at = world
        .drand_chain()
        .schedule()
        .time_of(round.beacon_round)
        .unwrap();
    world.anvil.mine_at(published_at).unwrap();
    coordinator.revealed().await;
    let station = &stations[0];
    coordinator.send(&station.measure(&coordinator.tasks_of(station), 0, &domain));
    until("nothing is published", async || {
        world.anvil.mine(1).unwrap();
        !world
            .rounds
            .commitments(number, FileKind::Lines)
            .await
            .unwrap()
            .is_empty()
    })
    .await;
    let commitments = world.rounds.commitments(number, FileKind::Lines).await.unwrap();
    assert_eq!((commitments.len(), commitments[0].count), (1, 1));

    // The gateway serves the batch that the publisher stored.
    let cid = commitments[0].cid;
    assert_eq!(gateway.ask(&format!("/ipfs/{cid}?format=raw"), None).0, 200);

    // The evaluator recomputes the round from the same store, and writes its rates where `assize rsr` reads them.
    world.finish(number).await.unwrap();
    until("no rates are written", async || data.rates().is_file()).await;
    let mut rsr = assize();
    rsr.env_remove("ASSIZE_DATA")
        .current_dir(empty.path())
        .args(["rsr", "--format", "json"]);
    let rates = rsr.output().unwrap();
    assert!(rates.status.success(), "{rates:?}");
    assert_eq!(payout.0.try_wait().unwrap(), None, "the payout service stopped");

    // Every file is in this directory, with its name in the manual.
    let known: Vec<_> = DataDir::ENTRIES
        .iter()
        .map(|entry| entry.name.trim_end_matches('/'))
        .collect();
    for entry in fs::read_dir(data.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = [".lock", "-wal", "-shm"]
            .iter()
            .fold(name.as_str(), |name, beside| name.trim_end_matches(beside));
        assert!(known.contains(&name), "{name} is not in {known:?}");
    }
    assert_eq!(
        fs::read_dir(empty.path()).unwrap().count(),
        2,
        "data and drand.json"
    );
    coordinator.end();
}
