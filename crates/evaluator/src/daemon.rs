//! The evaluator as a daemon.

use std::convert::Infallible;

use assize_outbox::parked;
use assize_service::{Daemon, PassError, Stop};

use crate::{Evaluator, EvaluatorError, Metrics, Pass};

/// An evaluator, and a watcher that sees what each pass found.
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
        metrics.set(&pass);
        if let Some(outbox) = self.evaluator.outbox() {
            metrics.set_queue(&outbox.state(parked(&pass.alerts)).await?);
        }
        Ok(Vec::new())
    }
}

impl PassError for EvaluatorError {
    fn is_transient(&self) -> bool {
        Self::is_transient(self)
    }

    fn is_fatal(&self) -> bool {
        matches!(self, Self::Outbox(error) if error.is_fatal())
    }
}
