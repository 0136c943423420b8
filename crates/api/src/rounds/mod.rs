//! What the api knows of rounds: all of it from chain, store and verified beacons, read once and kept for the last few.

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

/// Rounds that take measurements at once; older ones are over whatever their parameters say.
const MOST_OPEN: usize = 6;
/// Views of older rounds that are kept because somebody asked.
const KEPT_VIEWS: usize = 4;
/// Rounds without their lists that are kept: some kilobytes each.
const KEPT_ROUNDS: usize = 256;
/// Rounds that are read from the chain at once because somebody asked.
const ASKED: usize = 4;
/// How often a revealed round is looked at again: a reorganisation may have changed it.
const RECHECK: Duration = Duration::from_secs(60);

/// The rounds that take measurements, and the newest.
#[derive(Debug, Default)]
pub(crate) struct Open {
    /// Whether the chain was looked at.
    pub(crate) looked: bool,
    pub(crate) latest: Option<Arc<CheckedRound>>,
    /// Newest first.
    pub(crate) rounds: Vec<OpenRound>,
}

/// A round that may take measurements.
#[derive(Debug)]
pub(crate) struct OpenRound {
    pub(crate) round: Round,
    /// `None` until it is revealed, or if it cannot be had: then `trouble` says why.
    pub(crate) view: Option<Arc<RevealedRound>>,
    pub(crate) trouble: Option<RoundError>,
    checked: Instant,
}

/// The rounds, as far as they are known.
pub(crate) struct RoundCache {
    chain: assize_chain::Rounds,
    loader: Arc<Loader>,
    kept: Mutex<Kept>,
    asked: Semaphore,
    /// One at a time is made because somebody asked.
    making: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Kept {
    open: Arc<Open>,
    /// Revealed, last asked last.
    rounds: VecDeque<Arc<CheckedRound>>,
    /// The same.
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

    /// The rounds that take measurements, as of the last look at the chain.
    pub(crate) fn open(&self) -> Arc<Open> {
        Arc::clone(&self.kept().open)
    }

    /// Looks at the chain: the newest round, and those whose commit windows are not over at `now` (Unix seconds).
    ///
    /// # Errors
    /// The chain's. What is wrong with one round does not keep others from being known.
    pub(crate) async fn refresh(&self, now: u64) -> Result<(), RoundError> {
        let before = self.open();
        let latest = self.chain.latest_round().await?;
        let mut open = Open {
            looked: true,
            ..Open::default()
        };
        let mut number = latest.unwrap_or_default();
        while number.0 > 0 && open.rounds.len() < MOST_OPEN {
            let known_before = before.rounds.iter().find(|open| open.round.number == number);
            let settled = known_before.filter(|open| {
                Some(number) != latest && open.view.is_some() && open.checked.elapsed() < RECHECK
            });
            let (round, checked) = match settled {
                Some(open) => (open.round, open.checked),
                None => (self.chain.round(number).await?, Instant::now()),
            };
            if Some(number) != latest && round.is_over(now) {
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
                    tracing::error!(round = number.0, %error, "a round cannot take measurements");
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
        self.kept().open = Arc::new(open);
        Ok(())
    }

    /// The newest round is known even if its lists are not.
    async fn latest_of(
        &self,
        round: Round,
        view: &Result<Option<Arc<RevealedRound>>, RoundError>,
    ) -> Option<Arc<CheckedRound>> {
        match view {
            Ok(Some(view)) => Some(Arc::clone(&view.checked)),
            _ => {
                let known = self.blocking(move |loader| loader.checked(round)).await;
                // Without its beacon, it is as if it was not revealed.
                let unrevealed = CheckedRound {
                    round: Round { seed: None, ..round },
                    draw: None,
                };
                Some(Arc::new(known.unwrap_or(unrevealed)))
            }
        }
    }

    /// Makes a round's view; `None` if the round is not revealed, but its lists are read.
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
        // Looked at again and again, unlike those that are kept.
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

    /// Counts of the newest task list; `None` before the first round.
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

/// Keeps the last ones.
fn keep<T>(kept: &mut VecDeque<T>, new: T, most: usize) {
    kept.push_back(new);
    if kept.len() > most {
        kept.pop_front();
    }
}
