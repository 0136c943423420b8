//! A chain with a round, and all requests.

use assize_chain::Address;
use assize_facts::ListCommitment;
use assize_ingest::{BatchLimit, Location, Stored};
use assize_measurement::ndjson::parse_any_round;
use assize_measurement::unixfs::file_cid;
use assize_protocol::{LinesRoot, RoundNumber};
use assize_store::{LocalStore, Store};
use assize_testkit::fixtures;
use assize_testkit::network::{Behaviour, Network, NetworkPlan, RoundContext, derive_key};
use assize_testkit::world::World;
use assize_wire::{Heartbeat, Version};
use rayon::prelude::*;
use tempfile::TempDir;

use crate::generator::Request;
use crate::process::Plan;

/// Stations in the roster, with a hundred measurements each.
const STATIONS: u32 = 2_000;

pub(crate) struct Scene {
    world: World,
    beacons: String,
    now: u64,
    pub(crate) directory: TempDir,
    /// Distinct lines that the API accepts.
    pub(crate) measurements: Vec<String>,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let world = World::start(60).await.unwrap();
        let store = LocalStore::open(directory.path().join("store")).unwrap();
        let tasks = fixtures::tasks().unwrap();
        let plan = NetworkPlan {
            seed: 7,
            stations: STATIONS,
            refusing_operator: None,
        };
        let network = Network::new(plan, &tasks);
        let roster = network.roster().unwrap();
        let roster_list = ListCommitment::of(&roster, store.put(&roster.to_ndjson()).unwrap());
        let task_list = ListCommitment::of(&tasks, store.put(&tasks.to_ndjson()).unwrap());
        let number = world.open_lists(&roster_list, &task_list).await.unwrap();
        let round = world.rounds.round(number).await.unwrap();
        let beacon = world.beacon(round.beacon_round);
        let assignment = round.assignment(round.seed.unwrap());
        let measurements = network.measure(&RoundContext {
            round: number,
            opened_at: round.opened_at,
            assignment: &assignment,
            tasks: &tasks,
            domain: world.domain(),
        });
        // Those of faulty stations are rejected, or known.
        let faulty: Vec<Address> = network
            .stations()
            .iter()
            .chain([network.outsider()])
            .filter(|station| !matches!(station.behaviour, Behaviour::Honest | Behaviour::Liar))
            .map(|station| station.address)
            .collect();
        let mut measurements: Vec<String> = measurements
            .par_iter()
            .filter(|measurement| !faulty.contains(&measurement.station))
            .map(|measurement| measurement.to_line())
            .collect();
        // In the order of arrival: from all stations at once.
        fastrand::Rng::with_seed(7).shuffle(&mut measurements);
        Self {
            now: world.anvil.timestamp().unwrap(),
            beacons: serde_json::to_string(&[beacon]).unwrap(),
            world,
            directory,
            measurements,
        }
    }

    pub(crate) fn plan(&self, database: String, public: bool) -> Plan {
        Plan {
            rpc: self.world.anvil.url().to_owned(),
            chain_id: self.world.rounds.client().chain_id(),
            rounds: self.world.rounds.address(),
            rewards: self.world.rewards.address(),
            store: self.directory.path().join("store").display().to_string(),
            database,
            drand: serde_json::to_string(self.world.drand_chain().info()).unwrap(),
            beacons: self.beacons.clone(),
            now: self.now,
            public,
        }
    }

    /// Stores what was accepted as one batch, as the publisher does. Returns the number of its measurements, and requests for
    /// the proofs of all of them.
    pub(crate) fn publish(&self, location: &Location) -> (u32, Vec<Request>) {
        let domain = self.world.domain();
        let mut ingest = location.connect_ingest().unwrap();
        let limit = BatchLimit {
            lines: 100_000,
            bytes: u64::MAX,
        };
        let batch = ingest.close(RoundNumber(1), limit).unwrap().unwrap();
        let (mut lines, mut digests) = (LinesRoot::default(), Vec::new());
        let mut note = |_, line: &[u8]| {
            lines.push(line);
            digests.push(parse_any_round(line).unwrap().digest(&domain));
            Ok(())
        };
        ingest.read(&batch, &mut note).unwrap();
        let stored = Stored {
            cid: file_cid(b"a batch"),
            root: lines.root(),
        };
        ingest.set_stored(batch.id, &stored, 0).unwrap();
        fastrand::Rng::with_seed(7).shuffle(&mut digests);
        (batch.count, digests.into_iter().map(Request::inclusion).collect())
    }

    pub(crate) fn heartbeats(&self) -> Vec<Request> {
        let domain = self.world.domain();
        (0..10_000_u64)
            .into_par_iter()
            .map(|station| {
                let key = derive_key(7, "heartbeat", station);
                let operator = Address::repeat_byte(3);
                let heartbeat = Heartbeat::new(&key, &domain, operator, Version(1, 20, 0), self.now);
                let address = format!("10.3.{}.{}", station % 250, station / 250);
                Request::heartbeat(&serde_json::to_string(&heartbeat).unwrap(), &address)
            })
            .collect()
    }
}
