//! The service: what it is made of, and running it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256};
use assize_facts::Contracts;
use assize_guard::{Bodies, Buckets, GateParamsError, Server, SharedGate, Shares, SubnetTagger};
use assize_measurement::Domain;
use assize_service::{Clock, Stop};
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
use crate::{ApiConfig, IngestKey, routes};
use assize_ingest::Database;

/// How often the book of stations is cleaned up.
const CLEANING: Duration = Duration::from_secs(3_600);

/// What the api works with.
#[derive(Clone)]
pub struct Parts {
    /// Stations and measurements.
    pub database: Database,
    /// The contract of rounds.
    pub rounds: assize_chain::Rounds,
    /// The contract of rewards.
    pub rewards: Address,
    /// Where rosters, task lists and batches are read.
    pub store: Arc<dyn Source>,
    /// Beacons of the drand chain that the contracts check.
    pub beacons: Arc<Beacons>,
    /// Signs receipts.
    pub key: IngestKey,
    /// Names subnets in rosters.
    pub tagger: SubnetTagger,
    /// Tells the time; the database's should be the same.
    pub clock: Clock,
}

/// Why the api cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ApiError {
    /// The operating system gives no threads.
    #[error("cannot start threads for signatures: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// Settings of the gate that make no sense.
    #[error(transparent)]
    Gate(#[from] GateParamsError),
}

/// The service. All clones are one.
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
    pub(crate) validator: Validator,
    /// For what somebody waits for.
    pub(crate) compute: Compute,
    /// One thread, for recomputing rounds.
    patient: Compute,
    pub(crate) wanted: Wanted,
    pub(crate) metrics: Metrics,
    last_look: Mutex<Look>,
}

/// The last look at the chain.
#[derive(Debug, Default)]
struct Look {
    succeeded: Option<Instant>,
    trouble: Option<RoundError>,
}

/// Which network it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network {
    pub(crate) domain: Domain,
    pub(crate) rewards: Address,
    pub(crate) drand_chain: B256,
}

impl Api {
    /// Nothing runs and nothing is asked yet.
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
                server: Server::new(config.connections, config.addresses.proxies.clone())
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
            wanted: Wanted::default(),
            metrics: Metrics::new(),
            last_look: Mutex::default(),
        })))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Looks at the chain once.
    ///
    /// # Errors
    /// [`RoundError`], if the chain does not answer.
    pub async fn refresh(&self) -> Result<(), RoundError> {
        let now = self.0.clock.now();
        let looked = self.0.rounds.refresh(now).await;
        let mut look = self.0.last_look.lock().unwrap_or_else(PoisonError::into_inner);
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
                self.0.metrics.looked(latest.unwrap_or_default().0, now);
            }
            Err(error) => look.trouble = Some(error.clone()),
        }
        looked
    }

    /// Recomputes one round whose labels somebody asked for; whether there was one.
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

    /// Serves [`Api::router`] within the limits of the configuration, follows the chain, and cleans up, until it is told
    /// to stop. Requests that are there by then are answered.
    ///
    /// # Errors
    /// None yet.
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
            // One that panicked has said so.
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
        while !stop.is_set() {
            if let Err(error) = self.refresh().await {
                tracing::warn!(%error, "the chain was not looked at");
            }
            stop.wait(self.0.config.poll).await;
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
                Ok(forgotten) => tracing::info!(forgotten, "stations were struck out"),
                Err(error) => tracing::warn!(%error, "the book was not cleaned up"),
            }
            stop.wait(CLEANING).await;
        }
    }
}

impl Shared {
    /// Why the chain cannot be spoken of; `None` if it was looked at not long ago.
    pub(crate) fn chain_trouble(&self) -> Option<String> {
        let look = self.last_look.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = look
            .succeeded
            .is_some_and(|when| when.elapsed() <= self.config.patience);
        (!fresh).then(|| match &look.trouble {
            Some(trouble) => trouble.to_string(),
            None => "the chain was not looked at yet".into(),
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
