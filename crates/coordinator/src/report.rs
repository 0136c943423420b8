//! The report of a pass.

use assize_facts::Round;
use assize_outbox::{Ended, QueueAlert, QueueState};
use assize_protocol::RoundNumber;

use crate::duty::Duty;
use crate::pass::Result;
use crate::view::{Office, Opening, View};
use crate::{Coordinator, CoordinatorAlert};

/// Seconds after a beacon's publication in which a rejected reveal raises no alert.
const REVEAL_PATIENCE: u64 = 60;

/// Why the next round is not opened now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waiting {
    /// The previous round has not closed.
    Until {
        /// When it closes, Unix seconds by the chain's clock.
        closes_at: u64,
    },
    /// Its opening is in progress.
    UnderWay,
    /// Too few stations are live, after applying the limit per subnet.
    TooFewStations {
        /// Number of live stations.
        live: u32,
        /// Number required.
        wanted: u32,
    },
    /// There is no valid task list.
    NoTasks,
    /// The key is not the coordinator's, so others open rounds.
    NotCoordinator,
    /// The contract rejected the opening; it is retried after a delay.
    Refused,
}

/// The state after a pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassReport {
    /// The newest round.
    pub latest: Option<RoundNumber>,
    /// Time of the newest block, Unix seconds.
    pub now: u64,
    /// Why the next round is not open.
    pub waiting: Option<Waiting>,
    /// Seconds since the next round could have been opened; 0 while it cannot.
    pub overdue: u64,
    /// Rounds that are not revealed and still can be, newest first.
    pub unrevealed: Vec<RoundNumber>,
    /// Seconds between the close of the previous round and the opening of the newest one.
    pub opening_lag: Option<u64>,
    /// Seconds between the publication of a beacon and the first poll that showed it revealed, for the newest round
    /// whose reveal this run observed.
    pub reveal_lag: Option<u64>,
    /// Number of entries in roster and task list of the newest round.
    pub lists: Option<(u32, u32)>,
    /// The transaction queue.
    pub queue: QueueState,
    /// Alerts.
    pub alerts: Vec<CoordinatorAlert>,
}

impl Coordinator {
    /// The state, from a poll of the chain after the work is done.
    pub(crate) fn report(
        &mut self,
        view: &View,
        waiting: Waiting,
        queue: QueueState,
        mut alerts: Vec<CoordinatorAlert>,
    ) -> Result<PassReport> {
        let mut report = PassReport {
            latest: view.latest,
            now: view.now,
            waiting: Some(waiting),
            opening_lag: view.opening_lag(),
            unrevealed: view.unrevealed().map(|round| round.number).collect(),
            lists: view
                .recent
                .first()
                .map(|newest| (newest.roster.count, newest.tasks.count)),
            ..PassReport::default()
        };
        match view.opening() {
            Opening::From(closes_at) => {
                report.waiting = Some(Waiting::Until { closes_at });
                self.refused = None;
            }
            Opening::Due {
                round,
                late,
                patience,
            } => {
                report.overdue = late;
                if view.office == Office::Held {
                    self.look_at_opening(round, (late, patience), &queue, &mut alerts)?;
                }
            }
        }
        if let Office::Lost { coordinator, next } = view.office {
            alerts.push(match coordinator {
                Some(coordinator) => CoordinatorAlert::Replaced { coordinator, next },
                None => CoordinatorAlert::Suspended { next },
            });
        }
        if let Waiting::TooFewStations { live, wanted } = waiting {
            alerts.push(CoordinatorAlert::TooFewStations { live, wanted });
        }
        if let Some(reason) = &self.tasks_fault {
            let reason = reason.clone();
            alerts.push(CoordinatorAlert::Tasks { reason });
        }
        for round in view.unrevealed() {
            self.look_at_reveal(view, round, &mut alerts)?;
        }
        self.note_revealed(view);
        report.reveal_lag = self.reveal_lag;
        alerts.extend(QueueAlert::of(&queue).map(CoordinatorAlert::Queue));
        report.queue = queue;
        report.alerts = alerts;
        Ok(report)
    }

    /// An opening that is due.
    fn look_at_opening(
        &self,
        round: RoundNumber,
        (late, patience): (u64, u64),
        queue: &QueueState,
        alerts: &mut Vec<CoordinatorAlert>,
    ) -> Result<()> {
        // One that was enqueued just now, and waits for no limit, only has to be mined.
        let is_new = queue.parked == 0 && self.is_cut_within(round, patience);
        if late >= patience && !is_new {
            alerts.push(CoordinatorAlert::OpeningLate { round, seconds: late });
        }
        let key = self.key(Duty::Open, round);
        match self.outbox.ended(&key)? {
            Some(Ended::Refused { reason } | Ended::Reverted { reason, .. }) => {
                alerts.push(CoordinatorAlert::Refused {
                    what: format!("the opening of round {round}"),
                    reason,
                });
            }
            Some(Ended::Done(_)) if self.outbox.is_final(&key)? => {
                alerts.push(CoordinatorAlert::Vanished { round });
            }
            _ => {}
        }
        Ok(())
    }

    fn look_at_reveal(&self, view: &View, round: &Round, alerts: &mut Vec<CoordinatorAlert>) -> Result<()> {
        let number = round.number;
        let seconds = view.now.saturating_sub(self.published_at(round.beacon_round));
        if seconds >= u64::from(round.parameters.round_duration) / 2 {
            alerts.push(CoordinatorAlert::RevealLate {
                round: number,
                seconds,
            });
        }
        // In Filecoin's first epoch after the beacon's, the contract may not know it yet.
        if seconds >= REVEAL_PATIENCE
            && let Some(Ended::Refused { reason } | Ended::Reverted { reason, .. }) =
                self.outbox.ended(&self.key(Duty::Reveal, number))?
        {
            alerts.push(CoordinatorAlert::Refused {
                what: format!("the reveal of round {number}"),
                reason,
            });
        }
        Ok(())
    }

    /// Measures how long observed reveals took.
    fn note_revealed(&mut self, view: &View) {
        for round in view.recent.iter().rev().filter(|round| round.seed.is_some()) {
            if let Some(published_at) = self.awaited.remove(&round.number) {
                self.reveal_lag = Some(view.now.saturating_sub(published_at));
                tracing::info!(round = round.number.0, "revealed a round");
            }
        }
        let lost = |number: &RoundNumber| {
            view.round(*number)
                .is_some_and(|round| !round.times.accepts_reveal(view.now))
        };
        for number in self.awaited.keys().filter(|number| lost(number)) {
            tracing::error!(
                round = number.0,
                "a round was not revealed in time: nobody could measure, and it pays nothing"
            );
        }
        self.awaited
            .retain(|number, _| view.round(*number).is_some() && !lost(number));
    }
}
