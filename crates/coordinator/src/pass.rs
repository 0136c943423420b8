//! One pass: polls the chain and does what is due.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use assize_chain::{Draft, Rounds};
use assize_drand::{BeaconSource, Verified, with_y};
use assize_facts::{ListCommitment, Round};
use assize_ingest::Database;
use assize_outbox::{Ended, Kind, NewIntent, Outbox, parked};
use assize_protocol::{BeaconRound, Roster, RoundNumber};
use assize_service::{Boundaries, Clock, unless_stopped};
use assize_store::Store;
use assize_wire::Version;

use crate::beacons::Beacons;
use crate::duty::Duty;
use crate::lists::{Lists, prepare};
use crate::view::{Office, Opening, View};
use crate::{CoordinatorAlert, CoordinatorError, PassReport, Waiting, cut};

/// Seconds after which an opening that was never signed is replaced by a new one, with the stations live at that time.
const REFRESH: u64 = 600;
/// Seconds that a beacon may be late before it raises an alert.
const BEACON_PATIENCE: u64 = 15;
/// Delay after a rejection; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Points between two durable steps, where a process may die. For tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// Roster and task list are stored, but this is not recorded.
    ListsStored,
    /// The opening is enqueued.
    OpeningEnqueued,
    /// The reveal is enqueued.
    RevealEnqueued,
    /// A boundary of the queue.
    Outbox(assize_outbox::Boundary),
}

/// How rounds are opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The task file (NDJSON), read at each opening.
    pub tasks: PathBuf,
    /// Seconds for which a station counts as live after a heartbeat.
    pub live_for: u64,
    /// Minimum number of live stations; with fewer, no round is opened.
    pub min_stations: u32,
    /// Maximum number of stations of a subnet in a roster.
    pub max_per_subnet: u32,
    /// Oldest checker version in the roster: measurements of older ones would be rejected.
    pub minimum_version: Version,
}

pub(crate) type Result<T> = std::result::Result<T, CoordinatorError>;

/// Opens rounds on time, and reveals their beacons.
pub struct Coordinator {
    database: Database,
    pub(crate) outbox: Outbox,
    rounds: Rounds,
    store: Arc<dyn Store>,
    beacons: Beacons,
    settings: Settings,
    clock: Clock,
    /// The last opening cut in this run, and its time, Unix seconds.
    cut: Option<(RoundNumber, u64)>,
    /// When a rejected opening is retried, and the delay until then.
    pub(crate) refused: Option<(Instant, Duration)>,
    /// The problem with the task file at the last opening.
    pub(crate) tasks_fault: Option<String>,
    /// Rounds seen without their seed, and when their beacon was published, Unix seconds.
    pub(crate) awaited: BTreeMap<RoundNumber, u64>,
    pub(crate) reveal_lag: Option<u64>,
    /// Seconds until the next round can be opened, if nothing else is to be done before.
    pub(crate) idle_for: Option<u64>,
    boundaries: Boundaries<Boundary>,
}

impl Coordinator {
    /// A coordinator over a database of stations, with its own queue. `clock` is the database's.
    #[must_use]
    pub fn new(
        database: Database,
        outbox: Outbox,
        rounds: Rounds,
        store: Arc<dyn Store>,
        beacons: Arc<Verified<Box<dyn BeaconSource + Send + Sync>>>,
        settings: Settings,
        clock: Clock,
    ) -> Self {
        Self {
            database,
            outbox,
            rounds,
            store,
            beacons: Beacons::new(beacons),
            settings,
            clock,
            cut: None,
            refused: None,
            tasks_fault: None,
            awaited: BTreeMap::new(),
            reveal_lag: None,
            idle_for: None,
            boundaries: Boundaries::default(),
        }
    }

    /// Lets `watcher` stop runs at boundaries, as a crash would.
    pub fn watch(&mut self, watcher: impl FnMut(Boundary) -> bool + Send + 'static) {
        self.boundaries = Boundaries::watched(watcher);
        let own = self.boundaries.clone();
        self.outbox
            .watch(move |boundary| own.reach(Boundary::Outbox(boundary)).is_ok());
    }

    /// The transaction queue.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Polls the chain, enqueues what is due, and runs the queue until it can only wait, or `stop` returns true.
    ///
    /// # Errors
    /// [`CoordinatorError`]; call it again to continue.
    pub async fn pass(&mut self, stop: &(dyn Fn() -> bool + Sync)) -> Result<PassReport> {
        let key = self.outbox.signer().address();
        let view = View::of(&self.rounds, key).await?;
        self.withdraw(&view).await?;
        let mut alerts = Vec::new();
        // A failure of one duty must not block the other; transactions in progress continue in any case.
        let opened = unless_stopped(self.open(&view).await)?;
        let revealed = unless_stopped(self.reveal(&view, &mut alerts).await)?;
        // Only a queue with nothing in it leaves the chain as it was seen.
        let is_quiet = self.outbox.is_idle()?;
        let parked = self.work(stop).await?;
        let waiting = opened?;
        revealed?;
        let view = match is_quiet {
            true => view,
            false => View::of(&self.rounds, key).await?,
        };
        let queue = self.outbox.state(parked).await?;
        let report = self.report(&view, waiting, queue, alerts)?;
        let is_idle = is_quiet && report.unrevealed.is_empty() && report.alerts.is_empty();
        self.idle_for = match report.waiting {
            Some(Waiting::Until { closes_at }) if is_idle => Some(closes_at.saturating_sub(report.now)),
            _ => None,
        };
        Ok(report)
    }

    /// Cancels what is no longer needed: an opening whose round someone else opened, all openings once the key is no longer the
    /// coordinator's, and the reveal of a round that is revealed or over.
    async fn withdraw(&mut self, view: &View) -> Result<()> {
        for key in self.outbox.unfinished()? {
            let Some((duty, number)) = Duty::of_key(&key, self.rounds.address()) else {
                continue;
            };
            if view.latest.is_none_or(|latest| number > latest) {
                if duty == Duty::Open && view.office != Office::Held {
                    self.outbox.cancel(&key)?;
                }
                continue;
            }
            let round = match view.round(number) {
                Some(round) => *round,
                None => self.rounds.round(number).await?,
            };
            match duty {
                Duty::Open => match self.outbox.draft_of(&key)? == Some(self.opening_of(&round)) {
                    // It took effect and only its receipt is late; unless it was never signed: then someone else opened
                    // the round with the same lists.
                    true => self.outbox.cancel_queued(&key)?,
                    false => self.outbox.cancel(&key)?,
                },
                Duty::Reveal if !round.times.accepts_reveal(view.now) => self.outbox.cancel(&key)?,
                Duty::Reveal if round.seed.is_some() => self.outbox.cancel_queued(&key)?,
                Duty::Reveal => {}
            }
        }
        Ok(())
    }

    /// Enqueues the opening of the next round if it is due; otherwise returns why not.
    async fn open(&mut self, view: &View) -> Result<Waiting> {
        let number = match view.opening() {
            Opening::From(closes_at) => return Ok(Waiting::Until { closes_at }),
            Opening::Due { round, .. } => round,
        };
        if view.office != Office::Held {
            return Ok(Waiting::NotCoordinator);
        }
        let key = self.key(Duty::Open, number);
        let known = self.outbox.draft_of(&key)?.is_some();
        match self.outbox.ended(&key)? {
            None if known => {
                self.refresh(&key, number)?;
                return Ok(Waiting::UnderWay);
            }
            // The queue monitors it: if it disappears from the chain, it is sent again.
            Some(Ended::Done(_)) => return Ok(Waiting::UnderWay),
            None | Some(Ended::Cancelled) => {}
            Some(Ended::Refused { .. } | Ended::Reverted { .. }) => {
                if self.pauses() {
                    return Ok(Waiting::Refused);
                }
            }
        }
        let roster = self.roster().await?;
        let (live, wanted) = (roster.count(), self.settings.min_stations.max(1));
        if live < wanted {
            return Ok(Waiting::TooFewStations { live, wanted });
        }
        let last = view.recent.first().map(|newest| newest.tasks);
        let Lists { roster, tasks, fault } = self.lists(roster, last).await?;
        self.tasks_fault = fault.map(|fault| {
            let consequence = match tasks {
                Some(_) => "the newest round's list is used again",
                None => "no round is opened until the file is valid",
            };
            format!("{fault}; {consequence}")
        });
        let Some(tasks) = tasks else {
            return Ok(Waiting::NoTasks);
        };
        self.boundaries.reach(Boundary::ListsStored)?;
        let draft = self.rounds.open(&roster, &tasks);
        self.enqueue(&key, &draft, Boundary::OpeningEnqueued)?;
        self.cut = Some((number, self.clock.now()));
        tracing::info!(round = number.0, stations = roster.count, tasks = tasks.count, roster = %roster.cid, tasks_cid = %tasks.cid, "opening a round");
        Ok(Waiting::UnderWay)
    }

    /// Cancels an opening that waits for funds or cheaper gas once its roster is outdated; the next pass cuts a new
    /// one. A signed opening is kept as it is.
    fn refresh(&mut self, key: &str, number: RoundNumber) -> Result<()> {
        let now = self.clock.now();
        let fresh = self
            .cut
            .is_some_and(|(cut, at)| cut == number && now < at.saturating_add(REFRESH));
        if !fresh {
            self.outbox.cancel_queued(key)?;
            self.cut = Some((number, now));
        }
        Ok(())
    }

    /// Whether this run enqueued the opening of a round in the last `seconds`.
    pub(crate) fn is_cut_within(&self, number: RoundNumber, seconds: u64) -> bool {
        let now = self.clock.now();
        self.cut
            .is_some_and(|(cut, at)| cut == number && now.saturating_sub(at) < seconds)
    }

    /// Whether openings are paused after a rejection; each pause is longer than the one before.
    fn pauses(&mut self) -> bool {
        let now = Instant::now();
        let (until, pause) = *self.refused.get_or_insert((now + FIRST_PAUSE, FIRST_PAUSE));
        if now >= until {
            let longer = (2 * pause).min(LONGEST_PAUSE);
            self.refused = Some((now + longer, longer));
        }
        now < until
    }

    /// The roster of the stations that are live now.
    async fn roster(&self) -> Result<Roster> {
        let since = self.clock.now().saturating_sub(self.settings.live_for);
        let mut live = self.database.live(since).await?;
        live.retain(|station| station.version >= self.settings.minimum_version);
        Ok(cut(&live, self.settings.max_per_subnet)?)
    }

    /// The stored lists of the next round. `last` is the newest round's task list.
    async fn lists(&self, roster: Roster, last: Option<ListCommitment>) -> Result<Lists> {
        let store = Arc::clone(&self.store);
        let path = self.settings.tasks.clone();
        tokio::task::spawn_blocking(move || prepare(&*store, &roster, &path, last))
            .await
            .map_err(|error| CoordinatorError::Thread(error.to_string()))?
    }

    /// Enqueues the reveals whose beacons are available.
    async fn reveal(&mut self, view: &View, alerts: &mut Vec<CoordinatorAlert>) -> Result<()> {
        let due: Vec<Round> = view.unrevealed().copied().collect();
        self.beacons
            .keep(|wanted| due.iter().any(|round| round.beacon_round == wanted));
        for round in due {
            let published_at = self.published_at(round.beacon_round);
            self.awaited.insert(round.number, published_at);
            // Filecoin's beacon contract knows no beacon before the chain has reached its epoch.
            if view.now < published_at {
                continue;
            }
            let key = self.key(Duty::Reveal, round.number);
            let known = self.outbox.draft_of(&key)?.is_some();
            match self.outbox.ended(&key)? {
                None if known => continue,
                Some(Ended::Done(_)) => continue,
                _ => {}
            }
            let beacon = match self.beacons.get(round.beacon_round).await {
                Ok(Some(beacon)) => beacon,
                Ok(None) => continue,
                Err(error) => {
                    if view.now >= published_at.saturating_add(BEACON_PATIENCE) {
                        alerts.push(CoordinatorAlert::Beacon {
                            round: round.number,
                            reason: error.to_string(),
                        });
                    }
                    continue;
                }
            };
            let signature = with_y(&beacon.signature).map_err(|error| CoordinatorError::Beacon {
                round: round.beacon_round,
                reason: error.to_string(),
            })?;
            let draft = self.rounds.reveal(round.number, &signature);
            self.enqueue(&key, &draft, Boundary::RevealEnqueued)?;
        }
        Ok(())
    }

    /// Runs the queue. Returns the number of transactions that wait for a limit or for funds.
    async fn work(&mut self, stop: &(dyn Fn() -> bool + Sync)) -> Result<u64> {
        loop {
            let tick = self.outbox.tick().await?;
            if tick.waiting || stop() {
                return Ok(parked(&tick.alerts));
            }
        }
    }

    fn enqueue(&mut self, key: &str, draft: &Draft, boundary: Boundary) -> Result<()> {
        let new = NewIntent {
            key,
            kind: Kind::Commit,
            draft,
        };
        match self.outbox.enqueue(&new)? {
            true => Ok(self.boundaries.reach(boundary)?),
            false => Ok(()),
        }
    }

    /// When a beacon is published, Unix seconds.
    pub(crate) fn published_at(&self, round: BeaconRound) -> u64 {
        self.beacons.chain().schedule().time_of(round).unwrap_or_default()
    }

    /// The call that opened a round, reconstructed from the chain.
    fn opening_of(&self, round: &Round) -> Draft {
        self.rounds.open(&round.roster, &round.tasks)
    }

    pub(crate) fn key(&self, duty: Duty, round: RoundNumber) -> String {
        duty.key(self.rounds.address(), round)
    }
}
