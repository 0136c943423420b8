//! The service: its parts, and how it runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256};
use assize_facts::Contracts;
use assize_guard::{Audience, Bodies, Buckets, GateParamsError, Server, SharedGate, Shares, SubnetTagger};
use assize_measurement::Domain;
use assize_service::{Clock, Stop, idle_pause};
use assize_store::Source;
use assize_wire::NetworkDocument;
use thiserror::Error;
use tokio::net::TcpListener;

use crate::client::Gatekeeper;
use crate::evaluation::{Evaluator, Wanted};
use crate::ingest::{Compute, Validator};
use crate::metrics::Metrics;
use crate::refusal::rejection_body;
use crate::rounds::{Beacons, RoundCache, RoundError};
use crate::trees::Trees;
use crate::{ApiConfig, IngestKey, routes};
use assize_ingest::Database;

/// Minimum time between two log lines about received measurements.
const REPORTING: Duration = Duration::from_secs(60);
/// How often stale stations are removed from the database.
const CLEANING: Duration = Duration::from_secs(3_600);

/// The parts of the api.
#[derive(Clone)]
pub struct Parts {
    /// Stations and measurements.
    pub database: Database,
    /// The Rounds contract.
    pub rounds: assize_chain::Rounds,
    /// The Rewards contract.
    pub rewards: Address,
    /// Where rosters, task lists and batches are read.
    pub store: Arc<dyn Source>,
    /// Beacons of the drand chain that the contracts verify.
    pub beacons: Arc<Beacons>,
    /// Signs receipts.
    pub key: IngestKey,
    /// Names subnets in rosters.
    pub tagger: SubnetTagger,
    /// The clock. It should agree with the database's.
    pub clock: Clock,
}

/// Why the api could not be created.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ApiError {
    /// The operating system refused to start threads.
    #[error("cannot start threads for signatures: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// Contradictory settings of the load-shedding gate.
    #[error(transparent)]
    Gate(#[from] GateParamsError),
}

/// The service. Clones share their state.
#[derive(Clone, Debug)]
pub struct Api(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: ApiConfig,
    pub(crate) network: Network,
    pub(crate) key: IngestKey,
    pub(crate) tagger: SubnetTagger,
    pub(crate) gatekeeper: Gatekeeper,
    pub(crate) clock: Clock,
    pub(crate) database: Database,
    pub(crate) rounds: RoundCache,
    /// For proofs that measurements are in their batches.
    pub(crate) trees: Trees,
    pub(crate) validator: Validator,
    /// Verifies signatures for requests in progress.
    pub(crate) compute: Compute,
    /// A single thread that recomputes rounds.
    patient: Compute,
    pub(crate) wanted: Wanted,
    pub(crate) metrics: Metrics,
    last_look: Mutex<Look>,
}

/// The last poll of the chain.
#[derive(Debug, Default)]
struct Look {
    succeeded: Option<Instant>,
    trouble: Option<RoundError>,
    /// How long the api waits for the next one.
    pause: Duration,
}

/// The network's parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network {
    pub(crate) domain: Domain,
    pub(crate) rewards: Address,
    pub(crate) drand_chain: B256,
}

impl Api {
    /// Creates the api. It starts no tasks and sends no requests.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn new(config: ApiConfig, parts: Parts) -> Result<Self, ApiError> {
        let contracts = Contracts {
            chain_id: parts.rounds.client().chain_id(),
            rounds: parts.rounds.address(),
            rewards: parts.rewards,
        };
        let domain = Domain {
            chain_id: contracts.chain_id,
            rounds: contracts.rounds,
        };
        let network = Network {
            domain,
            rewards: parts.rewards,
            drand_chain: parts.beacons.chain().hash(),
        };
        Ok(Self(Arc::new(Shared {
            validator: Validator::new(&domain, config.minimum_version, config.max_clock_skew),
            gatekeeper: Gatekeeper {
                server: Server::new(
                    config.connections,
                    Audience::Anyone,
                    config.addresses.proxies.clone(),
                )
                .rendering(rejection_body),
                bodies: Bodies::new(config.bodies),
                lists: Shares::new(config.lists),
                buckets: Buckets::new(config.buckets),
                gate: SharedGate::new(config.gate)?,
            },
            compute: Compute::new(0, config.max_checking)?,
            patient: Compute::new(1, usize::MAX)?,
            config,
            network,
            key: parts.key,
            tagger: parts.tagger,
            clock: parts.clock,
            database: parts.database,
            rounds: RoundCache::new(parts.rounds, contracts, parts.store, parts.beacons),
            trees: Trees::default(),
            wanted: Wanted::default(),
            metrics: Metrics::new(),
            last_look: Mutex::default(),
        })))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    fn look(&self) -> MutexGuard<'_, Look> {
        self.0.last_look.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls the chain once.
    ///
    /// # Errors
    /// [`RoundError`], if the chain does not answer.
    pub async fn refresh(&self) -> Result<(), RoundError> {
        let now = self.0.clock.now();
        let looked = self.0.rounds.refresh(now).await;
        let mut look = self.look();
        match &looked {
            Ok(()) => {
                look.succeeded = Some(Instant::now());
                look.trouble = None;
                let latest = self
                    .0
                    .rounds
                    .open()
                    .latest
                    .as_ref()
                    .map(|latest| latest.round.number);
                self.0.metrics.chain_polled(latest.unwrap_or_default().0, now);
            }
            Err(error) => look.trouble = Some(error.clone()),
        }
        looked
    }

    /// Why the latest round cannot accept measurements, if that has lasted for some time.
    #[must_use]
    pub fn lasting_trouble(&self, time: Duration) -> Option<String> {
        let open = self.0.rounds.open();
        let (round, trouble, since) = open.trouble()?;
        (since.elapsed() >= time).then(|| format!("round {round} cannot accept measurements: {trouble}"))
    }

    /// Recomputes one round whose labels were requested. Returns whether there was one.
    pub async fn evaluate(&self) -> bool {
        let evaluator = Evaluator {
            rounds: &self.0.rounds,
            rewards: self.0.network.rewards,
            database: &self.0.database,
            compute: &self.0.patient,
            wanted: &self.0.wanted,
        };
        evaluator.pass().await
    }

    /// All routes.
    pub fn router(&self) -> axum::Router {
        routes::router(self)
    }

    /// Serves [`Api::router`] within the configured limits, polls the chain, and removes stale stations, until `stop` is
    /// set. Requests received before that are answered.
    ///
    /// # Errors
    /// Currently none.
    pub async fn serve(&self, listener: TcpListener, stop: Stop) -> std::io::Result<()> {
        let tasks = [
            tokio::spawn(self.clone().tick(stop.clone())),
            tokio::spawn(self.clone().follow(stop.clone())),
            tokio::spawn(self.clone().keep_evaluating(stop.clone())),
            tokio::spawn(self.clone().keep_clean(stop.clone())),
        ];
        let server = &self.0.gatekeeper.server;
        server.serve(listener, self.router(), stop.asked()).await;
        for task in tasks {
            // A task that panicked has already logged it.
            let _ = task.await;
        }
        Ok(())
    }

    async fn tick(self, stop: Stop) {
        tokio::select! {
            () = self.0.gatekeeper.gate.keep_ticking() => {}
            () = stop.asked() => {}
        }
    }

    async fn follow(self, stop: Stop) {
        let (mut reported, mut at) = (0, Instant::now());
        while !stop.is_set() {
            if let Err(error) = self.refresh().await {
                tracing::warn!(%error, "failed to poll the chain");
            }
            let accepted = self.0.metrics.accepted();
            if accepted > reported && at.elapsed() >= REPORTING {
                tracing::info!(new = accepted - reported, "received measurements");
                (reported, at) = (accepted, Instant::now());
            }
            let pause = self.pause();
            self.look().pause = pause;
            stop.wait(pause).await;
        }
    }

    /// Until the next round can be opened, unless there is something to wait for before.
    fn pause(&self) -> Duration {
        let usual = self.0.config.poll;
        match self.0.rounds.open().settled_until() {
            Some(closes_at) => idle_pause(usual, Some(closes_at.saturating_sub(self.0.clock.now()))),
            None => usual,
        }
    }

    async fn keep_evaluating(self, stop: Stop) {
        while !stop.is_set() {
            tokio::select! {
                found = self.evaluate() => if !found {
                    stop.wait(self.0.config.poll).await;
                },
                () = stop.asked() => {}
            }
        }
    }

    async fn keep_clean(self, stop: Stop) {
        while !stop.is_set() {
            let before = self.0.clock.now().saturating_sub(self.0.config.forget_after);
            match self.0.database.remove_stale(before).await {
                Ok(0) => {}
                Ok(forgotten) => tracing::info!(forgotten, "removed stale stations"),
                Err(error) => tracing::warn!(%error, "failed to remove stale stations"),
            }
            stop.wait(CLEANING).await;
        }
    }
}

impl Shared {
    /// Why data from the chain is stale; `None` if the last poll is recent.
    pub(crate) fn chain_trouble(&self) -> Option<String> {
        let look = self.last_look.lock().unwrap_or_else(PoisonError::into_inner);
        let patience = match &look.trouble {
            None => self.config.patience + look.pause,
            Some(_) => self.config.patience,
        };
        let fresh = look.succeeded.is_some_and(|when| when.elapsed() <= patience);
        (!fresh).then(|| match &look.trouble {
            Some(trouble) => trouble.to_string(),
            None => "the chain has not been polled yet".into(),
        })
    }

    pub(crate) fn network_document(&self) -> NetworkDocument {
        let Self { config, network, .. } = self;
        NetworkDocument {
            chain_id: network.domain.chain_id,
            rounds: network.domain.rounds,
            rewards: network.rewards,
            drand_chain: network.drand_chain,
            ingest: self.key.address(),
            subnet_commitment: self.tagger.commitment(),
            max_per_subnet: config.max_per_subnet,
            heartbeat_interval: config.heartbeat_interval,
            live_for: config.live_for,
            minimum_version: config.minimum_version,
            version: env!("CARGO_PKG_VERSION").into(),
        }
    }
}
