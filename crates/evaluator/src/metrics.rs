//! Figures for Prometheus.

use std::sync::atomic::AtomicU64;

use assize_daemon::Figures;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::Pass;

/// Figures of an evaluator.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    settlement: Gauge,
    settled: Gauge,
    signatures: Gauge,
    threshold: Gauge,
    waiting: Gauge,
    disagreeing: Gauge,
    silent: Gauge,
    alerts: Gauge,
    evaluated: Gauge<u64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("assize_evaluator");
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let settlement = gauge("settlement", "Newest settlement that is not void");
        let settled = gauge("settled_round", "Last round that is settled");
        let signatures = gauge("signatures", "Signatures gathered for the next settlement");
        let threshold = gauge("threshold", "Signatures that a settlement needs");
        let waiting = gauge(
            "waiting_round",
            "Last round of the settlement that waits for signatures; 0 if none does",
        );
        let disagreeing = gauge(
            "disagreeing_peers",
            "Peers that signed another settlement of the same rounds",
        );
        let silent = gauge("silent_peers", "Peers that gave no answer");
        let alerts = gauge("queue_alerts", "What stands in the transaction queue's way");
        let evaluated = Gauge::<u64, AtomicU64>::default();
        registry.register(
            "measurements_total",
            "Measurements recomputed since the process began",
            evaluated.clone(),
        );
        Self {
            registry,
            settlement,
            settled,
            signatures,
            threshold,
            waiting,
            disagreeing,
            silent,
            alerts,
            evaluated,
        }
    }

    /// Takes over what a pass found.
    pub fn set(&self, pass: &Pass) {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.settlement.set(number(pass.head.map_or(0, |head| head.0)));
        self.settled.set(number(pass.settled.0));
        self.signatures.set(number(pass.signatures));
        self.threshold.set(number(pass.threshold));
        self.waiting
            .set(number(pass.waiting.map_or(0, |(_, last)| last.0)));
        self.disagreeing.set(number(pass.disagreeing.len() as u64));
        self.silent.set(number(pass.silent));
        self.alerts.set(number(pass.alerts.len() as u64));
        if let Some((_, evaluated)) = &pass.evaluated {
            let labels = evaluated.rounds.iter().map(|(_, round)| round.labels.total());
            self.evaluated.inc_by(labels.sum());
        }
    }
}

impl Figures for Metrics {
    fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
