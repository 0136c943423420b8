//! What the api knows about rounds. All of it comes from chain, store and verified beacons, is read once, and is kept
//! for the latest rounds.

mod eligible;
mod error;
mod load;
mod view;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alloy_primitives::Address;
use assize_facts::{Contracts, Round};
use assize_protocol::{FileCid, RoundNumber};
use assize_store::Source;
use assize_wire::StationDocument;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

pub(crate) use eligible::Eligible;
pub use error::RoundError;
pub use load::Beacons;
use load::Loader;
pub(crate) use view::{CheckedRound, RevealedRound};

/// Maximum number of rounds that accept measurements at once: those of the shortest duration with the usual step. Older ones are
/// over, whatever their parameters say. By default there are two.
const MAX_OPEN: usize = 12;
/// Number of cached views of older rounds.
const KEPT_VIEWS: usize = 4;
/// Number of cached rounds without their lists, of some kilobytes each.
const KEPT_ROUNDS: usize = 256;
/// Maximum number of requested rounds being read from the chain at once.
const ASKED: usize = 4;
/// How often a revealed round is read again: a reorganisation may have changed it.
const RECHECK: Duration = Duration::from_secs(60);

/// The rounds that accept measurements, and the latest round.
#[derive(Debug, Default)]
pub(crate) struct Open {
    /// Whether the chain has been polled.
    pub(crate) looked: bool,
    pub(crate) latest: Option<Arc<CheckedRound>>,
    /// Latest first.
    pub(crate) rounds: Vec<OpenRound>,
    /// Since when the latest round has not been able to accept measurements.
    pub(crate) troubled: Option<Instant>,
}

impl Open {
    /// Why the latest round cannot accept measurements, and since when none can.
    pub(crate) fn trouble(&self) -> Option<(RoundNumber, &RoundError, Instant)> {
        let latest = self.rounds.first()?;
        let trouble = latest.trouble.as_ref()?;
        Some((latest.round.number, trouble, self.troubled?))
    }

    /// When the latest round closes, Unix seconds, if nothing changes on the chain before: every round is revealed and loaded.
    /// A reorganisation that is deeper than a round's way from its opening to its beacon is noticed at the next poll.
    pub(crate) fn settled_until(&self) -> Option<u64> {
        let latest = self.rounds.first()?;
        let all_loaded = self.rounds.iter().all(|open| open.view.is_some());
        all_loaded.then_some(latest.round.times.closes_at)
    }
}

/// A round that may accept measurements.
#[derive(Debug)]
pub(crate) struct OpenRound {
    pub(crate) round: Round,
    /// `None` until it is revealed, and when it is unavailable: then `trouble` says why.
    pub(crate) view: Option<Arc<RevealedRound>>,
    pub(crate) trouble: Option<RoundError>,
    checked: Instant,
}

/// The cache of rounds.
pub(crate) struct RoundCache {
    chain: assize_chain::Rounds,
    loader: Arc<Loader>,
    kept: Mutex<Kept>,
    asked: Semaphore,
    /// Allows one requested view to be computed at a time.
    making: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Kept {
    open: Arc<Open>,
    /// Revealed rounds, most recently requested last.
    rounds: VecDeque<Arc<CheckedRound>>,
    /// In the same order.
    views: VecDeque<Arc<RevealedRound>>,
    eligible: Option<(FileCid, Arc<Eligible>)>,
}

impl RoundCache {
    pub(crate) fn new(
        chain: assize_chain::Rounds,
        contracts: Contracts,
        store: Arc<dyn Source>,
        beacons: Arc<Beacons>,
    ) -> Self {
        Self {
            chain,
            loader: Arc::new(Loader::new(contracts, store, beacons)),
            kept: Mutex::default(),
            asked: Semaphore::new(ASKED),
            making: tokio::sync::Mutex::default(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn chain(&self) -> &assize_chain::Rounds {
        &self.chain
    }

    pub(crate) fn store(&self) -> &Arc<dyn Source> {
        &self.loader.store
    }

    pub(crate) fn beacons(&self) -> &Arc<Beacons> {
        &self.loader.beacons
    }

    /// The rounds that accept measurements, as of the last poll of the chain.
    pub(crate) fn open(&self) -> Arc<Open> {
        Arc::clone(&self.kept().open)
    }

    /// Polls the chain for the latest round and those that still accept measurements at `now` (Unix seconds). From then on, no
    /// reorganisation changes a round any more.
    ///
    /// # Errors
    /// The chain's. A fault of one round does not affect the others.
    pub(crate) async fn refresh(&self, now: u64) -> Result<(), RoundError> {
        let before = self.open();
        let latest = self.chain.latest_round().await?;
        let mut open = Open {
            looked: true,
            ..Open::default()
        };
        let mut number = latest.unwrap_or_default();
        while number.0 > 0 && open.rounds.len() < MAX_OPEN {
            let known_before = before.rounds.iter().find(|open| open.round.number == number);
            let settled = known_before.filter(|open| {
                Some(number) != latest && open.view.is_some() && open.checked.elapsed() < RECHECK
            });
            let (round, checked) = match settled {
                Some(open) => (open.round, open.checked),
                None => (self.chain.round(number).await?, Instant::now()),
            };
            if Some(number) != latest && !round.times.accepts_measurements(now) {
                break;
            }
            let view = match known_before.and_then(|open| open.view.clone()) {
                Some(view) if view.checked.round == round => Ok(Some(view)),
                _ => self.load(round).await,
            };
            if Some(number) == latest {
                open.latest = self.latest_of(round, &view).await;
            }
            let (view, trouble) = match view {
                Ok(view) => (view, None),
                Err(error) => {
                    tracing::error!(round = number.0, %error, "the round cannot accept measurements");
                    (None, Some(error))
                }
            };
            open.rounds.push(OpenRound {
                round,
                view,
                trouble,
                checked,
            });
            number.0 -= 1;
        }
        if open.rounds.first().is_some_and(|latest| latest.trouble.is_some()) {
            open.troubled = before.troubled.or_else(|| Some(Instant::now()));
        }
        self.kept().open = Arc::new(open);
        Ok(())
    }

    /// The latest round is known even if its lists are not.
    async fn latest_of(
        &self,
        round: Round,
        view: &Result<Option<Arc<RevealedRound>>, RoundError>,
    ) -> Option<Arc<CheckedRound>> {
        match view {
            Ok(Some(view)) => Some(Arc::clone(&view.checked)),
            _ => {
                let known = self.blocking(move |loader| loader.checked(round)).await;
                // Without its beacon, the round counts as not revealed.
                let unrevealed = CheckedRound {
                    round: Round { seed: None, ..round },
                    draw: None,
                };
                Some(Arc::new(known.unwrap_or(unrevealed)))
            }
        }
    }

    /// Loads a round's view; `None` if the round is not revealed, but its lists are read anyway.
    async fn load(&self, round: Round) -> Result<Option<Arc<RevealedRound>>, RoundError> {
        let view = self.blocking(move |loader| {
            let known = Arc::new(loader.checked(round)?);
            loader.revealed(&known)
        });
        Ok(view.await?.map(Arc::new))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Loader) -> Result<T, RoundError> + Send + 'static,
    ) -> Result<T, RoundError> {
        let loader = Arc::clone(&self.loader);
        spawn_blocking(move || run(&loader))
            .await
            .map_err(|_| RoundError::Ending)?
    }

    /// A round, without its lists.
    pub(crate) async fn known(&self, number: RoundNumber) -> Result<Arc<CheckedRound>, RoundError> {
        let open = self.open();
        if !open.looked && number.0 > 0 {
            return Err(RoundError::NotLooked);
        }
        let latest = open.latest.as_ref().map(|latest| latest.round.number);
        if number.0 == 0 || Some(number) > latest {
            return Err(RoundError::NoSuchRound {
                round: number,
                latest,
            });
        }
        if let Some(latest) = open
            .latest
            .as_ref()
            .filter(|latest| latest.round.number == number)
        {
            return Ok(Arc::clone(latest));
        }
        // Read again periodically, unlike those in the cache.
        let in_window = open.rounds.iter().find(|open| open.round.number == number);
        if let Some(view) = in_window.and_then(|open| open.view.as_ref()) {
            return Ok(Arc::clone(&view.checked));
        }
        let of_number = |known: &&Arc<CheckedRound>| known.round.number == number;
        if let Some(known) = self.kept().rounds.iter().find(of_number) {
            return Ok(Arc::clone(known));
        }
        let _permit = self.asked.acquire().await.map_err(|_| RoundError::Ending)?;
        let round = self.chain.round(number).await?;
        let known = Arc::new(self.blocking(move |loader| loader.checked(round)).await?);
        if known.draw.is_some() {
            keep(&mut self.kept().rounds, Arc::clone(&known), KEPT_ROUNDS);
        }
        Ok(known)
    }

    /// A revealed round, with its lists.
    pub(crate) async fn view(&self, number: RoundNumber) -> Result<Arc<RevealedRound>, RoundError> {
        if let Some(view) = self.view_at_hand(number) {
            return Ok(view);
        }
        let known = self.known(number).await?;
        if known.draw.is_none() {
            return Err(RoundError::NotRevealed { round: number });
        }
        let _one_at_a_time = self.making.lock().await;
        if let Some(view) = self.view_at_hand(number) {
            return Ok(view);
        }
        let view = self.load(known.round).await?;
        let view = view.ok_or(RoundError::NotRevealed { round: number })?;
        keep(&mut self.kept().views, Arc::clone(&view), KEPT_VIEWS);
        Ok(view)
    }

    fn view_at_hand(&self, number: RoundNumber) -> Option<Arc<RevealedRound>> {
        let kept = self.kept();
        let open = kept.open.rounds.iter().find(|open| open.round.number == number);
        let of_number = |view: &&Arc<RevealedRound>| view.checked.round.number == number;
        let view = open
            .and_then(|open| open.view.as_ref())
            .or_else(|| kept.views.iter().find(of_number));
        view.map(Arc::clone)
    }

    /// A station's document of a round, revealed or not; `None` if it is not in the roster.
    pub(crate) async fn station(
        &self,
        number: RoundNumber,
        station: Address,
    ) -> Result<Option<StationDocument>, RoundError> {
        match self.view(number).await {
            Ok(view) => Ok(view.station(station)),
            Err(RoundError::NotRevealed { .. }) => {
                let round = self.known(number).await?.round;
                self.blocking(move |loader| {
                    let roster = loader.roster(&round)?;
                    Ok(view::undrawn(&round, &roster, station))
                })
                .await
            }
            Err(error) => Err(error),
        }
    }

    /// Counts of the latest task list; `None` before the first round.
    pub(crate) async fn eligible(&self) -> Result<Option<Arc<Eligible>>, RoundError> {
        let open = self.open();
        let Some(latest) = open.latest.clone() else {
            return match open.looked {
                true => Ok(None),
                false => Err(RoundError::NotLooked),
            };
        };
        let round = latest.round;
        let of_newest = |kept: &Kept| {
            let (_, eligible) = kept
                .eligible
                .as_ref()
                .filter(|(cid, _)| *cid == round.tasks.cid)?;
            Some(Arc::clone(eligible))
        };
        if let Some(eligible) = of_newest(&self.kept()) {
            return Ok(Some(eligible));
        }
        let _one_at_a_time = self.making.lock().await;
        if let Some(eligible) = of_newest(&self.kept()) {
            return Ok(Some(eligible));
        }
        let eligible = self
            .blocking(move |loader| Ok(Arc::new(Eligible::new(&loader.tasks(&round)?.list))))
            .await?;
        self.kept().eligible = Some((round.tasks.cid, Arc::clone(&eligible)));
        Ok(Some(eligible))
    }
}

impl fmt::Debug for RoundCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoundCache").finish_non_exhaustive()
    }
}

/// Appends an entry and drops the oldest ones beyond `most`.
fn keep<T>(kept: &mut VecDeque<T>, new: T, max: usize) {
    kept.push_back(new);
    if kept.len() > max {
        kept.pop_front();
    }
}
