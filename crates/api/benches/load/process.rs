//! The server's process.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use assize_api::{Api, ApiConfig, IngestKey, Parts};
use assize_chain::{Address, ChainClient, Rounds};
use assize_drand::{BeaconSource, Chain, RecordedBeacons, Verified};
use assize_guard::{
    Addresses, BucketsConfig, ConnectionLimits, ForwardingHeader, Proxies, Rate, SubnetTagger,
};
use assize_ingest::{Database, DatabaseOptions, Location};
use assize_service::{Clock, Stop};
use assize_store::LocalStore;
use secp256k1::SecretKey;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::scene::Scene;

/// Names the file with the server's plan, in its environment.
pub(crate) const PLAN: &str = "ASSIZE_LOAD_SERVER";

#[derive(Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) rpc: String,
    pub(crate) chain_id: u64,
    pub(crate) rounds: Address,
    pub(crate) rewards: Address,
    pub(crate) store: String,
    pub(crate) database: String,
    pub(crate) drand: String,
    pub(crate) beacons: String,
    pub(crate) now: u64,
    /// Whether limits are those for the public, and the load comes through a proxy.
    pub(crate) public: bool,
}

/// The server, seen from the load generator.
pub(crate) struct Server {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(scene: &Scene, location: &Location, public: bool) -> Self {
        let database = match location {
            Location::File(path) => path.display().to_string(),
            Location::Postgres(url) => url.clone(),
        };
        let path = scene.directory.path().join("plan.json");
        fs::write(&path, serde_json::to_vec(&scene.plan(database, public)).unwrap()).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(PLAN, &path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        Self {
            child,
            _stdout: stdout,
            address: line.trim().parse().unwrap(),
        }
    }

    /// CPU time of its threads in seconds. proc(5): fields 14 and 15 of stat, in hundredths.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
        let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
        ticks / 100.0
    }

    /// Bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Stops when its input is closed.
    pub(crate) fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

/// The server, seen from inside.
pub(crate) fn serve(plan: &Path) {
    let plan: Plan = serde_json::from_slice(&fs::read(plan).unwrap()).unwrap();
    let clock = Clock::standing(plan.now);
    let options = DatabaseOptions {
        clock: clock.clone(),
        ..DatabaseOptions::default()
    };
    let location: Location = plan.database.parse().unwrap();
    let database = Database::open_with(&location, options).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = ChainClient::connect_to(&plan.rpc.parse().unwrap(), plan.chain_id)
            .await
            .unwrap();
        let recorded = RecordedBeacons::from_json(plan.beacons.as_bytes()).unwrap();
        let beacons: Box<dyn BeaconSource + Send + Sync> = Box::new(recorded);
        let parts = Parts {
            database,
            rounds: Rounds::new(client, plan.rounds),
            rewards: plan.rewards,
            store: Arc::new(LocalStore::open(&plan.store).unwrap()),
            beacons: Arc::new(Verified::new(
                Chain::from_json(plan.drand.as_bytes()).unwrap(),
                beacons,
            )),
            key: IngestKey::new(SecretKey::from_secret_bytes([0x11; 32]).unwrap()),
            tagger: SubnetTagger::new([0x22; 32]),
            clock,
        };
        let api = Api::new(config(plan.public), parts).unwrap();
        api.refresh().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        let stop = Stop::default();
        std::thread::spawn({
            let stop = stop.clone();
            move || {
                let _ = std::io::stdin().read_to_end(&mut Vec::new());
                stop.set();
            }
        });
        api.serve(listener, stop).await.unwrap();
    });
}

fn config(public: bool) -> ApiConfig {
    let connections = ConnectionLimits {
        per_host: 1_024,
        ..ConnectionLimits::default()
    };
    let addresses = Addresses {
        proxies: Proxies::parse(["127.0.0.1"]).unwrap(),
        header: ForwardingHeader::XForwardedFor,
    };
    let unlimited = Rate {
        per_second: NonZeroU32::MAX,
        burst: NonZeroU32::MAX,
    };
    let buckets = match public {
        true => BucketsConfig::default(),
        // All comes from one address.
        false => BucketsConfig {
            host: unlimited,
            subnet: unlimited,
            ..BucketsConfig::default()
        },
    };
    ApiConfig {
        addresses,
        buckets,
        connections,
        ..ApiConfig::default()
    }
}
