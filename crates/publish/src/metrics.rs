//! Metrics for Prometheus.

use assize_ingest::Totals;
use assize_outbox::{QueueState, queue_metrics};
use assize_service::metrics::{MetricSet, Unit};

use crate::{PublishReport, PublisherAlert};

/// Metrics of a publisher. Counters are stored in its databases, so they survive restarts.
pub type Metrics = MetricSet<Snapshot>;

/// The state after a pass.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The result of the pass.
    pub report: PublishReport,
    /// Totals of the ingest table.
    pub totals: Totals,
    /// The transaction queue.
    pub queue: QueueState,
    /// Current time, Unix seconds.
    pub now: u64,
    /// The active alerts.
    pub alerts: Vec<PublisherAlert>,
}

/// All metrics, at zero.
#[must_use]
pub fn metrics() -> Metrics {
    let mut metrics: Metrics = MetricSet::new("assize_publisher");
    queue_metrics(&mut metrics, |left| Some(&left.queue));
    metrics.alerts("alert", &PublisherAlert::KINDS, |left| &left.alerts);
    metrics.gauge_in(
        Unit::Seconds,
        "oldest_unpublished",
        "Age of the oldest uncommitted measurement",
        |left| {
            let age = |oldest| left.now.saturating_sub(oldest);
            left.report.oldest.map_or(0, age) as f64
        },
    );
    metrics.gauge("waiting_measurements", "Measurements in no batch", |left| {
        left.report.waiting as f64
    });
    metrics.total(
        "late_measurements",
        "Measurements not committed before their round's time for batches ended",
        |left| left.report.late as f64,
    );
    metrics.gauge("open_batches", "Batches that are not committed", |left| {
        left.report.open as f64
    });
    metrics.total("batches", "Batches committed", |left| {
        left.totals.committed_batches as f64
    });
    metrics.total("measurements", "Measurements committed", |left| {
        left.totals.committed_measurements as f64
    });
    metrics.total_in(Unit::Bytes, "batches", "Size of the batches committed", |left| {
        left.totals.committed_bytes as f64
    });
    metrics.gauge_in(
        Unit::Seconds,
        "last_pass_timestamp",
        "Unix time of the last successful pass",
        |left| left.now as f64,
    );
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_show_what_a_pass_left() {
        let metrics = metrics();
        metrics.set(&Snapshot {
            report: PublishReport {
                oldest: Some(1_000_000 - 90),
                waiting: 5,
                ..PublishReport::default()
            },
            totals: Totals {
                committed_batches: 12,
                committed_bytes: 34,
                ..Totals::default()
            },
            queue: QueueState {
                parked: 1,
                ..QueueState::default()
            },
            now: 1_000_000,
            alerts: Vec::new(),
        });
        let text = metrics.encode();
        for line in [
            "assize_publisher_oldest_unpublished_seconds 90.0",
            "assize_publisher_waiting_measurements 5.0",
            "assize_publisher_batches_total 12.0",
            "assize_publisher_batches_bytes_total 34.0",
            "assize_publisher_transactions_parked 1.0",
        ] {
            assert!(text.lines().any(|there| there == line), "no `{line}` in\n{text}");
        }
    }
}
