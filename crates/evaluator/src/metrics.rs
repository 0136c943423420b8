//! Metrics for Prometheus.

use assize_outbox::{QueueState, queue_metrics};
use assize_service::metrics::MetricSet;
use assize_verify::measurements;

use crate::{EvaluatorAlert, Pass};

/// Metrics of an evaluator.
pub type Metrics = MetricSet<Seen>;

/// What a pass found.
#[derive(Debug)]
pub struct Seen {
    /// The pass.
    pub pass: Pass,
    /// The transaction queue, if it has one.
    pub queue: Option<QueueState>,
    /// The active alerts.
    pub alerts: Vec<EvaluatorAlert>,
}

/// All metrics, at zero.
#[must_use]
pub fn metrics() -> Metrics {
    let mut metrics: Metrics = MetricSet::new("assize_evaluator");
    queue_metrics(&mut metrics, |seen| seen.queue.as_ref());
    metrics.alerts("alert", &EvaluatorAlert::KINDS, |seen| &seen.alerts);
    metrics.gauge("settlement", "Newest valid settlement", |seen| {
        seen.pass.head.map_or(0, |head| head.0) as f64
    });
    metrics.gauge("settled_round", "Last settled round", |seen| {
        seen.pass.settled.0 as f64
    });
    metrics.gauge(
        "signatures",
        "Signatures collected for the next settlement",
        |seen| seen.pass.signatures as f64,
    );
    metrics.gauge("threshold", "Signatures that a settlement needs", |seen| {
        seen.pass.threshold as f64
    });
    metrics.gauge(
        "waiting_round",
        "Last round of the settlement that waits for signatures; 0 if no settlement waits",
        |seen| seen.pass.waiting.map_or(0, |(_, last)| last.0) as f64,
    );
    metrics.gauge(
        "disagreeing_peers",
        "Peers that signed another settlement of the same rounds",
        |seen| seen.pass.disagreeing.len() as f64,
    );
    metrics.gauge(
        "peers_with_another_plan",
        "Peers that settle other ranges of rounds, or wait for another time",
        |seen| seen.pass.other_plans.len() as f64,
    );
    metrics.gauge("silent_peers", "Peers that did not answer", |seen| {
        seen.pass.silent as f64
    });
    metrics.gauge(
        "files_missing",
        "Files that unsettled rounds commit to and that are not in its store, but for dropped ones",
        |seen| seen.pass.not_copied as f64,
    );
    metrics.sum(
        "answers",
        "Demands of the Court answered since the process started",
        |seen| seen.pass.answered,
    );
    metrics.sum(
        "measurements",
        "Measurements recomputed since the process started",
        |seen| {
            let evaluated = seen.pass.evaluated.as_ref();
            evaluated.map_or(0, |(_, evaluated)| measurements(&evaluated.rounds))
        },
    );
    metrics
}
