//! A station that the publisher leaves out, with a real coordinator, chain, indexer and providers: it commits its own report, which
//! counts and earns.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

#[path = "common/checkers.rs"]
mod checkers;
mod common;

use std::fs;

use assize_measurement::{ndjson, station_address};
use assize_protocol::RoundNumber;
use assize_store::{LocalStore, Store};
use assize_testkit::filecoin::{Conduct, ProviderPlan};
use assize_testkit::world::WorldPlan;
use checkers::{Network, OPERATOR, now, of_kind};
use common::{answer, ended};
use serde_json::{Value, json};

const ROUND: RoundNumber = RoundNumber(1);
const TASKS: usize = 4;
/// Stations whose measurements the publisher commits: a committee of its own.
const OTHERS: u8 = 40;
/// Index among anvil's accounts of the key that pays.
const GAS: usize = 7;

impl Network {
    /// The publisher commits what the other stations saw, which is the same, and nothing of this station.
    async fn publish_others(&self) {
        let domain = self.site.world.domain();
        let mut batch = String::new();
        for key in &self.others {
            for kept in self.receipts() {
                let mut measurement = ndjson::parse_any_round(kept.measurement.as_bytes()).unwrap();
                measurement.station = station_address(key);
                measurement.sign(key, &domain);
                batch.push_str(&measurement.to_line());
                batch.push('\n');
            }
        }
        let store = LocalStore::open(self.site.path("store")).unwrap();
        let cid = store.put(batch.as_bytes()).unwrap();
        let world = &self.site.world;
        world.anvil.mine_at(now()).unwrap();
        assert_eq!(world.commit(ROUND, batch.as_bytes()).await.unwrap(), cid);
    }

    /// Both beacons of the round.
    async fn write_beacons(&self) {
        let world = &self.site.world;
        let round = world.rounds.round(ROUND).await.unwrap();
        let beacons = [round.beacon_round, round.dedupe_beacon_round].map(|beacon| world.beacon(beacon));
        fs::write(self.path("beacons.json"), json!(beacons).to_string()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_that_is_left_out_commits_its_own_report_and_earns() {
    let plan = WorldPlan {
        // Opened a minute ago.
        round_duration: 85,
        step: 2,
        ..WorldPlan::default()
    };
    let provider = ProviderPlan::new(Conduct::Honest, TASKS as u32);
    let network = Network::start_with(plan, OTHERS, vec![provider]).await;
    let gas = network.site.world.anvil.dev_key(GAS).to_string();
    let start = || {
        let mut command = network.command(&network.api);
        command.env("ASSIZE_INCLUSION_PRIVATE_KEY", &gas);
        network.start_checker(command)
    };
    let mut checker = start();
    for _ in 0..TASKS {
        checker.until("submitted");
    }
    network.publish_others().await;
    // SIGKILL, as soon as it knows that it was left out.
    let event = checker.next("left-out");
    assert_eq!(
        (&event["measurements"], &event["causes"], &event["remedy"]),
        (&json!(TASKS), &json!({"omitted": TASKS}), &json!("own-report")),
    );
    drop(checker);
    let mut checker = start();
    let events = checker.until("own-report");
    assert!(of_kind(&events, "left-out").next().is_none(), "{events:#?}");
    assert_eq!(events.last().unwrap()["measurements"], TASKS);
    drop(checker);

    let world = &network.site.world;
    let own = world.rounds.own_reports(ROUND).await.unwrap();
    assert_eq!((own.len(), own[0].station.0), (1, u32::from(OTHERS)));
    world.finish(ROUND).await.unwrap();
    network.write_beacons().await;
    let files = ["--beacons", "beacons.json", "--drand-info", "drand.json"];
    let run = |arguments: &[&str]| {
        network
            .site
            .command(None, arguments)
            .args(files)
            .output()
            .unwrap()
    };
    let evaluated = run(&["settlement", "evaluate", "--out", "s.json", "--format", "json"]);
    assert_eq!(
        answer(evaluated)["measurements"],
        (usize::from(OTHERS) + 1) * TASKS
    );
    let document: Value = serde_json::from_slice(&fs::read(network.path("s.json")).unwrap()).unwrap();
    let own = &document["rounds"][0]["own"][0];
    assert_eq!((&own["lines"], &own["invalid"]), (&json!(TASKS), &json!(0)));
    let allocations = document["allocations"].as_array().unwrap();
    let earned = |operator: &str| {
        let mut found = allocations
            .iter()
            .filter(|allocation| allocation["operator"] == operator);
        found.next().map(|allocation| allocation["cumulative"].clone())
    };
    let other = format!("{:#x}", station_address(&network.others[0]));
    assert!(earned(OPERATOR).is_some(), "{allocations:?}");
    assert_eq!(earned(OPERATOR), earned(&other));
    ended(run(&["verify", "round", "1"]), 0);
}
