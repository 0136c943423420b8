//! The coordinator as a daemon.

use assize_service::{Daemon, Stop};

use crate::{Coordinator, CoordinatorAlert, CoordinatorError, Metrics, Snapshot};

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
        let snapshot = Snapshot {
            queue: self.outbox().state(report.parked).await?,
            report,
        };
        metrics.set(&snapshot);
        Ok(snapshot.report.alerts)
    }
}
