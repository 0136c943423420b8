//! Metrics for Prometheus.

use assize_outbox::{QueueState, queue_metrics};
use assize_service::metrics::MetricSet;

use super::{GuardianAlert, Pass};

/// Metrics of a guardian.
pub type Metrics = MetricSet<Seen>;

/// What a pass found.
#[derive(Debug)]
pub struct Seen {
    /// The pass.
    pub pass: Pass,
    /// The transaction queue, if this guardian sends.
    pub queue: Option<QueueState>,
    /// The active alerts.
    pub alerts: Vec<GuardianAlert>,
}

/// All metrics, at zero.
#[must_use]
pub fn metrics() -> Metrics {
    let mut metrics: Metrics = MetricSet::new("assize_guardian");
    queue_metrics(&mut metrics, |seen| seen.queue.as_ref());
    metrics.alerts("alert", &GuardianAlert::KINDS, |seen| &seen.alerts);
    metrics.gauge(
        "pending_settlements",
        "Settlements that are not active yet",
        |seen| seen.pass.pending as f64,
    );
    metrics.gauge(
        "verified_settlement",
        "Newest pending or active settlement that was recomputed and is right; 0 if none was",
        |seen| seen.pass.verified.map_or(0, |id| id.0) as f64,
    );
    metrics.sum("vetoes", "Vetoes enqueued since the process started", |seen| {
        seen.pass.vetoed
    });
    metrics.sum(
        "kept_files",
        "Files enqueued to be kept since the process started",
        |seen| seen.pass.kept,
    );
    metrics.sum(
        "answers",
        "Demands of the Court answered since the process started",
        |seen| seen.pass.answered,
    );
    metrics
}
