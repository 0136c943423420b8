//! Metrics for Prometheus.

use assize_protocol::AttoFil;
use assize_service::metrics::{MetricsBuilder, Total, fil};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::Event;

/// Metrics of a checker, since it was started.
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
    paid: Total,
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
    /// All metrics, at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut builder = MetricsBuilder::new("assize_checker");
        let paid = builder.total_in(fil(), "operator_paid", "Paid to the operator so far");
        let metrics = Self {
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
            paid,
        };
        let registry = builder.registry();
        registry.register("heartbeats", "Heartbeats sent", metrics.heartbeats.clone());
        registry.register("round", "The last round attended", metrics.round.clone());
        registry.register("rounds", "Rounds attended", metrics.rounds.clone());
        registry.register("measurements", "Tasks done", metrics.measured.clone());
        let help = "Retrievals that failed through the checker's own fault";
        registry.register("failures", help, metrics.not_measured.clone());
        registry.register(
            "submitted",
            "Measurements with a receipt",
            metrics.submitted.clone(),
        );
        registry.register(
            "refused",
            "Measurements that the ingest rejected",
            metrics.refused.clone(),
        );
        let help = "Measurements that were not submitted in time";
        registry.register("too_late", help, metrics.too_late.clone());
        registry.register(
            "troubles",
            "Operations that failed and were retried",
            metrics.troubles.clone(),
        );
        registry.register(
            "waiting",
            "Measurements that wait to be submitted",
            metrics.waiting.clone(),
        );
        let help = "How far the clock is ahead of the coordinator's";
        let unit = Unit::Seconds;
        registry.register_with_unit("clock_ahead", help, unit, metrics.clock_ahead.clone());
        let help = "Whether measurements of this version are rejected";
        registry.register("outdated", help, metrics.outdated.clone());
        Self {
            registry: builder.build(),
            ..metrics
        }
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
                self.paid.set(AttoFil::from(*atto).to_fil_f64());
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
        let metrics = Metrics::new();
        metrics.heartbeat(true);
        metrics.paid.set(1.5);
        let text = encode(&metrics.registry);
        assert_eq!(naming_faults(&text), <[String; 0]>::default());
        for line in [
            "assize_checker_heartbeats_total{outcome=\"noted\"} 1",
            "assize_checker_operator_paid_fil_total 1.5",
            "assize_checker_clock_ahead_seconds 0",
        ] {
            assert!(text.lines().any(|there| there == line), "no `{line}` in\n{text}");
        }
    }
}
