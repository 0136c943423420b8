//! The guardian as a daemon.

use std::time::Duration;

use assize_outbox::{QueueAlert, QueueState, parked};
use assize_service::{Daemon, Stop, idle_pause};

use super::metrics::Seen;
use super::{Guardian, GuardianAlert, GuardianError, Metrics, Pass, Webhook};

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

    /// The queue, and what is wrong with it or with the node.
    async fn queue(&self, pass: &Pass) -> Result<(Option<QueueState>, Option<QueueAlert>), GuardianError> {
        Ok(match self.guardian.outbox() {
            Some(outbox) => {
                let queue = outbox.state(parked(&pass.queue)).await?;
                let trouble = QueueAlert::of(&queue);
                (Some(queue), trouble)
            }
            None => (None, QueueAlert::of_node(self.guardian.standing_for().await?)),
        })
    }
}

impl Daemon for GuardianDaemon {
    type Metrics = Metrics;
    type Alert = GuardianAlert;
    type Error = GuardianError;

    async fn pass(&mut self, metrics: &Metrics, _: &Stop) -> Result<Vec<GuardianAlert>, GuardianError> {
        let mut pass = self.guardian.pass().await;
        let mut alerts = pass.alerts.clone();
        let queue = match self.queue(&pass).await {
            Ok((queue, trouble)) => {
                alerts.extend(trouble.map(GuardianAlert::Queue));
                queue
            }
            Err(error) => {
                pass.failed.get_or_insert(error);
                None
            }
        };
        if let Some(webhook) = &mut self.webhook {
            tokio::task::block_in_place(|| webhook.tell(&alerts));
        }
        let failed = pass.failed.take();
        let is_idle = alerts.is_empty() && self.guardian.is_idle()?;
        self.idle = is_idle.then_some(pass.due_in);
        metrics.set(&Seen {
            pass,
            queue,
            alerts: alerts.clone(),
        });
        failed.map_or(Ok(alerts), Err)
    }

    fn pause(&self, usual: Duration) -> Duration {
        self.idle.map_or(usual, |seconds| idle_pause(usual, seconds))
    }
}
