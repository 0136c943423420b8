//! The evaluator as a daemon.

use std::time::Duration;

use alloy_primitives::Address;
use assize_outbox::{QueueAlert, parked};
use assize_service::{Daemon, Stop, idle_pause};

use crate::metrics::Seen;
use crate::{Evaluator, EvaluatorAlert, EvaluatorError, Metrics, Pass, Plan};

/// An evaluator, and a watcher that receives the result of each pass.
pub struct EvaluatorDaemon<W> {
    evaluator: Evaluator,
    watcher: W,
    /// After a pass that found nothing to do: the seconds until there is, if known.
    idle: Option<Option<u64>>,
}

impl<W: FnMut(&Pass)> EvaluatorDaemon<W> {
    /// Calls `watcher` after each pass that succeeded.
    #[must_use]
    pub fn new(evaluator: Evaluator, watcher: W) -> Self {
        Self {
            evaluator,
            watcher,
            idle: None,
        }
    }
}

impl<W: FnMut(&Pass)> Daemon for EvaluatorDaemon<W> {
    type Metrics = Metrics;
    type Alert = EvaluatorAlert;
    type Error = EvaluatorError;

    async fn pass(&mut self, metrics: &Metrics, _: &Stop) -> Result<Vec<EvaluatorAlert>, EvaluatorError> {
        let pass = self.evaluator.pass().await?;
        (self.watcher)(&pass);
        let queue = match self.evaluator.outbox() {
            Some(outbox) => Some(outbox.state(parked(&pass.alerts)).await?),
            None => None,
        };
        let mut alerts = alerts(&pass, self.evaluator.plan(), self.evaluator.address());
        let trouble = match &queue {
            Some(queue) => QueueAlert::of(queue),
            None => QueueAlert::of_node(self.evaluator.standing_for().await?),
        };
        alerts.extend(trouble.map(EvaluatorAlert::Queue));
        let is_idle = alerts.is_empty() && pass.evaluated.is_none() && self.evaluator.is_idle()?;
        self.idle = is_idle.then_some(
            [pass.due_in, pass.copy_in, pass.stands_in_in]
                .into_iter()
                .flatten()
                .min(),
        );
        metrics.set(&Seen {
            pass,
            queue,
            alerts: alerts.clone(),
        });
        Ok(alerts)
    }

    fn pause(&self, usual: Duration) -> Duration {
        self.idle.map_or(usual, |seconds| idle_pause(usual, seconds))
    }
}

/// What holds after a pass.
fn alerts(pass: &Pass, ours: Plan, address: Address) -> Vec<EvaluatorAlert> {
    let disagreements = pass
        .disagreeing
        .iter()
        .map(|&(evaluator, digest)| EvaluatorAlert::Disagreement { evaluator, digest });
    let plans = pass
        .other_plans
        .iter()
        .map(|(peer, theirs)| EvaluatorAlert::OtherPlan {
            peer: peer.clone(),
            theirs: *theirs,
            ours,
        });
    let waiting = pass.waiting.and_then(|rounds| {
        EvaluatorAlert::of_waiting(rounds, (pass.signatures, pass.threshold), pass.waiting_for)
    });
    let missing = pass.missing.iter().cloned().map(EvaluatorAlert::Unreadable);
    let silent = pass
        .not_objected
        .iter()
        .map(|&file| EvaluatorAlert::CannotObject { file, address });
    disagreements
        .chain(plans)
        .chain(waiting)
        .chain(missing)
        .chain(silent)
        .collect()
}
