//! The publisher as a daemon.

use std::time::{Duration, Instant};

use assize_outbox::{QueueAlert, QueueState, parked};
use assize_service::{Clock, Daemon, Stop};
use assize_store::Store;

use crate::metrics::Snapshot;
use crate::{Metrics, PublishError, PublishReport, Publisher, PublisherAlert};

/// How long an idle publisher does not read the chain.
const IDLE: Duration = Duration::from_secs(300);
/// How long a loss is reported, unless a batch is committed before.
const LOSS_SHOWN: Duration = Duration::from_secs(3_600);

/// A publisher, its store, and how long published measurements are kept.
pub struct PublisherDaemon {
    publisher: Publisher,
    store: Box<dyn Store>,
    keep: u64,
    /// When the chain was read last.
    looked: Option<Instant>,
    /// What was wrong with the node then.
    node: Option<QueueAlert>,
    losses: Losses,
}

/// Measurements that were not committed in time, for as long as they are reported.
#[derive(Debug, Default)]
struct Losses {
    /// The number of all late measurements in the table, as last seen.
    late: Option<u64>,
    /// Those lost since the last committed batch, and when the last of them were.
    lost: Option<(u64, Instant)>,
}

impl Losses {
    /// Notes what a pass left: the number of all late measurements, and whether it has seen a batch committed.
    fn note(&mut self, late: u64, committed: bool) {
        if committed {
            self.lost = None;
        }
        let new = late.saturating_sub(self.late.unwrap_or(late));
        self.late = Some(late);
        if new > 0 {
            self.lost = Some((self.recent() + new, Instant::now()));
        }
    }

    fn alert(&self) -> Option<PublisherAlert> {
        let measurements = self.recent();
        (measurements > 0).then_some(PublisherAlert::Lost { measurements })
    }

    fn recent(&self) -> u64 {
        match self.lost {
            Some((lost, at)) if at.elapsed() < LOSS_SHOWN => lost,
            _ => 0,
        }
    }
}

impl PublisherDaemon {
    /// Keeps the measurements of final batches in the ingest table for `keep` seconds.
    #[must_use]
    pub fn new(publisher: Publisher, store: Box<dyn Store>, keep: u64) -> Self {
        Self {
            publisher,
            store,
            keep,
            looked: None,
            node: None,
            losses: Losses::default(),
        }
    }
}

impl Daemon for PublisherDaemon {
    type Metrics = Metrics;
    type Alert = PublisherAlert;
    type Error = PublishError;

    async fn pass(&mut self, metrics: &Metrics, stop: &Stop) -> Result<Vec<PublisherAlert>, PublishError> {
        let Self {
            publisher,
            store,
            keep,
            looked,
            node,
            losses,
        } = self;
        // Without anything to publish, the node is asked for its newest block and the balance alone, and seldom. What was
        // wrong holds until then.
        if looked.is_some_and(|at| at.elapsed() < IDLE) && publisher.is_idle()? {
            let node = node.map(PublisherAlert::Queue);
            return Ok(losses.alert().into_iter().chain(node).collect());
        }
        if losses.late.is_none() {
            losses.late = Some(publisher.ingest().totals()?.late_measurements);
        }
        *looked = Some(Instant::now());
        let report = publisher.pass(&**store, &|| stop.is_set()).await?;
        let now = Clock::system().now();
        publisher.ingest().prune(now.saturating_sub(*keep))?;
        let queue = publisher.outbox().state(parked(&report.alerts)).await?;
        losses.note(report.late, !report.committed.is_empty());
        *node = QueueAlert::of_node(queue.standing_for);
        let alerts: Vec<_> = losses
            .alert()
            .into_iter()
            .chain(alerts(&report, &queue))
            .collect();
        metrics.set(&Snapshot {
            totals: publisher.ingest().totals()?,
            queue,
            report,
            now,
            alerts: alerts.clone(),
        });
        Ok(alerts)
    }
}

/// What holds after a pass.
fn alerts(report: &PublishReport, queue: &QueueState) -> Vec<PublisherAlert> {
    let at_risk = report.at_risk.iter();
    let uncommitted = at_risk.map(|&(round, left)| PublisherAlert::Uncommitted { round, left });
    let queue = QueueAlert::of(queue).map(PublisherAlert::Queue);
    uncommitted.chain(queue).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(losses: &Losses) -> Option<u64> {
        losses.alert().map(|alert| match alert {
            PublisherAlert::Lost { measurements } => measurements,
            other => panic!("{other}"),
        })
    }

    #[test]
    fn a_loss_is_reported_until_a_batch_is_committed_or_an_hour_has_passed() {
        let mut losses = Losses::default();
        // What an earlier run lost is not reported again.
        losses.note(7, false);
        assert_eq!(lost(&losses), None);
        losses.note(10, false);
        losses.note(10, false);
        losses.note(12, false);
        assert_eq!(lost(&losses), Some(5));
        losses.note(12, true);
        assert_eq!(lost(&losses), None);
        losses.note(13, true);
        assert_eq!(lost(&losses), Some(1));
        let long_ago = Instant::now().checked_sub(LOSS_SHOWN).unwrap();
        losses.lost = Some((1, long_ago));
        assert_eq!(lost(&losses), None);
        losses.note(15, false);
        assert_eq!(lost(&losses), Some(2));
    }
}
