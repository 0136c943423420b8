//! The evaluator as a daemon.

use assize_outbox::parked;
use assize_service::{Daemon, Stop};

use crate::metrics::Seen;
use crate::{Evaluator, EvaluatorAlert, EvaluatorError, Metrics, Pass, Plan};

/// An evaluator, and a watcher that receives the result of each pass.
pub struct EvaluatorDaemon<W> {
    evaluator: Evaluator,
    watcher: W,
}

impl<W: FnMut(&Pass)> EvaluatorDaemon<W> {
    /// Calls `watcher` after each pass that succeeded.
    #[must_use]
    pub fn new(evaluator: Evaluator, watcher: W) -> Self {
        Self { evaluator, watcher }
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
        let alerts = alerts(&pass, self.evaluator.plan());
        metrics.set(&Seen { pass, queue });
        Ok(alerts)
    }
}

/// What holds after a pass.
fn alerts(pass: &Pass, ours: Plan) -> Vec<EvaluatorAlert> {
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
    let parked = match parked(&pass.alerts) {
        0 => None,
        transactions => Some(EvaluatorAlert::Parked { transactions }),
    };
    disagreements.chain(plans).chain(waiting).chain(parked).collect()
}
