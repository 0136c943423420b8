//! Metrics for Prometheus.

use assize_outbox::{QueueMetrics, QueueState};
use assize_service::metrics::{Gauge, MetricsBuilder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use crate::Pass;

/// Metrics of an evaluator.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    queue: QueueMetrics,
    settlement: Gauge,
    settled: Gauge,
    signatures: Gauge,
    threshold: Gauge,
    waiting: Gauge,
    disagreeing: Gauge,
    silent: Gauge,
    evaluated: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics, at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = MetricsBuilder::new("assize_evaluator");
        let evaluated = Counter::default();
        metrics.registry().register(
            "measurements",
            "Measurements recomputed since the process started",
            evaluated.clone(),
        );
        Self {
            queue: QueueMetrics::register(&mut metrics),
            settlement: metrics.gauge("settlement", "Newest valid settlement"),
            settled: metrics.gauge("settled_round", "Last settled round"),
            signatures: metrics.gauge("signatures", "Signatures collected for the next settlement"),
            threshold: metrics.gauge("threshold", "Signatures that a settlement needs"),
            waiting: metrics.gauge(
                "waiting_round",
                "Last round of the settlement that waits for signatures; 0 if there is none",
            ),
            disagreeing: metrics.gauge(
                "disagreeing_peers",
                "Peers that signed another settlement of the same rounds",
            ),
            silent: metrics.gauge("silent_peers", "Peers that did not answer"),
            evaluated,
            registry: metrics.build(),
        }
    }

    /// Shows what a pass found.
    pub fn set(&self, pass: &Pass) {
        self.settlement.set(pass.head.map_or(0, |head| head.0) as f64);
        self.settled.set(pass.settled.0 as f64);
        self.signatures.set(pass.signatures as f64);
        self.threshold.set(pass.threshold as f64);
        self.waiting
            .set(pass.waiting.map_or(0, |(_, last)| last.0) as f64);
        self.disagreeing.set(pass.disagreeing.len() as f64);
        self.silent.set(pass.silent as f64);
        if let Some((_, evaluated)) = &pass.evaluated {
            let labels = evaluated.rounds.iter().map(|(_, round)| round.labels.total());
            self.evaluated.inc_by(labels.sum());
        }
    }

    /// Shows the state of the transaction queue.
    pub fn set_queue(&self, queue: &QueueState) {
        self.queue.set(queue);
    }
}

impl assize_service::Metrics for Metrics {
    fn registry(&self) -> &Registry {
        &self.registry
    }
}

#[cfg(test)]
mod tests {
    use assize_service::metrics::{encode, naming_faults};

    use super::*;

    #[test]
    fn names_follow_openmetrics() {
        let text = encode(&Metrics::new().registry);
        assert_eq!(naming_faults(&text), <[String; 0]>::default());
        assert!(
            text.contains("# TYPE assize_evaluator_measurements counter"),
            "{text}"
        );
    }
}
