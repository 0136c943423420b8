//! The guardian as a daemon.

use std::time::Duration;

use assize_outbox::{QueueAlert, parked};
use assize_service::{Daemon, Stop, idle_pause};

use super::metrics::Seen;
use super::{Guardian, GuardianAlert, GuardianError, Metrics, Webhook};

/// A guardian, and whom it tells.
pub struct GuardianDaemon {
    guardian: Guardian,
    webhook: Option<Webhook>,
    /// After a pass that found nothing to do: the seconds until there is, if known.
    idle: Option<Option<u64>>,
}

impl GuardianDaemon {
    /// Creates a daemon.
    #[must_use]
    pub fn new(guardian: Guardian, webhook: Option<Webhook>) -> Self {
        Self {
            guardian,
            webhook,
            idle: None,
        }
    }
}

impl Daemon for GuardianDaemon {
    type Metrics = Metrics;
    type Alert = GuardianAlert;
    type Error = GuardianError;

    async fn pass(&mut self, metrics: &Metrics, _: &Stop) -> Result<Vec<GuardianAlert>, GuardianError> {
        let pass = self.guardian.pass().await?;
        let queue = match self.guardian.outbox() {
            Some(outbox) => Some(outbox.state(parked(&pass.queue)).await?),
            None => None,
        };
        let trouble = match &queue {
            Some(queue) => QueueAlert::of(queue),
            None => QueueAlert::of_node(self.guardian.standing_for().await?),
        };
        let mut alerts = pass.alerts.clone();
        alerts.extend(trouble.map(GuardianAlert::Queue));
        if let Some(webhook) = &mut self.webhook {
            tokio::task::block_in_place(|| webhook.tell(&alerts));
        }
        let is_idle = alerts.is_empty() && self.guardian.is_idle()?;
        self.idle = is_idle.then_some(pass.due_in);
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
