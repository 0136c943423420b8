//! A network of one round, whose stations the test holds, and checkers as processes.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of this")]
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use assize_chain::ListCommitment;
use assize_checker::StationKey;
use assize_measurement::{Verifier, ndjson, station_address};
use assize_protocol::{B128, Roster, RosterEntry};
use assize_store::{LocalStore, Store};
use assize_testkit::filecoin::{CURIO_PEER_IDS, LocalFilecoin, Plan, ProviderPlan};
use assize_testkit::world::{World, WorldPlan};
use assize_wire::KeptReceipt;
use secp256k1::SecretKey;
use serde_json::{Value, json};

use crate::common::processes::Running;
use crate::common::site::Site;

pub const OPERATOR: &str = "0x0000000000000000000000000000000000000e0e";

/// Unix seconds.
#[expect(
    clippy::disallowed_methods,
    reason = "the processes under test live by the wall clock"
)]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A network with one round that is open now and revealed, for the stations of some directories.
pub struct Network {
    pub site: Site,
    pub filecoin: LocalFilecoin,
    /// The other stations' keys.
    pub others: Vec<SecretKey>,
    _coordinator: Running,
    pub api: String,
}

/// A checker that logs JSON.
pub struct Checker {
    pub running: Running,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Network {
    /// A quarter of an hour is left of the round, and there are few other stations.
    pub async fn start(providers: Vec<ProviderPlan>) -> Self {
        let plan = WorldPlan {
            round_duration: 900,
            ..WorldPlan::default()
        };
        Self::start_with(plan, 3, providers).await
    }

    /// The round has been open for a minute. There are so many `others`.
    pub async fn start_with(plan: WorldPlan, others: u8, providers: Vec<ProviderPlan>) -> Self {
        let world = World::start_with(plan);
        let site = Site::new(world.await.unwrap());
        let world = &site.world;
        let mut plan = Plan::new(1, providers);
        plan.upstream = Some(world.anvil.url().to_owned());
        let filecoin = LocalFilecoin::start(&plan).unwrap();
        let state = site.path("checker");
        fs::create_dir(&state).unwrap();
        let station = StationKey::open(&state.join("station.key")).unwrap().address();
        let entry = |station, operator, tag| RosterEntry {
            station,
            operator,
            subnet: B128::repeat_byte(tag),
        };
        let others: Vec<_> = (2..2 + others)
            .map(|tag| SecretKey::from_secret_bytes([tag; 32]).unwrap())
            .collect();
        let entries = (2..)
            .zip(&others)
            .map(|(tag, key)| entry(station_address(key), station_address(key), tag));
        let roster = Roster::new(
            entries
                .chain([entry(station, OPERATOR.parse().unwrap(), 1)])
                .collect(),
        )
        .unwrap();
        let store = LocalStore::open(site.path("store")).unwrap();
        let tasks = filecoin.tasks();
        let roster = ListCommitment::of(&roster, store.put(&roster.to_ndjson()).unwrap());
        let tasks = ListCommitment::of(tasks, store.put(&tasks.to_ndjson()).unwrap());
        // Its beacon is published half a minute after the opening.
        world.anvil.set_next_timestamp(now() - 60).unwrap();
        let round = world.open_lists(&roster, &tasks).await.unwrap();

        let beacon_round = world.rounds.round(round).await.unwrap().beacon_round;
        let beacons = json!([world.beacon(beacon_round)]).to_string();
        fs::write(site.path("beacons.json"), beacons).unwrap();
        let mut coordinator = site.command(None, &["run", "coordinator", "--ingest-only"]);
        coordinator
            .args(["--listen", "127.0.0.1:0", "--poll", "250ms"])
            .args(["--drand-info", "drand.json", "--beacons", "beacons.json"]);
        let (coordinator, ready) = Running::start(&mut coordinator);
        Self {
            site,
            filecoin,
            others,
            _coordinator: coordinator,
            api: ready["url"].as_str().unwrap().to_owned(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.site.path(name)
    }

    /// `assize run checker`, with all arguments except those of the test.
    pub fn command(&self, coordinator: &str) -> Command {
        let run = ["run", "checker", "--coordinator", coordinator];
        let mut command = self.site.command(None, &run);
        command
            .args(["--operator", OPERATOR])
            .env("ASSIZE_RPC_URL", self.filecoin.rpc_url())
            .args([
                "--drand-info",
                "drand.json",
                "--indexer",
                &self.filecoin.indexer_url(),
            ])
            .args(["--peer-ids", &CURIO_PEER_IDS.to_string(), "--allow-private"])
            .args(["--log", "json", "--spread", "1s"]);
        command
    }

    pub fn checker(&self, coordinator: &str, arguments: &[&str]) -> Checker {
        let mut command = self.command(coordinator);
        command.args(arguments);
        self.start_checker(command)
    }

    /// Starts what [`Self::command`] has prepared.
    pub fn start_checker(&self, mut command: Command) -> Checker {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        Checker {
            running: Running(child),
            lines: BufReader::new(stdout).lines(),
        }
    }

    /// The checker's receipts, all of which must be valid.
    pub fn receipts(&self) -> Vec<KeptReceipt> {
        let domain = self.site.world.domain();
        let text = fs::read_to_string(self.path("checker/receipts/round-1.ndjson")).unwrap();
        let kept: Vec<KeptReceipt> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        for KeptReceipt { measurement, receipt } in &kept {
            let measurement = ndjson::parse_any_round(measurement.as_bytes()).unwrap();
            assert_eq!(Verifier::new(&domain).check(&measurement), Some(receipt.digest));
            assert!(receipt.is_signed(&domain));
        }
        kept
    }

    /// Number of requests for payloads at all providers.
    pub fn visits(&self) -> u64 {
        let providers = self.filecoin.offers().values();
        providers.map(|offer| offer.server.request_count()).sum()
    }
}

impl Checker {
    /// The next event of a kind; earlier events are dropped.
    pub fn next(&mut self, kind: &str) -> Value {
        self.until(kind).pop().unwrap()
    }

    /// Events up to the next one of a kind.
    pub fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut events = Vec::new();
        for line in &mut self.lines {
            let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let found = event["event"] == kind;
            events.push(event);
            if found {
                return events;
            }
        }
        panic!("no `{kind}` after {events:#?}");
    }

    /// The remaining events, and the exit code.
    pub fn end(mut self) -> (Vec<Value>, Option<i32>) {
        let events = self
            .lines
            .by_ref()
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap());
        let events = events.collect();
        (events, self.running.0.wait().unwrap().code())
    }
}

/// The events of a kind.
pub fn of_kind<'a>(events: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["event"] == kind)
}
