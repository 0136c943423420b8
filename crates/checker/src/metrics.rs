//! Metrics for Prometheus.

use assize_service::metrics::{MetricSet, Total, Unit, fil};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::Event;

/// Metrics of a checker, since it was started.
#[derive(Debug)]
pub struct Metrics {
    set: MetricSet,
    heartbeats: Family<Outcome, Counter>,
    round: Gauge,
    rounds: Family<Outcome, Counter>,
    measured: Family<Outcome, Counter>,
    not_measured: Counter,
    submitted: Counter,
    refused: Family<Outcome, Counter>,
    too_late: Counter,
    included: Counter,
    left_out: Counter,
    own_reports: Family<Outcome, Counter>,
    retries: Counter,
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
        let mut set: MetricSet = MetricSet::new("assize_checker");
        let (by_outcome, counter, gauge) = (Family::default, Counter::default, Gauge::default);
        Self {
            paid: set.add_in(
                fil(),
                "operator_paid",
                "Paid to the operator so far",
                Total::default(),
            ),
            heartbeats: set.add("heartbeats", "Heartbeats sent", by_outcome()),
            round: set.add("round", "The last round attended", gauge()),
            rounds: set.add("rounds", "Rounds attended", by_outcome()),
            measured: set.add("measurements", "Tasks done", by_outcome()),
            not_measured: set.add(
                "failures",
                "Retrievals that failed through the checker's own fault",
                counter(),
            ),
            submitted: set.add("submitted", "Measurements with a receipt", counter()),
            refused: set.add("refused", "Measurements that the ingest rejected", by_outcome()),
            too_late: set.add(
                "too_late",
                "Measurements that were not submitted in time",
                counter(),
            ),
            included: set.add(
                "included",
                "Measurements that were found in committed batches",
                counter(),
            ),
            left_out: set.add(
                "left_out",
                "Measurements that were not found in any committed batch",
                counter(),
            ),
            own_reports: set.add("own_reports", "Reports of the station's own", by_outcome()),
            retries: set.add("retries", "Operations that failed and were retried", counter()),
            waiting: set.add("waiting", "Measurements that wait to be submitted", gauge()),
            clock_ahead: set.add_in(
                Unit::Seconds,
                "clock_ahead",
                "How far the clock is ahead of the coordinator's",
                gauge(),
            ),
            outdated: set.add(
                "outdated",
                "Whether measurements of this version are rejected",
                gauge(),
            ),
            set,
        }
    }

    pub(crate) fn heartbeat(&self, good: bool) {
        let name = if good { "accepted" } else { "failed" };
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
            Event::Trouble { .. } => drop(self.retries.inc()),
            Event::NotInRoster { round, .. } => attended(round.0, "not-in-roster"),
            Event::Drawn { round, .. } => attended(round.0, "drawn"),
            Event::Disagreement { round, .. } => attended(round.0, "disagreement"),
            Event::Measured { result, .. } => drop(self.measured.get_or_create(&outcome(result)).inc()),
            Event::NotMeasured { .. } => drop(self.not_measured.inc()),
            Event::Submitted { .. } => drop(self.submitted.inc()),
            Event::Refused { problem, .. } => drop(self.refused.get_or_create(&outcome(problem)).inc()),
            Event::TooLate { measurements } => drop(self.too_late.inc_by(*measurements)),
            Event::Included { measurements, .. } => drop(self.included.inc_by(*measurements)),
            Event::LeftOut {
                measurements,
                included,
                ..
            } => {
                self.left_out.inc_by(*measurements);
                self.included.inc_by(*included);
            }
            Event::OwnReport { .. } => drop(self.own_reports.get_or_create(&outcome("committed")).inc()),
            Event::OwnReportFailed { .. } => drop(self.own_reports.get_or_create(&outcome("failed")).inc()),
            Event::Paid { atto } => {
                self.paid.set(atto.to_fil_f64());
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
        self.set.registry()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_and_payments_are_counted() {
        let metrics = Metrics::new();
        metrics.heartbeat(true);
        metrics.paid.set(1.5);
        let text = metrics.set.encode();
        for line in [
            "assize_checker_heartbeats_total{outcome=\"accepted\"} 1",
            "assize_checker_operator_paid_fil_total 1.5",
            "assize_checker_clock_ahead_seconds 0",
        ] {
            assert!(text.lines().any(|there| there == line), "no `{line}` in\n{text}");
        }
    }
}
