//! Metrics for Prometheus.

use assize_ingest::Totals;
use assize_outbox::{QueueMetrics, QueueState};
use assize_service::metrics::{Gauge, MetricsBuilder, Total};
use prometheus_client::registry::{Registry, Unit};

use crate::PublishReport;

/// Metrics of a publisher. Counters are kept in its databases, so that they go on after a restart.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    queue: QueueMetrics,
    oldest: Gauge,
    waiting: Gauge,
    late: Total,
    open: Gauge,
    batches: Total,
    measurements: Total,
    bytes: Total,
    last_pass: Gauge,
}

/// What a pass leaves.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The result of the pass.
    pub report: PublishReport,
    /// The ingest table failed.
    pub totals: Totals,
    /// The transaction queue.
    pub queue: QueueState,
    /// Current time, Unix seconds.
    pub now: u64,
}

impl Metrics {
    /// All metrics, at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = MetricsBuilder::new("assize_publisher");
        Self {
            queue: QueueMetrics::register(&mut metrics),
            oldest: metrics.gauge_in(
                Unit::Seconds,
                "oldest_unpublished",
                "Age of the oldest uncommitted measurement",
            ),
            waiting: metrics.gauge("waiting_measurements", "Measurements in no batch"),
            late: metrics.total(
                "late_measurements",
                "Measurements that arrived too late for their round",
            ),
            open: metrics.gauge("open_batches", "Batches that are not committed"),
            batches: metrics.total("batches", "Batches committed"),
            measurements: metrics.total("measurements", "Measurements committed"),
            bytes: metrics.total_in(Unit::Bytes, "batches", "Size of the batches committed"),
            last_pass: metrics.gauge_in(
                Unit::Seconds,
                "last_pass_timestamp",
                "Unix time of the last successful pass",
            ),
            registry: metrics.build(),
        }
    }

    /// Shows what a pass left.
    pub fn set(&self, snapshot: &Snapshot) {
        let Snapshot {
            report,
            totals,
            queue,
            now,
        } = snapshot;
        let age = report.oldest.map_or(0, |oldest| now.saturating_sub(oldest));
        self.queue.set(queue);
        self.oldest.set(age as f64);
        self.waiting.set(report.waiting as f64);
        self.late.set(report.late as f64);
        self.open.set(report.open as f64);
        self.batches.set(totals.committed_batches as f64);
        self.measurements.set(totals.committed_measurements as f64);
        self.bytes.set(totals.committed_bytes as f64);
        self.last_pass.set(*now as f64);
    }
}

impl assize_service::Metrics for Metrics {
    fn registry(&self) -> &Registry {
        &self.registry
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use assize_service::metrics::{encode, naming_faults};

    use super::*;

    #[test]
    fn metrics_show_what_a_pass_left() {
        let metrics = Metrics::new();
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
        });
        let text = encode(&metrics.registry);
        for line in [
            "assize_publisher_oldest_unpublished_seconds 90.0",
            "assize_publisher_waiting_measurements 5.0",
            "assize_publisher_batches_total 12.0",
            "assize_publisher_batches_bytes_total 34.0",
            "assize_publisher_transactions_parked 1.0",
        ] {
            assert!(text.lines().any(|there| there == line), "no `{line}` in\n{text}");
        }
        assert_eq!(naming_faults(&text), <[String; 0]>::default());
    }
}
