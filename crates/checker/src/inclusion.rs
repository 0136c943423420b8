//! Looks after rounds once publishers are done with them: a station that was left out commits its own report (docs/protocol.md §9.6).
//!
//! ```text
//! publishUntil ──▶ look: is each measurement in a committed batch? ──all──▶ released
//!                     │ again, until half of the time is over
//!                     ▼ some are not
//!                  decided: what goes into the own report ──▶ outbox ──mined──▶ released
//! commitsUntil ──▶ released, whatever became of it
//! ```
//!
//! The coordinator is not trusted: its proofs must hold against roots on the chain. What is decided is in the spool before anything
//! is sent, and the transaction in the outbox, so a process that was killed goes on with the same report.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use assize_chain::ChainError;
use assize_outbox::{Alert, Ended, Kind, NewIntent, Outbox, OutboxError, Park};
use assize_protocol::RoundNumber;
use assize_service::{Clock, Daemon, NoMetrics, PassError, Status, Stop, run};

pub use self::look::Cause;
use self::look::{Look, Verdict};
pub(crate) use self::place::Place;
use self::report::{Report, fitting};
use crate::Event;
use crate::checker::{CheckerError, Shared};
use crate::event::Remedy;
use crate::heartbeat::{RETRY, jittered};
use crate::spool::{Kept, SpoolError};

mod look;
mod place;
mod report;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

/// Label of failures.
const LOOKING_AFTER: &str = "looking after rounds";
/// Pauses between two looks at a round, and at a transaction.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Looks after rounds until shutdown.
pub(crate) async fn keep(shared: Arc<Shared>, outbox: Option<Outbox>, stop: Stop) {
    let mut keeper = Keeper {
        shared,
        outbox,
        rounds: BTreeMap::new(),
        parked: None,
        is_funded: None,
        pause: SHORTEST_PAUSE,
    };
    // Heartbeats alone tell whether the checker is healthy.
    let status = Status::new(NoMetrics::default(), 0);
    if let Err(error) = run(&mut keeper, RETRY, &status, &stop).await {
        keeper.shared.trouble(LOOKING_AFTER, &error);
    }
}

/// Why a pass failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InclusionError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error(transparent)]
    Own(#[from] CheckerError),
}

impl From<SpoolError> for InclusionError {
    fn from(error: SpoolError) -> Self {
        Self::Own(error.into())
    }
}

impl PassError for InclusionError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Chain(error) => error.is_transient(),
            Self::Outbox(error) => error.is_transient(),
            Self::Own(_) => false,
        }
    }

    fn is_fatal(&self) -> bool {
        matches!(self, Self::Outbox(error) if error.is_fatal())
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Chain(error) => error.retry_after(),
            Self::Outbox(error) => error.retry_after(),
            Self::Own(_) => None,
        }
    }
}

/// The loop that looks after rounds.
struct Keeper {
    shared: Arc<Shared>,
    /// Sends own reports; without it, they are not committed.
    outbox: Option<Outbox>,
    rounds: BTreeMap<RoundNumber, Progress>,
    /// Why a transaction waits, as far as it was reported.
    parked: Option<Park>,
    /// Whether its key has money; `None` until it was looked at.
    is_funded: Option<bool>,
    pause: Duration,
}

/// What is known of a round, besides what is in the spool.
struct Progress {
    /// When it is looked at first, Unix seconds: not by all stations at once.
    begins_at: u64,
    look: Look,
    /// Why its own report is not committed yet.
    trouble: Option<String>,
}

/// The own report of a round: what the outbox knows it by.
fn key_of(round: RoundNumber) -> String {
    format!("own/{round}")
}

impl Daemon for Keeper {
    type Metrics = NoMetrics;
    type Alert = Infallible;
    type Error = InclusionError;

    async fn pass(&mut self, _: &NoMetrics, stop: &Stop) -> Result<Vec<Infallible>, InclusionError> {
        let shared = Arc::clone(&self.shared);
        let drawn = shared.drawn.notified();
        self.expect_funds().await?;
        let kept = shared.spool.kept()?;
        self.rounds
            .retain(|round, _| kept.iter().any(|kept| kept.place.round == *round));
        let mut pause = LONGEST_PAUSE;
        let mut failed = Ok(());
        for kept in &kept {
            if stop.is_set() {
                return Ok(Vec::new());
            }
            // One round must not keep another from being looked after.
            match self.attend(kept).await {
                Ok(due) => pause = pause.min(due),
                Err(error) => failed = Err(error),
            }
        }
        self.pause = pause.min(self.send(stop).await?);
        failed?;
        let is_idle = match &self.outbox {
            Some(outbox) => outbox.is_idle()?,
            None => true,
        };
        if kept.is_empty() && is_idle {
            tokio::select! {
                () = drawn => {}
                () = stop.asked() => {}
            }
        }
        Ok(Vec::new())
    }

    fn pause(&self, _: Duration) -> Duration {
        jittered(self.pause)
    }

    fn failed(&mut self, error: &InclusionError, is_news: bool) {
        if is_news {
            self.shared.trouble(LOOKING_AFTER, error);
        }
    }
}

impl Keeper {
    /// Warns once of a key that cannot pay.
    async fn expect_funds(&mut self) -> Result<(), InclusionError> {
        let (Some(outbox), None) = (&mut self.outbox, self.is_funded) else {
            return Ok(());
        };
        let balance = outbox.client().balance(outbox.signer().address()).await?;
        self.is_funded = Some(!balance.is_zero());
        if balance.is_zero() {
            let signer = outbox.signer().address();
            let error = format!("the key {signer} of --inclusion-keystore has no FIL for gas: send it some");
            self.shared.trouble(LOOKING_AFTER, &error);
        }
        Ok(())
    }

    /// Does what is due for a round; returns when it is to be attended to again.
    async fn attend(&mut self, kept: &Kept) -> Result<Duration, InclusionError> {
        let Kept { place, report } = kept;
        let times = place.times;
        let progress = self.rounds.entry(place.round).or_insert_with(|| Progress {
            begins_at: times.publish_until + 1 + fastrand::u64(..=place.step()),
            look: Look::default(),
            trouble: None,
        });
        let now = Clock::system().now();
        if now < progress.begins_at {
            return Ok(Duration::from_secs(progress.begins_at - now));
        }
        let chain = self.shared.rounds.client().head().await?.timestamp;
        // A node without new blocks has had time enough to catch up after a step.
        if chain <= times.publish_until && now < times.publish_until + place.step() {
            return Ok(SHORTEST_PAUSE);
        }
        let is_over = !times.accepts_own_reports(chain) || now > times.dedupe_from;
        match report {
            None => self.look(place, now.max(chain), is_over).await,
            Some(_) if self.outbox.is_some() => self.commit(kept, is_over).await,
            Some(_) if is_over => self.release(place.round),
            // Perhaps the next run has a key.
            Some(_) => Ok(LONGEST_PAUSE),
        }
    }

    /// Looks whether the round's measurements are in batches, and decides what follows.
    async fn look(&mut self, place: &Place, now: u64, is_over: bool) -> Result<Duration, InclusionError> {
        let shared = Arc::clone(&self.shared);
        let Some(progress) = self.rounds.get_mut(&place.round) else {
            return Ok(LONGEST_PAUSE);
        };
        shared.drop_late()?;
        let lines = shared.spool.made(place.round)?;
        progress.look.update(&shared, place, &lines).await?;
        let look = &progress.look;
        let shown = look.shown.len() as u64;
        match look.verdict(place, now) {
            Verdict::Included => {
                if shown > 0 {
                    shared.tell(&Event::Included {
                        round: place.round,
                        measurements: shown,
                    });
                }
                self.release(place.round)
            }
            Verdict::Again => {
                let retry_after = look.retry_after.unwrap_or_default();
                let left = Duration::from_secs(place.decide_at().saturating_sub(now));
                let pause = Duration::from_secs(place.step()) / 2;
                Ok(pause.max(retry_after).min(left))
            }
            Verdict::LeftOut => {
                let (report, omitted) = fitting(place, &lines, |task| look.missing.contains_key(&task));
                let remedy = match (is_over, &self.outbox) {
                    (true, _) => Remedy::TooLate,
                    (_, Some(_)) => Remedy::OwnReport,
                    (_, None) => Remedy::NoKey,
                };
                match remedy {
                    Remedy::TooLate => shared.spool.release(place.round)?,
                    // Told once: not again after a restart.
                    Remedy::OwnReport | Remedy::NoKey => shared.spool.decide_report(place.round, &report)?,
                }
                shared.tell(&Event::LeftOut {
                    round: place.round,
                    measurements: look.missing.len() as u64,
                    included: shown,
                    causes: look.causes(),
                    omitted,
                    remedy,
                });
                Ok(Duration::ZERO)
            }
        }
    }

    /// Commits the own report that was decided, and sees that it is mined.
    async fn commit(&mut self, kept: &Kept, is_over: bool) -> Result<Duration, InclusionError> {
        let shared = Arc::clone(&self.shared);
        let Kept { place, report } = kept;
        let (Some(outbox), Some(progress)) = (&mut self.outbox, self.rounds.get_mut(&place.round)) else {
            return Ok(LONGEST_PAUSE);
        };
        let round = place.round;
        let lines = shared.spool.made(round)?;
        let report = Report::of(place, &lines, report.as_deref().unwrap_or_default());
        let (measurements, bytes) = (report.count().into(), report.bytes.len() as u64);
        let key = key_of(round);
        let ended = outbox.ended(&key)?;
        if let Some(Ended::Done(mined)) = &ended {
            shared.tell(&Event::OwnReport {
                round,
                measurements,
                bytes,
                transaction: Some(mined.hash),
                fee: Some(mined.fee),
            });
            return self.release(round);
        }
        let is_known = outbox.draft_of(&key)?.is_some();
        let waits = is_known && ended.is_none();
        if waits && !is_over {
            return Ok(SHORTEST_PAUSE);
        }
        let all = shared.rounds.own_reports(round).await?;
        let is_there = all.iter().any(|own| own.station == place.index);
        match (is_there, &ended) {
            // Its confirmations are to come.
            (true, None) if is_known => Ok(SHORTEST_PAUSE),
            (true, _) => {
                shared.tell(&Event::OwnReport {
                    round,
                    measurements,
                    bytes,
                    transaction: None,
                    fee: None,
                });
                self.release(round)
            }
            (false, Some(Ended::Reverted { reason, .. })) => {
                let error = format!("its transaction failed: {reason}");
                self.give_up(round, measurements, error)
            }
            (false, _) if is_over || report.bytes.is_empty() => {
                if waits {
                    outbox.cancel(&key)?;
                }
                let error = match (progress.trouble.take(), self.parked) {
                    (Some(trouble), _) => trouble,
                    (None, Some(park)) => words(park).to_owned(),
                    (None, None) => "it was not mined in time".to_owned(),
                };
                self.give_up(round, measurements, error)
            }
            (false, ended) => {
                if let Some(Ended::Refused { reason }) = ended
                    && progress.trouble.replace(reason.clone()).as_ref() != Some(reason)
                {
                    shared.trouble(
                        LOOKING_AFTER,
                        &format!("the own report of round {round}: {reason}"),
                    );
                }
                let seal = report.seal(place, &shared.key, &shared.domain);
                let draft = shared.rounds.commit_own(&seal, &report.bytes);
                outbox.enqueue(&NewIntent {
                    key: &key,
                    kind: Kind::Commit,
                    draft: &draft,
                })?;
                Ok(SHORTEST_PAUSE)
            }
        }
    }

    fn give_up(
        &self,
        round: RoundNumber,
        measurements: u64,
        error: String,
    ) -> Result<Duration, InclusionError> {
        self.shared.tell(&Event::OwnReportFailed {
            round,
            measurements,
            error,
        });
        self.release(round)
    }

    /// Ends looking after a round.
    fn release(&self, round: RoundNumber) -> Result<Duration, InclusionError> {
        self.shared.spool.release(round)?;
        Ok(LONGEST_PAUSE)
    }

    /// Lets the queue work, also on what is mined but not final; returns when it is to work again.
    async fn send(&mut self, stop: &Stop) -> Result<Duration, InclusionError> {
        let Some(outbox) = &mut self.outbox else {
            return Ok(LONGEST_PAUSE);
        };
        let mut open = 0;
        let mut parked = None;
        while !stop.is_set() {
            let tick = outbox.tick().await?;
            open = tick.open;
            parked = tick.alerts.iter().find_map(|alert| match alert {
                Alert::Parked { why, .. } => Some(*why),
                _ => None,
            });
            if tick.waiting {
                break;
            }
        }
        let poll = outbox.policy().poll;
        if let Some(why) = parked.filter(|_| parked != self.parked) {
            let error = format!("an own report waits: {}", words(why));
            self.shared.trouble(LOOKING_AFTER, &error);
        }
        self.parked = parked;
        Ok(match open {
            0 => LONGEST_PAUSE,
            _ => poll.max(SHORTEST_PAUSE),
        })
    }
}

/// Why a transaction waits, and what to do.
fn words(park: Park) -> &'static str {
    match park {
        Park::GasPrice => "the price of gas is too high",
        Park::IntentCap | Park::DailyCap => "its gas would cost more than --inclusion-max-fee",
        Park::Funds => "the key of --inclusion-keystore has too little FIL: send it some",
    }
}
