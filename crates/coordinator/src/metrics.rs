//! Metrics for Prometheus.

use assize_outbox::{QueueMetrics, QueueState};
use assize_service::metrics::{Gauge, MetricsBuilder};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

use crate::{CoordinatorAlert, PassReport};

/// Metrics of a coordinator. Counters are stored in its queue, so they survive restarts.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    queue: QueueMetrics,
    round: Gauge,
    stations: Gauge,
    tasks: Gauge,
    overdue: Gauge,
    opening_lag: Gauge,
    unrevealed: Gauge,
    reveal_lag: Gauge,
    alerts: Family<Kind, Gauge>,
    last_pass: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// The state after a pass.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The state of rounds.
    pub report: PassReport,
    /// The transaction queue.
    pub queue: QueueState,
}

impl Metrics {
    /// All metrics, at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = MetricsBuilder::new("assize_coordinator");
        let alerts = Family::default();
        metrics
            .registry()
            .register("alert", "1 while an alert of the kind holds", alerts.clone());
        show(&alerts, &[]);
        Self {
            queue: QueueMetrics::register(&mut metrics),
            round: metrics.gauge("round", "Number of the newest round"),
            stations: metrics.gauge("roster_stations", "Stations in the newest round's roster"),
            tasks: metrics.gauge("tasks", "Tasks in the newest round's list"),
            overdue: metrics.gauge_in(
                Unit::Seconds,
                "overdue",
                "Time since the next round could have been opened; 0 while it cannot",
            ),
            opening_lag: metrics.gauge_in(
                Unit::Seconds,
                "opening_lag",
                "Time from the close of the previous round to the opening of the newest one",
            ),
            unrevealed: metrics.gauge("unrevealed_rounds", "Rounds waiting for their reveal"),
            reveal_lag: metrics.gauge_in(
                Unit::Seconds,
                "reveal_lag",
                "Time from the publication of the last revealed beacon to its reveal",
            ),
            last_pass: metrics.gauge_in(
                Unit::Seconds,
                "last_pass_timestamp",
                "Unix time of the last successful pass",
            ),
            alerts,
            registry: metrics.build(),
        }
    }

    /// Publishes the state after a pass.
    pub fn set(&self, snapshot: &Snapshot) {
        let Snapshot { report, queue } = snapshot;
        let (stations, tasks) = report.lists.unwrap_or_default();
        self.queue.set(queue);
        self.round.set(report.latest.map_or(0, |round| round.0) as f64);
        self.stations.set(f64::from(stations));
        self.tasks.set(f64::from(tasks));
        self.overdue.set(report.overdue as f64);
        self.opening_lag
            .set(report.opening_lag.unwrap_or_default() as f64);
        self.unrevealed.set(report.unrevealed.len() as f64);
        self.reveal_lag.set(report.reveal_lag.unwrap_or_default() as f64);
        self.last_pass.set(queue.now as f64);
        show(&self.alerts, &report.alerts);
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

fn show(family: &Family<Kind, Gauge>, alerts: &[CoordinatorAlert]) {
    for kind in CoordinatorAlert::KINDS {
        let raised = alerts.iter().any(|alert| alert.kind() == kind);
        family
            .get_or_create(&Kind { kind })
            .set(f64::from(u8::from(raised)));
    }
}

#[cfg(test)]
mod tests {
    use assize_protocol::RoundNumber;
    use assize_service::metrics::{encode, naming_faults};

    use super::*;

    #[test]
    fn metrics_show_the_state_after_a_pass() {
        let metrics = Metrics::new();
        metrics.set(&Snapshot {
            report: PassReport {
                latest: Some(RoundNumber(7)),
                opening_lag: Some(4),
                lists: Some((300, 2_000)),
                alerts: vec![CoordinatorAlert::Parked { transactions: 2 }],
                ..PassReport::default()
            },
            queue: QueueState {
                parked: 2,
                now: 1_760_000_000,
                ..QueueState::default()
            },
        });
        let text = encode(&metrics.registry);
        for line in [
            "assize_coordinator_round 7.0",
            "assize_coordinator_roster_stations 300.0",
            "assize_coordinator_opening_lag_seconds 4.0",
            "assize_coordinator_transactions_parked 2.0",
            "assize_coordinator_alert{kind=\"parked\"} 1.0",
            "assize_coordinator_alert{kind=\"opening_late\"} 0.0",
        ] {
            assert!(text.lines().any(|found| found == line), "no `{line}` in\n{text}");
        }
        assert_eq!(naming_faults(&text), <[String; 0]>::default());
    }
}
