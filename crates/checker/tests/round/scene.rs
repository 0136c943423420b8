//! A chain with an open round, providers, and a coordinator that the test can make lie.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy_primitives::{Address, B128};
use assize_checker::{Checker, Config, Event, Listener, Metrics, Parts, StationKey};
use assize_drand::{BeaconSource, RecordedBeacons, Verified};
use assize_facts::{ListCommitment, Round};
use assize_measurement::unixfs::file_cid;
use assize_measurement::{Domain, Verifier, ndjson};
use assize_protocol::{ListEntry, Roster, RosterEntry, TaskIndex};
use assize_retrieve::Retriever;
use assize_service::{Router, Status};
use assize_testkit::filecoin::{CURIO_PEER_IDS, LocalFilecoin, Plan, ProviderPlan};
use assize_testkit::world::{World, WorldPlan};
use assize_wire::{
    Answer, BeaconDocument, Heartbeat, Liveness, NetworkDocument, Problem, ProblemKind, Receipt,
    RoundDocument, StationDocument, TaskDocument, Version,
};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use secp256k1::SecretKey;
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;

const OPERATOR: Address = Address::repeat_byte(0x0e);
/// Stations of the roster in addition to the one under test.
const OTHERS: u8 = 40;

/// Changes the coordinator's responses: the path, and the JSON.
pub(crate) type Lie = Box<dyn Fn(&str, &mut Value) + Send + Sync>;

pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) filecoin: LocalFilecoin,
    pub(crate) coordinator: Arc<Coordinator>,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
    pub(crate) directory: TempDir,
    url: String,
    beacons: String,
}

pub(crate) struct Coordinator {
    domain: Domain,
    drand_chain: alloy_primitives::B256,
    round: Round,
    signature: Vec<u8>,
    roster: Roster,
    filecoin: assize_protocol::TaskList,
    /// Whether it sends the beacon's signature.
    pub(crate) tells_beacon: Mutex<bool>,
    pub(crate) lie: Mutex<Option<Lie>>,
    /// Whether measurements are accepted.
    pub(crate) takes: Mutex<bool>,
    counts: Mutex<BTreeMap<String, usize>>,
}

#[expect(clippy::disallowed_methods, reason = "the checker uses the wall clock")]
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn ingest() -> SecretKey {
    SecretKey::from_secret_bytes([0x11; 32]).unwrap()
}

impl Scene {
    /// A round that was opened a minute ago, is revealed, and has the station in it if `listed`.
    pub(crate) async fn new(providers: Vec<ProviderPlan>, listed: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let world = World::start_with(WorldPlan {
            round_duration: 900,
            ..WorldPlan::default()
        });
        let world = world.await.unwrap();
        let mut plan = Plan::new(1, providers);
        plan.upstream = Some(world.anvil.url().to_owned());
        let filecoin = LocalFilecoin::start(&plan).unwrap();

        std::fs::create_dir(directory.path().join("state")).unwrap();
        let station = StationKey::open(&directory.path().join("state/station.key"))
            .unwrap()
            .address();
        let entry = |station, tag| RosterEntry {
            station,
            operator: OPERATOR,
            subnet: B128::repeat_byte(tag),
        };
        let others = (1..=OTHERS).map(|tag| entry(Address::repeat_byte(tag), tag));
        let station = listed.then(|| entry(station, 0));
        let roster = Roster::new(others.chain(station).collect()).unwrap();
        let tasks = filecoin.tasks();
        let lists = (
            ListCommitment::of(&roster, file_cid(&roster.to_ndjson())),
            ListCommitment::of(tasks, file_cid(&tasks.to_ndjson())),
        );
        world.anvil.set_next_timestamp(now() - 60).unwrap();
        let number = world.open_lists(&lists.0, &lists.1).await.unwrap();
        let round = world.rounds.round(number).await.unwrap();
        let beacon = world.beacon(round.beacon_round);
        let coordinator = Arc::new(Coordinator {
            domain: world.domain(),
            drand_chain: world.drand_chain().hash(),
            round,
            signature: beacon.signature.clone(),
            roster,
            filecoin: tasks.clone(),
            tells_beacon: Mutex::new(true),
            lie: Mutex::new(None),
            takes: Mutex::new(true),
            counts: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&coordinator));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            beacons: serde_json::to_string(&[beacon]).unwrap(),
            world,
            filecoin,
            coordinator,
            events: Arc::default(),
            directory,
            url,
        }
    }

    /// A checker that ends after one round.
    pub(crate) fn checker(&self) -> Checker {
        let mut config = Config::new(
            self.url.parse().unwrap(),
            OPERATOR,
            self.directory.path().join("state"),
        );
        config.rounds = Some(1);
        config.spread = Some(Duration::from_secs(1));
        config.poll = Duration::from_millis(100);
        config.concurrency = 4;
        let rpc = self.filecoin.rpc_url().parse().unwrap();
        let indexers = vec![self.filecoin.indexer_url().parse().unwrap()];
        let mut retrieval = assize_retrieve::Config::new(rpc, indexers);
        retrieval.allow_private = true;
        retrieval.peer_ids = Some(CURIO_PEER_IDS);
        let recorded = RecordedBeacons::from_json(self.beacons.as_bytes()).unwrap();
        let recorded: Box<dyn BeaconSource + Send + Sync> = Box::new(recorded);
        let events = Arc::clone(&self.events);
        let parts = Parts {
            rounds: self.world.rounds.clone(),
            rewards: self.world.rewards.clone(),
            beacons: Arc::new(Verified::new(self.world.drand_chain().clone(), recorded)),
            retriever: Retriever::new(retrieval).unwrap(),
            inclusion: None,
            listener: Listener::new(move |event| events.lock().unwrap().push(event.clone())),
            status: Status::new(Metrics::new(), 600),
        };
        Checker::open(config, parts).unwrap()
    }

    pub(crate) fn lie(&self, lie: impl Fn(&str, &mut Value) + Send + Sync + 'static) {
        *self.coordinator.lie.lock().unwrap() = Some(Box::new(lie));
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// Number of requests for payloads at all providers.
    pub(crate) fn visits(&self) -> u64 {
        let offers = self.filecoin.offers().values();
        offers.map(|offer| offer.server.request_count()).sum()
    }

    /// Kept receipts, all of which must be valid.
    pub(crate) fn receipts(&self) -> usize {
        let path = self.directory.path().join("state/receipts/round-1.ndjson");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let domain = self.coordinator.domain;
        for line in text.lines() {
            let kept: assize_wire::KeptReceipt = serde_json::from_str(line).unwrap();
            let measurement = ndjson::parse_any_round(kept.measurement.as_bytes()).unwrap();
            assert_eq!(
                Verifier::new(&domain).check(&measurement),
                Some(kept.receipt.digest)
            );
            assert!(kept.receipt.is_signed(&domain));
        }
        text.lines().count()
    }
}

impl Coordinator {
    /// Requests to a method and path.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.counts.lock().unwrap().get(path).copied().unwrap_or_default()
    }

    fn network(&self) -> NetworkDocument {
        NetworkDocument {
            chain_id: self.domain.chain_id,
            rounds: self.domain.rounds,
            rewards: Address::ZERO,
            drand_chain: self.drand_chain,
            ingest: assize_measurement::station_address(&ingest()),
            subnet_commitment: Default::default(),
            max_per_subnet: 16,
            heartbeat_interval: 1,
            live_for: 60,
            minimum_version: Version(0, 1, 0),
            version: "0.1.0".into(),
        }
    }

    fn round(&self) -> RoundDocument {
        let round = &self.round;
        let tells = *self.tells_beacon.lock().unwrap();
        let beacon = BeaconDocument {
            chain_hash: self.drand_chain,
            round: round.beacon_round,
            randomness: None,
            signature: tells.then(|| alloy_primitives::hex::encode(&self.signature)),
        };
        RoundDocument::new(&self.domain, round, beacon)
    }

    fn station(&self, station: Address) -> Option<StationDocument> {
        let index = self.roster.index_of(station)?;
        let entry = self.roster.get(index)?;
        let proof = self.roster.tree().proof(entry.leaf(index.0)).unwrap();
        let assignment = self.round.assignment(self.round.seed.unwrap());
        let (committee, seat) = assignment.seat_of(index).unwrap();
        let tree = self.filecoin.tree();
        let task = |index: TaskIndex| {
            let task = self.filecoin.get(index).unwrap();
            TaskDocument::new(index, task, tree.proof(task.leaf(index.0)).unwrap())
        };
        let tasks = assignment.tasks(committee).unwrap();
        Some(StationDocument {
            committee: Some(committee),
            seat: Some(seat),
            tasks: tasks.into_iter().map(task).collect(),
            ..StationDocument::new(self.round.number, index, entry, proof)
        })
    }

    fn live(&self, heartbeat: &[u8]) -> Liveness {
        let heartbeat: Heartbeat = serde_json::from_slice(heartbeat).unwrap();
        assert!(heartbeat.signed_by_station(&self.domain));
        Liveness {
            live_until: now() + 60,
            interval: 1,
            round: Some(self.round.number),
            next_opening: Some(self.round.times.closes_at),
            time: now(),
            minimum_version: Version(0, 1, 0),
            outdated: false,
        }
    }

    fn receipt(&self, line: &[u8]) -> Receipt {
        let measurement = ndjson::parse_any_round(line).unwrap();
        Receipt::new(&ingest(), &self.domain, measurement.digest(&self.domain), now())
    }
}

fn refuse(kind: ProblemKind) -> Response {
    let body = serde_json::to_vec(&Problem::new(kind, "so it is")).unwrap();
    (StatusCode::from_u16(kind.status()).unwrap(), body).into_response()
}

async fn answer(
    State(coordinator): State<Arc<Coordinator>>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response {
    let path = format!("{method} {}", uri.path());
    *coordinator
        .counts
        .lock()
        .unwrap()
        .entry(path.clone())
        .or_default() += 1;
    let json = |value: &dyn erased::Json| {
        let mut value = value.json();
        if let Some(lie) = &*coordinator.lie.lock().unwrap() {
            lie(&path, &mut value);
        }
        value.to_string().into_response()
    };
    match path.as_str() {
        "GET /network" => json(&coordinator.network()),
        "GET /rounds/current" => {
            let location = [("location", format!("/rounds/{}", coordinator.round.number))];
            (StatusCode::TEMPORARY_REDIRECT, location).into_response()
        }
        "GET /rounds/1" => json(&coordinator.round()),
        "POST /heartbeats" => json(&coordinator.live(&body)),
        "POST /measurements" if !*coordinator.takes.lock().unwrap() => refuse(ProblemKind::Unavailable),
        "POST /measurements" => {
            let lines: Vec<_> = body
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .collect();
            if body.last() != Some(&b'\n') {
                return json(&coordinator.receipt(lines[0]));
            }
            let answer =
                |line: &&[u8]| serde_json::to_string(&Answer::Receipt(coordinator.receipt(line))).unwrap();
            let answers: Vec<_> = lines.iter().map(answer).collect();
            answers.join("\n").into_response()
        }
        path => match path.strip_prefix("GET /rounds/1/stations/") {
            Some(station) => match coordinator.station(station.parse().unwrap()) {
                Some(document) => json(&document),
                None => refuse(ProblemKind::NotFound),
            },
            None => refuse(ProblemKind::NotFound),
        },
    }
}

mod erased {
    use super::{Serialize, Value};

    /// Any JSON value.
    pub(super) trait Json {
        fn json(&self) -> Value;
    }

    impl<T: Serialize> Json for T {
        fn json(&self) -> Value {
            serde_json::to_value(self).unwrap()
        }
    }
}
