//! Metrics for Prometheus.

use assize_outbox::{QueueState, queue_metrics};
use assize_service::Alert as _;
use assize_service::metrics::{MetricSet, Unit};

use crate::{CoordinatorAlert, PassReport};

/// Metrics of a coordinator. Counters are stored in its queue, so they survive restarts.
pub type Metrics = MetricSet<Snapshot>;

/// The state after a pass.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The state of rounds.
    pub report: PassReport,
    /// The transaction queue.
    pub queue: QueueState,
}

/// All metrics, at zero.
#[must_use]
pub fn metrics() -> Metrics {
    let mut metrics: Metrics = MetricSet::new("assize_coordinator");
    queue_metrics(&mut metrics, |now| Some(&now.queue));
    metrics.by_kind(
        "alert",
        "1 while an alert of the kind is active",
        &CoordinatorAlert::KINDS,
        |now, kind| {
            f64::from(u8::from(
                now.report.alerts.iter().any(|alert| alert.kind() == kind),
            ))
        },
    );
    metrics.gauge("round", "Number of the newest round", |now| {
        now.report.latest.map_or(0, |round| round.0) as f64
    });
    metrics.gauge(
        "roster_stations",
        "Stations in the newest round's roster",
        |now| now.report.lists.unwrap_or_default().0.into(),
    );
    metrics.gauge("tasks", "Tasks in the newest round's list", |now| {
        now.report.lists.unwrap_or_default().1.into()
    });
    metrics.gauge_in(
        Unit::Seconds,
        "overdue",
        "Time since the next round could have been opened; 0 while it cannot",
        |now| now.report.overdue as f64,
    );
    metrics.gauge_in(
        Unit::Seconds,
        "opening_lag",
        "Time from the close of the previous round to the opening of the newest one",
        |now| now.report.opening_lag.unwrap_or_default() as f64,
    );
    metrics.gauge("unrevealed_rounds", "Rounds waiting for their reveal", |now| {
        now.report.unrevealed.len() as f64
    });
    metrics.gauge_in(
        Unit::Seconds,
        "reveal_lag",
        "Time from the publication of the last revealed beacon to its reveal",
        |now| now.report.reveal_lag.unwrap_or_default() as f64,
    );
    metrics.gauge_in(
        Unit::Seconds,
        "last_pass_timestamp",
        "Unix time of the last successful pass",
        |now| now.queue.now as f64,
    );
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;
    use assize_protocol::RoundNumber;

    #[test]
    fn metrics_show_the_state_after_a_pass() {
        let metrics = metrics();
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
        let text = metrics.encode();
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
    }
}
