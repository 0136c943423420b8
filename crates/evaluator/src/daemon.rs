//! The evaluator as a daemon.

use std::convert::Infallible;

use assize_outbox::parked;
use assize_service::{Daemon, Stop};

use crate::metrics::Seen;
use crate::{Evaluator, EvaluatorError, Metrics, Pass};

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
    type Alert = Infallible;
    type Error = EvaluatorError;

    async fn pass(&mut self, metrics: &Metrics, _: &Stop) -> Result<Vec<Infallible>, EvaluatorError> {
        let pass = self.evaluator.pass().await?;
        (self.watcher)(&pass);
        let queue = match self.evaluator.outbox() {
            Some(outbox) => Some(outbox.state(parked(&pass.alerts)).await?),
            None => None,
        };
        metrics.set(&Seen { pass, queue });
        Ok(Vec::new())
    }
}
