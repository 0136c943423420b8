//! The coordinator as a daemon.

use std::time::Duration;

use assize_service::{Daemon, Stop, idle_pause};

use crate::{Coordinator, CoordinatorAlert, CoordinatorError, Metrics};

impl Daemon for Coordinator {
    type Metrics = Metrics;
    type Alert = CoordinatorAlert;
    type Error = CoordinatorError;

    async fn pass(
        &mut self,
        metrics: &Metrics,
        stop: &Stop,
    ) -> Result<Vec<CoordinatorAlert>, CoordinatorError> {
        let report = Self::pass(self, &|| stop.is_set()).await?;
        metrics.set(&report);
        Ok(report.alerts)
    }

    fn pause(&self, usual: Duration) -> Duration {
        match self.idle_for {
            Some(seconds) => idle_pause(usual, Some(seconds)),
            None => usual,
        }
    }
}
