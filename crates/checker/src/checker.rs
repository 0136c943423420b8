//! The checker: configuration and main loop.

use std::fs::DirBuilder;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256};
use assize_chain::{Rewards, Rounds};
use assize_drand::{BeaconSource, Chain, Verified};
use assize_facts::Contracts;
use assize_keys::Signer;
use assize_measurement::Domain;
use assize_outbox::{Caps, Depth, Outbox, OutboxError, Policy};
use assize_protocol::AttoFil;
use assize_retrieve::Retriever;
use assize_service::{Clock, SecretError, Status, Stop};
use assize_wire::{Heartbeat, NetworkDocument, Version};
use thiserror::Error;
use tokio::sync::Notify;
use url::Url;

use crate::coordinator::Coordinator;
use crate::receipts::{ReceiptError, Receipts};
use crate::spool::{Spool, SpoolError};
use crate::witness::Witnesses;
use crate::{AskError, Event, Listener, Metrics, StationKey, follow, heartbeat, inclusion, submit};

/// Settings of a checker.
#[derive(Debug, Clone)]
pub struct Config {
    /// The coordinator's address.
    pub coordinator: Url,
    /// Addresses of evaluators that must hold a batch for it to count as committed.
    pub witnesses: Vec<Url>,
    /// The operator, who is paid.
    pub operator: Address,
    /// Directory of its key (`station.key`), its spool (`spool.sqlite`), its receipts (`receipts/round-N.ndjson`) and the queue of
    /// its transactions (`inclusion.sqlite`).
    pub state: PathBuf,
    /// Source address of requests to the coordinator, on a machine with several.
    pub bind: Option<IpAddr>,
    /// The ingest key whose receipts are accepted; by default the first one seen.
    pub ingest: Option<Address>,
    /// Maximum number of concurrent retrievals.
    pub concurrency: usize,
    /// Ends after this many rounds in which it had tasks, or refused to work.
    pub rounds: Option<u64>,
    /// Spreads a round's tasks over this time instead of the whole round.
    pub spread: Option<Duration>,
    /// Initial pause between two polls for a new round.
    pub poll: Duration,
    /// Its version, as in measurements and heartbeats.
    pub version: Version,
    /// Address of health and metrics, for the first event only.
    pub url: Option<String>,
}

impl Config {
    /// The default configuration.
    #[must_use]
    pub fn new(coordinator: Url, operator: Address, state: PathBuf) -> Self {
        Self {
            coordinator,
            witnesses: Vec::new(),
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

/// A source of beacons, each verified before use.
pub type Beacons = Verified<Box<dyn BeaconSource + Send + Sync>>;

/// The parts of a checker.
pub struct Parts {
    /// The Rounds contract, through a trusted node.
    pub rounds: Rounds,
    /// The Rewards contract.
    pub rewards: Rewards,
    /// Beacons of the drand chain that the contracts verify; used only if the coordinator does not have one.
    pub beacons: Arc<Beacons>,
    /// Retrieves payloads.
    pub retriever: Retriever,
    /// Pays for the station's own reports; without it, they are not committed.
    pub inclusion: Option<Inclusion>,
    /// Receives events.
    pub listener: Listener,
    /// Health and metrics.
    pub status: Status<Metrics>,
}

/// Pays for the station's own reports (docs/protocol.md §9.6).
#[derive(Debug)]
pub struct Inclusion {
    /// The key that pays the gas. Not the station's, and no other program's.
    pub signer: Signer,
    /// Maximum fee of one report.
    pub max_fee: AttoFil,
}

impl Inclusion {
    /// Seconds without a receipt after which a transaction is sent again; after twice that, with higher fees. There is time for
    /// a few blocks only.
    const RESEND_AFTER: u64 = 45;
    /// Confirmations after which it is reported. The queue watches it until it is final.
    const CONFIRMATIONS: u64 = 2;

    fn policy(&self, chain_id: u64) -> Policy {
        let usual = Policy::for_chain(chain_id);
        Policy {
            commit: match usual.commit {
                Depth::Blocks(blocks) => Depth::Blocks(blocks.min(Self::CONFIRMATIONS)),
                Depth::Final => Depth::Blocks(Self::CONFIRMATIONS),
            },
            resend_after: usual.resend_after.min(Self::RESEND_AFTER),
            bump_after: usual.bump_after.min(2 * Self::RESEND_AFTER),
            caps: Caps {
                intent: self.max_fee,
                ..usual.caps
            },
            ..usual
        }
    }
}

/// Why a checker cannot continue.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckerError {
    /// Its directory cannot be created.
    #[error("cannot create the directory {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// Its key is unavailable.
    #[error(transparent)]
    Key(#[from] SecretError),
    /// Its spool failed.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The queue of its transactions cannot be opened.
    #[error(transparent)]
    Queue(#[from] OutboxError),
    /// Receipts cannot be stored.
    #[error(transparent)]
    Receipts(#[from] ReceiptError),
    /// The coordinator's address is invalid.
    #[error(transparent)]
    Coordinator(#[from] AskError),
    /// The coordinator serves another network.
    #[error(
        "the coordinator at {coordinator} serves another network ({theirs}) than the deployment file and --drand ({ours}); use \
         the files of the right network"
    )]
    OtherNetwork {
        /// Its address.
        coordinator: String,
        /// The coordinator's network.
        theirs: String,
        /// The configured network.
        ours: String,
    },
}

/// What a checker did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rounds in which it had tasks.
    pub worked: u64,
    /// Rounds in which it refused to work, because the coordinator contradicted the chain.
    pub refused: u64,
}

/// A checker.
pub struct Checker {
    shared: Arc<Shared>,
    /// Sends own reports, until a run takes it.
    outbox: Mutex<Option<Outbox>>,
}

/// State shared by all its tasks.
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
    pub(crate) witnesses: Witnesses,
    pub(crate) spool: Spool,
    pub(crate) status: Status<Metrics>,
    receipts: Mutex<Receipts>,
    listener: Listener,
    /// When the coordinator's silence is reported next.
    silence: Mutex<Silence>,
    /// Time of the first accepted heartbeat, by the coordinator's clock; 0 before it.
    pub(crate) live_since: AtomicU64,
    pub(crate) outdated: AtomicBool,
    /// Notified when something was measured.
    pub(crate) measured: Notify,
    /// Notified when there is a round to look after.
    pub(crate) drawn: Notify,
}

impl Checker {
    /// Opens its files, and creates missing ones. No request is sent yet.
    ///
    /// # Errors
    /// [`CheckerError`].
    pub fn open(config: Config, parts: Parts) -> Result<Self, CheckerError> {
        let created = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&config.state);
        created.map_err(|source| CheckerError::Directory {
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
        let open = |inclusion: Inclusion| {
            let (client, policy) = (parts.rounds.client().clone(), inclusion.policy(domain.chain_id));
            let path = config.state.join("inclusion.sqlite");
            Outbox::open(&path, client, inclusion.signer, policy)
        };
        let outbox = parts.inclusion.map(open).transpose()?;
        let shared = Arc::new(Shared {
            receipts: Mutex::new(Receipts::open(config.state.join("receipts"))?),
            coordinator: Coordinator::new(&config.coordinator, config.bind)?,
            witnesses: Witnesses::new(&config.witnesses, config.bind)?,
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
            silence: Mutex::default(),
            live_since: AtomicU64::new(0),
            outdated: AtomicBool::new(false),
            measured: Notify::new(),
            drawn: Notify::new(),
        });
        let outbox = Mutex::new(outbox);
        Ok(Self { shared, outbox })
    }

    /// Makes sure that the coordinator, if it answers soon, serves the same network. Only before the first start, which creates the
    /// state directory: the running checker checks it again.
    ///
    /// # Errors
    /// [`CheckerError::OtherNetwork`], or an invalid address of the coordinator.
    pub async fn expect_network(config: &Config, rounds: &Rounds, drand: &Chain) -> Result<(), CheckerError> {
        let coordinator = Coordinator::new(&config.coordinator, config.bind)?;
        if config.state.exists() {
            return Ok(());
        }
        let ours = (rounds.client().chain_id(), rounds.address(), drand.hash());
        match tokio::time::timeout(FIRST_ANSWER, coordinator.network()).await {
            Ok(Ok(network)) => same_network(&coordinator, &network, ours),
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }

    /// The station: its key's address.
    #[must_use]
    pub fn station(&self) -> Address {
        self.shared.key.address()
    }

    /// The queue of own reports; only one run has it.
    pub(crate) fn take_outbox(&self) -> Option<Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Sends heartbeats, follows rounds, measures and submits, until shutdown or the configured number of rounds. It
    /// ends within seconds of a shutdown; measurements that are not submitted wait for the next run.
    ///
    /// # Errors
    /// [`CheckerError`], if it cannot continue.
    pub async fn run(&self, stop: &Stop) -> Result<Summary, CheckerError> {
        let shared = &self.shared;
        let outbox = self.take_outbox();
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
        let beating = tokio::spawn(heartbeat::send(Arc::clone(shared), over.clone()));
        let submitting = tokio::spawn(submit::submit(Arc::clone(shared), over.clone()));
        let keeping = tokio::spawn(inclusion::keep(Arc::clone(shared), outbox, over.clone()));
        let summary = follow::follow(Arc::clone(shared), stop.clone()).await;
        over.set();
        // A panicked task has already logged it.
        let _ = tokio::join!(beating, submitting, keeping);
        let waiting = shared.spool.count_waiting()?;
        let kept = shared.spool.kept()?.len() as u64;
        shared.tell(&Event::Ended { waiting, kept });
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

    /// Reports a failure. All that a checker does asks the same coordinator, so its silence is reported once for all, at growing
    /// intervals.
    pub(crate) fn failed_asking(&self, what: &'static str, error: &impl ToString, asked: Option<&AskError>) {
        let error = error.to_string();
        let event = Event::Trouble { what, error };
        self.status.metrics().count(&event);
        let is_silence = matches!(asked, Some(AskError::Unreachable { .. }));
        if !is_silence || self.silence().is_due(Instant::now()) {
            self.listener.tell(&event);
        }
    }

    /// The coordinator has answered.
    pub(crate) fn answered(&self) {
        *self.silence() = Silence::default();
    }

    fn silence(&self) -> MutexGuard<'_, Silence> {
        self.silence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops submitting what no ingest takes any more.
    pub(crate) fn drop_late(&self) -> Result<(), SpoolError> {
        let measurements = self.spool.drop_late(Clock::system().now())?;
        if measurements > 0 {
            self.tell(&Event::TooLate { measurements });
        }
        self.count_waiting();
        Ok(())
    }

    pub(crate) fn count_waiting(&self) {
        if let Ok(waiting) = self.spool.count_waiting() {
            self.status.metrics().waiting(waiting);
        }
    }

    pub(crate) fn receipts(&self) -> MutexGuard<'_, Receipts> {
        // A poisoned lock is harmless: the file is repaired at the next use.
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a start waits for the coordinator.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// Makes sure that the coordinator's network is ours: chain id, contract and drand chain.
pub(crate) fn same_network(
    coordinator: &Coordinator,
    network: &NetworkDocument,
    ours: (u64, Address, B256),
) -> Result<(), CheckerError> {
    let theirs = (network.chain_id, network.rounds, network.drand_chain);
    let describe =
        |(chain, contract, drand)| format!("chain {chain}, contract {contract}, drand chain {drand}");
    match ours == theirs {
        true => Ok(()),
        false => Err(CheckerError::OtherNetwork {
            coordinator: coordinator.name(),
            theirs: describe(theirs),
            ours: describe(ours),
        }),
    }
}

/// The first interval between two reports of a silent coordinator; it doubles to the longest.
const FIRST_SILENCE: Duration = Duration::from_secs(15);
const LONGEST_SILENCE: Duration = Duration::from_secs(1_800);

/// When the coordinator's silence is reported next: at once, then at growing intervals.
#[derive(Debug, Default)]
struct Silence(Option<(Instant, Duration)>);

impl Silence {
    /// Whether it is reported now.
    fn is_due(&mut self, now: Instant) -> bool {
        let interval = match self.0 {
            None => FIRST_SILENCE,
            Some((at, _)) if now < at => return false,
            Some((_, interval)) => (2 * interval).min(LONGEST_SILENCE),
        };
        self.0 = Some((now + interval, interval));
        true
    }
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shared { config, key, .. } = &*self.shared;
        f.debug_struct("Checker")
            .field("config", config)
            .field("key", key)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_reported_at_growing_intervals_whoever_asks() {
        let (began, mut silence) = (Instant::now(), Silence::default());
        let asked = (0..180).filter(|second| {
            // Three of a checker's tasks ask each second.
            let now = began + Duration::from_secs(*second);
            [0, 1, 2].map(|_| silence.is_due(now)).contains(&true)
        });
        assert_eq!(asked.collect::<Vec<_>>(), [0, 15, 45, 105]);
    }
}
