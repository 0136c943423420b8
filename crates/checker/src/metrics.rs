//! Figures for Prometheus.

use std::sync::atomic::AtomicU64;

use assize_daemon::Figures;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::Event;

/// Figures of a checker, since it was started.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    heartbeats: Family<Outcome, Counter>,
    round: Gauge,
    rounds: Family<Outcome, Counter>,
    measured: Family<Outcome, Counter>,
    not_measured: Counter,
    submitted: Counter,
    refused: Family<Outcome, Counter>,
    too_late: Counter,
    troubles: Counter,
    waiting: Gauge,
    clock_ahead: Gauge,
    outdated: Gauge,
    paid: Gauge<f64, AtomicU64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: String,
}

fn outcome(outcome: impl Into<String>) -> Outcome {
    Outcome {
        outcome: outcome.into(),
    }
}

impl Metrics {
    /// All figures, at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            heartbeats: Family::default(),
            round: Gauge::default(),
            rounds: Family::default(),
            measured: Family::default(),
            not_measured: Counter::default(),
            submitted: Counter::default(),
            refused: Family::default(),
            too_late: Counter::default(),
            troubles: Counter::default(),
            waiting: Gauge::default(),
            clock_ahead: Gauge::default(),
            outdated: Gauge::default(),
            paid: Gauge::default(),
        };
        let mut registry = Registry::with_prefix("assize_checker");
        registry.register("heartbeats", "Heartbeats sent", metrics.heartbeats.clone());
        registry.register("round", "The round that was attended last", metrics.round.clone());
        registry.register("rounds", "Rounds attended", metrics.rounds.clone());
        registry.register("measurements", "Tasks done", metrics.measured.clone());
        let help = "Retrievals that failed by the checker's own fault";
        registry.register("failures", help, metrics.not_measured.clone());
        registry.register(
            "submitted",
            "Measurements with a receipt",
            metrics.submitted.clone(),
        );
        registry.register(
            "refused",
            "Measurements that the ingest refused",
            metrics.refused.clone(),
        );
        let help = "Measurements that were not handed in in time";
        registry.register("too_late", help, metrics.too_late.clone());
        registry.register(
            "troubles",
            "What did not work and was tried again",
            metrics.troubles.clone(),
        );
        registry.register(
            "waiting",
            "Measurements that wait to be handed in",
            metrics.waiting.clone(),
        );
        let help = "Seconds that the clock is ahead of the coordinator's";
        registry.register("clock_ahead_seconds", help, metrics.clock_ahead.clone());
        let help = "Whether measurements of this version are refused";
        registry.register("outdated", help, metrics.outdated.clone());
        registry.register(
            "operator_paid_fil",
            "Paid to the operator so far",
            metrics.paid.clone(),
        );
        metrics.registry = registry;
        metrics
    }

    pub(crate) fn heartbeat(&self, good: bool) {
        let name = if good { "noted" } else { "failed" };
        self.heartbeats.get_or_create(&outcome(name)).inc();
    }

    pub(crate) fn clock(&self, ahead: i64) {
        self.clock_ahead.set(ahead);
    }

    pub(crate) fn outdated(&self, outdated: bool) {
        self.outdated.set(outdated.into());
    }

    pub(crate) fn waiting(&self, waiting: u64) {
        self.waiting.set(waiting.cast_signed());
    }

    /// Counts an event.
    pub(crate) fn count(&self, event: &Event) {
        let attended = |round: u64, name: &str| {
            self.round.set(round.cast_signed());
            self.rounds.get_or_create(&outcome(name)).inc();
        };
        match event {
            Event::Trouble { .. } => drop(self.troubles.inc()),
            Event::NotInRoster { round, .. } => attended(round.0, "not-in-roster"),
            Event::Drawn { round, .. } => attended(round.0, "drawn"),
            Event::Disagreement { round, .. } => attended(round.0, "disagreement"),
            Event::Measured { result, .. } => drop(self.measured.get_or_create(&outcome(result)).inc()),
            Event::NotMeasured { .. } => drop(self.not_measured.inc()),
            Event::Submitted { .. } => drop(self.submitted.inc()),
            Event::Refused { problem, .. } => drop(self.refused.get_or_create(&outcome(problem)).inc()),
            Event::TooLate { measurements } => drop(self.too_late.inc_by(*measurements)),
            Event::Paid { atto } => {
                let atto: u128 = atto.saturating_to();
                self.paid.set(atto as f64 / 1e18);
            }
            _ => {}
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Figures for Metrics {
    fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
