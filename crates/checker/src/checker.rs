//! The checker: what it is made of, and running it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy_primitives::Address;
use assize_chain::{Rewards, Rounds};
use assize_drand::{BeaconSource, Chain, Verified};
use assize_facts::Contracts;
use assize_measurement::Domain;
use assize_retrieve::Retriever;
use assize_service::{SecretError, Status, Stop};
use assize_wire::{Heartbeat, Version};
use thiserror::Error;
use tokio::sync::Notify;
use url::Url;

use crate::coordinator::Coordinator;
use crate::receipts::{ReceiptError, Receipts};
use crate::spool::{Spool, SpoolError};
use crate::{AskError, Event, Listener, Metrics, StationKey, follow, heart, submit};

/// Settings of a checker.
#[derive(Debug, Clone)]
pub struct Config {
    /// The coordinator's address.
    pub coordinator: Url,
    /// For whom it works.
    pub operator: Address,
    /// Directory of its key (`station.key`), its spool (`spool.sqlite`) and its receipts (`receipts/round-N.ndjson`).
    pub state: PathBuf,
    /// The address that its requests to the coordinator come from, on a machine with several.
    pub bind: Option<IpAddr>,
    /// The ingest key whose receipts are believed; else the first that is seen.
    pub ingest: Option<Address>,
    /// Retrievals at a time.
    pub concurrency: usize,
    /// Ends after so many rounds in which it had tasks, or refused to work.
    pub rounds: Option<u64>,
    /// Spreads a round's tasks over so much time, instead of the whole round.
    pub spread: Option<Duration>,
    /// Pause between two looks for a new round, at first.
    pub poll: Duration,
    /// Its version, as measurements and heartbeats name it.
    pub version: Version,
    /// Where health and metrics are, for the first event alone.
    pub url: Option<String>,
}

impl Config {
    /// The defaults.
    #[must_use]
    pub fn new(coordinator: Url, operator: Address, state: PathBuf) -> Self {
        Self {
            coordinator,
            operator,
            state,
            bind: None,
            ingest: None,
            concurrency: 1,
            rounds: None,
            spread: None,
            poll: Duration::from_secs(3),
            version: own_version(),
            url: None,
        }
    }
}

/// This program's version.
fn own_version() -> Version {
    env!("CARGO_PKG_VERSION").parse().unwrap_or(Version(0, 0, 0))
}

/// Beacons, each verified before it is used.
pub type Beacons = Verified<Box<dyn BeaconSource + Send + Sync>>;

/// What a checker works with.
pub struct Parts {
    /// The contract of rounds, at a node that is believed.
    pub rounds: Rounds,
    /// The contract of rewards.
    pub rewards: Rewards,
    /// Beacons of the drand chain that the contracts check; asked only for what the coordinator does not have.
    pub beacons: Arc<Beacons>,
    /// Retrieves.
    pub retriever: Retriever,
    /// Hears what happens.
    pub listener: Listener,
    /// Health and metrics.
    pub status: Status<Metrics>,
}

/// Why a checker cannot go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckerError {
    /// Its directory cannot be made.
    #[error("cannot make the directory {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// Its key cannot be had.
    #[error(transparent)]
    Key(#[from] SecretError),
    /// Its spool does not work.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// Receipts cannot be kept.
    #[error(transparent)]
    Receipts(#[from] ReceiptError),
    /// The coordinator's address.
    #[error(transparent)]
    Coordinator(#[from] AskError),
    /// The coordinator is of another network.
    #[error(
        "the coordinator at {coordinator} is of another network ({theirs}) than the deployment file and --drand ({ours}); give \
         the files of the network that is meant"
    )]
    OtherNetwork {
        /// Its address.
        coordinator: String,
        /// What it says.
        theirs: String,
        /// What was given.
        ours: String,
    },
}

/// What a checker did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rounds in which it had tasks.
    pub worked: u64,
    /// Rounds in which it refused to work, since the coordinator said what was not so.
    pub refused: u64,
}

/// A checker.
pub struct Checker(Arc<Shared>);

/// What all its tasks share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) key: StationKey,
    pub(crate) contracts: Contracts,
    pub(crate) domain: Domain,
    pub(crate) drand: Chain,
    pub(crate) rounds: Rounds,
    pub(crate) rewards: Rewards,
    pub(crate) beacons: Arc<Beacons>,
    pub(crate) retriever: Retriever,
    pub(crate) coordinator: Coordinator,
    pub(crate) spool: Spool,
    pub(crate) status: Status<Metrics>,
    receipts: Mutex<Receipts>,
    listener: Listener,
    /// Time of the first heartbeat that was noted, by the coordinator's clock; 0: none was.
    pub(crate) live_since: AtomicU64,
    pub(crate) outdated: AtomicBool,
    /// Something was measured.
    pub(crate) measured: Notify,
}

impl Checker {
    /// Opens its files, and makes those that are not there. Nothing is asked yet.
    ///
    /// # Errors
    /// [`CheckerError`].
    pub fn open(config: Config, parts: Parts) -> Result<Self, CheckerError> {
        std::fs::create_dir_all(&config.state).map_err(|source| CheckerError::Directory {
            path: config.state.clone(),
            source,
        })?;
        let key = StationKey::open(&config.state.join("station.key"))?;
        let domain = Domain {
            chain_id: parts.rounds.client().chain_id(),
            rounds: parts.rounds.address(),
        };
        let contracts = Contracts {
            chain_id: domain.chain_id,
            rounds: domain.rounds,
            rewards: parts.rewards.address(),
        };
        let spool = Spool::open(&config.state.join("spool.sqlite"), &domain, key.address())?;
        if let Some(ingest) = config.ingest {
            spool.repin(ingest)?;
        }
        Ok(Self(Arc::new(Shared {
            receipts: Mutex::new(Receipts::open(config.state.join("receipts"))?),
            coordinator: Coordinator::new(&config.coordinator, config.bind)?,
            config,
            key,
            contracts,
            domain,
            drand: parts.beacons.chain().clone(),
            rounds: parts.rounds,
            rewards: parts.rewards,
            beacons: parts.beacons,
            retriever: parts.retriever,
            spool,
            status: parts.status,
            listener: parts.listener,
            live_since: AtomicU64::new(0),
            outdated: AtomicBool::new(false),
            measured: Notify::new(),
        })))
    }

    /// The station: its key's address.
    #[must_use]
    pub fn station(&self) -> Address {
        self.0.key.address()
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// Lives, follows rounds, measures and hands in, until it is told to stop or has attended as many rounds as it was to.
    /// Ends within seconds of being told; what was measured and not handed in waits for the next run.
    ///
    /// # Errors
    /// [`CheckerError`], if going on makes no sense.
    pub async fn run(&self, stop: &Stop) -> Result<Summary, CheckerError> {
        let shared = &self.0;
        shared.tell(&Event::Started {
            station: shared.key.address(),
            operator: shared.config.operator,
            coordinator: shared.coordinator.name(),
            version: shared.config.version,
            waiting: shared.spool.count_waiting()?,
            receipts: shared.receipts().count()?,
            url: shared.config.url.clone(),
        });
        shared.count_waiting();
        let over = Stop::default();
        let beating = tokio::spawn(heart::beat(Arc::clone(shared), over.clone()));
        let handing_in = tokio::spawn(submit::hand_in(Arc::clone(shared), over.clone()));
        let summary = follow::follow(Arc::clone(shared), stop.clone()).await;
        over.set();
        // One that panicked has said so.
        let _ = tokio::join!(beating, handing_in);
        let waiting = shared.spool.count_waiting()?;
        shared.tell(&Event::Ended { waiting });
        summary
    }
}

impl Shared {
    pub(crate) fn heartbeat(&self, time: u64) -> Heartbeat {
        let Config {
            operator, version, ..
        } = self.config;
        Heartbeat::new(self.key.secret(), &self.domain, operator, version, time)
    }

    pub(crate) fn tell(&self, event: &Event) {
        self.status.metrics().count(event);
        self.listener.tell(event);
    }

    pub(crate) fn trouble(&self, what: &'static str, error: &impl ToString) {
        let error = error.to_string();
        self.tell(&Event::Trouble { what, error });
    }

    pub(crate) fn count_waiting(&self) {
        if let Ok(waiting) = self.spool.count_waiting() {
            self.status.metrics().waiting(waiting);
        }
    }

    pub(crate) fn receipts(&self) -> MutexGuard<'_, Receipts> {
        // It mends itself when it is used again.
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shared { config, key, .. } = &*self.0;
        f.debug_struct("Checker")
            .field("config", config)
            .field("key", key)
            .finish_non_exhaustive()
    }
}
