//! A test world with an api, over real sockets.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::B256;
use assize_api::{Api, ApiConfig, IngestKey, Parts};
use assize_drand::Verified;
use assize_facts::ListCommitment;
use assize_guard::{BucketsConfig, Rate, SubnetTagger};
use assize_ingest::{Database, DatabaseOptions, Location};
use assize_measurement::{Domain, Measurement};
use assize_protocol::{Assignment, RoundNumber, TaskList};
use assize_service::{Clock, Stop};
use assize_store::{LocalStore, Store};
use assize_testkit::fixtures;
use assize_testkit::network::{Behaviour, Network, NetworkPlan, RoundContext};
use assize_testkit::world::World;
use assize_wire::{Problem, ProblemKind};
use secp256k1::SecretKey;
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) const STATIONS: u32 = 120;
/// Unit of the timetable, seconds: a closed round accepts measurements for 11 of them.
const STEP: u32 = 20;

/// A chain, a store and stations.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) network: Network,
    pub(crate) tasks: TaskList,
    pub(crate) store: LocalStore,
    pub(crate) clock: Clock,
    _directory: TempDir,
}

/// A running api.
pub(crate) struct Served {
    pub(crate) api: Api,
    pub(crate) url: String,
    stop: Stop,
    task: JoinHandle<std::io::Result<()>>,
}

/// An HTTP response.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let tasks = fixtures::tasks().unwrap();
        let plan = NetworkPlan {
            seed: 7,
            stations: STATIONS,
            refusing_operator: None,
        };
        Self {
            world: World::start(STEP).await.unwrap(),
            network: Network::new(plan, &tasks),
            store: LocalStore::open(directory.path().join("store")).unwrap(),
            tasks,
            clock: Clock::standing(0),
            _directory: directory,
        }
    }

    pub(crate) fn domain(&self) -> Domain {
        Domain {
            chain_id: self.world.rounds.client().chain_id(),
            rounds: self.world.rounds.address(),
        }
    }

    pub(crate) fn lists(&self) -> (ListCommitment, ListCommitment) {
        let roster = self.network.roster().unwrap();
        let put = |file: Vec<u8>| self.store.put(&file).unwrap();
        let roster = ListCommitment::of(&roster, put(roster.to_ndjson()));
        (
            roster,
            ListCommitment::of(&self.tasks, put(self.tasks.to_ndjson())),
        )
    }

    /// Opens a round and reveals it; the clock then shows the chain's time.
    pub(crate) async fn open_round(&self) -> RoundNumber {
        let (roster, tasks) = self.lists();
        let round = self.world.open_lists(&roster, &tasks).await.unwrap();
        self.clock.set(self.world.anvil.timestamp().unwrap());
        round
    }

    pub(crate) async fn assignment(&self, round: RoundNumber) -> Assignment {
        let round = self.world.rounds.round(round).await.unwrap();
        round.assignment(round.seed.unwrap())
    }

    /// All measurements of the stations, valid and invalid.
    pub(crate) async fn measurements(&self, round: RoundNumber) -> Vec<Measurement> {
        let opened_at = self.world.rounds.round(round).await.unwrap().opened_at;
        let assignment = self.assignment(round).await;
        self.network.measure(&RoundContext {
            round,
            opened_at,
            assignment: &assignment,
            tasks: &self.tasks,
            domain: self.domain(),
        })
    }

    /// A measurement that the API accepts, with its station's key.
    pub(crate) async fn good(&self, round: RoundNumber) -> (Measurement, SecretKey) {
        let all = self.measurements(round).await;
        let mut stations = self.network.stations().iter();
        let honest = stations
            .find(|station| station.behaviour == Behaviour::Honest)
            .unwrap();
        let found = all
            .into_iter()
            .find(|measurement| measurement.station == honest.address);
        (found.unwrap(), honest.key)
    }

    pub(crate) async fn serve(&self, location: &Location) -> Served {
        self.serve_with(location, roomy(), u64::MAX).await
    }

    pub(crate) async fn serve_with(
        &self,
        location: &Location,
        mut config: ApiConfig,
        daily_bytes: u64,
    ) -> Served {
        // Tests poll the chain themselves.
        config.poll = Duration::from_secs(3_600);
        let options = DatabaseOptions {
            clock: self.clock.clone(),
            daily_bytes,
        };
        let location = location.clone();
        let database = tokio::task::spawn_blocking(move || Database::open_with(&location, options))
            .await
            .unwrap()
            .unwrap();
        let beacons = Box::new(self.world.beacons().unwrap());
        let parts = Parts {
            database,
            rounds: self.world.rounds.clone(),
            rewards: self.world.rewards.address(),
            store: Arc::new(self.store.clone()),
            beacons: Arc::new(Verified::new(self.world.drand_chain().clone(), beacons)),
            key: ingest_key(),
            tagger: SubnetTagger::new([0x22; 32]),
            clock: self.clock.clone(),
        };
        let api = Api::new(config, parts).unwrap();
        api.refresh().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = Stop::default();
        let task = tokio::spawn({
            let (api, stop) = (api.clone(), stop.clone());
            async move { api.serve(listener, stop).await }
        });
        Served { api, url, stop, task }
    }
}

/// Tests send many requests from one address.
pub(crate) fn roomy() -> ApiConfig {
    let rate = Rate {
        per_second: NonZeroU32::MAX,
        burst: NonZeroU32::MAX,
    };
    ApiConfig {
        buckets: BucketsConfig {
            host: rate,
            subnet: rate,
            ..BucketsConfig::default()
        },
        ..ApiConfig::default()
    }
}

pub(crate) fn ingest_key() -> IngestKey {
    IngestKey::new(SecretKey::from_secret_bytes([0x11; 32]).unwrap())
}

impl Served {
    pub(crate) async fn end(self) {
        self.stop.set();
        self.task.await.unwrap().unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], Vec::new()).await
    }

    pub(crate) async fn post(&self, path: &str, kind: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.ask("POST", path, &[("content-type", kind)], body.into())
            .await
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).unwrap();
        let ask = move || {
            let config = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .timeout_global(Some(Duration::from_secs(60)))
                .allow_non_standard_methods(true)
                .build();
            let agent: ureq::Agent = config.into();
            let mut response = agent.run(request).unwrap();
            let text =
                |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            Answer {
                status: response.status().as_u16(),
                headers: response
                    .headers()
                    .iter()
                    .map(|(name, value)| (name.to_string(), text(value)))
                    .collect(),
                body: response.body_mut().read_to_vec().unwrap(),
            }
        };
        tokio::task::spawn_blocking(ask).await.unwrap()
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json<T: DeserializeOwned>(&self) -> T {
        assert!(self.status < 300, "{} {}", self.status, self.text());
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The problem, which must conform to RFC 9457.
    #[track_caller]
    pub(crate) fn problem(&self, kind: ProblemKind) -> Problem {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.text()
        );
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.kind(), Some(kind), "{problem:?}");
        assert_eq!((problem.status, self.status), (kind.status(), kind.status()));
        assert!(!problem.detail.is_empty());
        problem
    }
}

pub(crate) fn digest_of(measurement: &Measurement, domain: &Domain) -> B256 {
    measurement.digest(domain)
}
