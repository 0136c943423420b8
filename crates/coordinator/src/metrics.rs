//! Metrics for Prometheus.

use assize_outbox::queue_metrics;
use assize_service::metrics::{MetricSet, Unit};

use crate::{CoordinatorAlert, PassReport};

/// Metrics of a coordinator. Counters are stored in its queue, so they survive restarts.
pub type Metrics = MetricSet<PassReport>;

/// All metrics, at zero.
#[must_use]
pub fn metrics() -> Metrics {
    let mut metrics: Metrics = MetricSet::new("assize_coordinator");
    queue_metrics(&mut metrics, |now| Some(&now.queue));
    metrics.alerts("alert", &CoordinatorAlert::KINDS, |now| &now.alerts);
    metrics.gauge("round", "Number of the newest round", |now| {
        now.latest.map_or(0, |round| round.0) as f64
    });
    metrics.gauge(
        "roster_stations",
        "Stations in the newest round's roster",
        |now| now.lists.unwrap_or_default().0.into(),
    );
    metrics.gauge("tasks", "Tasks in the newest round's list", |now| {
        now.lists.unwrap_or_default().1.into()
    });
    metrics.gauge_in(
        Unit::Seconds,
        "overdue",
        "Time since the next round could have been opened; 0 while it cannot",
        |now| now.overdue as f64,
    );
    metrics.gauge_in(
        Unit::Seconds,
        "opening_lag",
        "Time from the close of the previous round to the opening of the newest one",
        |now| now.opening_lag.unwrap_or_default() as f64,
    );
    metrics.gauge("unrevealed_rounds", "Rounds waiting for their reveal", |now| {
        now.unrevealed.len() as f64
    });
    metrics.gauge_in(
        Unit::Seconds,
        "reveal_lag",
        "Time from the publication of the last revealed beacon to its reveal",
        |now| now.reveal_lag.unwrap_or_default() as f64,
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
    use assize_outbox::{QueueAlert, QueueState};
    use assize_protocol::RoundNumber;

    use super::*;

    #[test]
    fn metrics_show_the_state_after_a_pass() {
        let metrics = metrics();
        metrics.set(&PassReport {
            latest: Some(RoundNumber(7)),
            opening_lag: Some(4),
            lists: Some((300, 2_000)),
            alerts: vec![CoordinatorAlert::Queue(QueueAlert::Parked { transactions: 2 })],
            queue: QueueState {
                parked: 2,
                now: 1_760_000_000,
                ..QueueState::default()
            },
            ..PassReport::default()
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
