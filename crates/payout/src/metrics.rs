//! Metrics for Prometheus.

use assize_outbox::{QueueState, queue_metrics};
use assize_protocol::AttoFil;
use assize_service::metrics::{MetricSet, Unit, fil};

use crate::history::Totals;
use crate::{Condition, PayoutAlert};

const DAY: f64 = 86_400.0;

/// What a daemon's pass leaves.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// What alerts follow from.
    pub condition: Condition,
    /// The active alerts.
    pub alerts: Vec<PayoutAlert>,
    /// The newest active settlement; 0 before the first.
    pub settlement: u64,
    /// Number of waiting operators, and since when the first has been waiting, Unix seconds.
    pub waiting: (u64, Option<u64>),
    /// Number of operators that the last plan held back, and what they are owed together.
    pub held: (u64, AttoFil),
    /// Sums of all payments.
    pub totals: Totals,
    /// The transaction queue.
    pub queue: QueueState,
}

impl Snapshot {
    /// Seconds since a time.
    fn age(&self, since: Option<u64>) -> f64 {
        since.map_or(0, |since| self.condition.now.saturating_sub(since)) as f64
    }
}

/// Metrics of a payout scheduler. Counters are kept in its databases and on the chain, so that they go on after a restart.
pub type Metrics = MetricSet<Snapshot>;

/// All metrics, at zero.
#[must_use]
pub fn metrics() -> Metrics {
    let mut metrics: Metrics = MetricSet::new("assize_payout");
    queue_metrics(&mut metrics, |left| Some(&left.queue));
    metrics.alerts("alert", &PayoutAlert::KINDS, |left| &left.alerts);
    metrics.gauge_in(
        fil(),
        "pool_surplus",
        "Deposits that are promised to nobody yet",
        |left| left.condition.surplus.to_fil_f64(),
    );
    metrics.gauge_in(
        Unit::Seconds,
        "pool_runway",
        "How long the surplus lasts if every round pays its whole budget",
        |left| left.condition.pool_days() * DAY,
    );
    metrics.gauge("wallet_batches", "Batches that the balance can pay for", |left| {
        left.condition
            .wallet_batches()
            .map_or(f64::INFINITY, |batches| batches as f64)
    });
    metrics.gauge(
        "active_settlement",
        "Number of the newest active settlement",
        |left| left.settlement as f64,
    );
    metrics.gauge_in(
        Unit::Seconds,
        "pending_settlement_age",
        "Age of the oldest pending settlement",
        |left| left.age(left.condition.pending.map(|(_, since)| since)),
    );
    metrics.gauge("waiting_operators", "Operators with an unpaid balance", |left| {
        left.waiting.0 as f64
    });
    metrics.gauge_in(
        Unit::Seconds,
        "oldest_waiting",
        "How long the first of them has been waiting",
        |left| left.age(left.waiting.1),
    );
    metrics.gauge(
        "withheld_operators",
        "Operators that the policy does not pay yet",
        |left| left.held.0 as f64,
    );
    metrics.gauge_in(fil(), "withheld", "Sum of their unpaid balances", |left| {
        left.held.1.to_fil_f64()
    });
    metrics.total("payments", "Payments made", |left| left.totals.payments as f64);
    metrics.total_in(fil(), "paid", "Paid to operators", |left| {
        left.totals.paid.to_fil_f64()
    });
    metrics.total("batches", "Batches that took effect", |left| {
        left.totals.batches as f64
    });
    metrics.gauge(
        "stuck_operators",
        "Operators whose address keeps rejecting payments",
        |left| left.condition.stuck.len() as f64,
    );
    metrics.gauge_in(
        Unit::Seconds,
        "last_pass_timestamp",
        "Unix time of the last successful pass",
        |left| left.condition.now as f64,
    );
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_show_what_a_pass_left() {
        let metrics = metrics();
        let condition = Condition {
            surplus: AttoFil::new(3_000_000_000_000_000_000),
            daily_budget: AttoFil::new(1_000_000_000_000_000_000),
            wallet: AttoFil::new(100),
            batch_cost: Some(AttoFil::new(7)),
            now: 1_000,
            ..Condition::default()
        };
        metrics.set(&Snapshot {
            alerts: condition.alerts(&crate::AlertPolicy::default()),
            condition,
            waiting: (2, Some(900)),
            ..Snapshot::default()
        });
        let text = metrics.encode();
        for line in [
            "assize_payout_pool_surplus_fil 3.0",
            "assize_payout_pool_runway_seconds 259200.0",
            "assize_payout_wallet_batches 14.0",
            "assize_payout_waiting_operators 2.0",
            "assize_payout_oldest_waiting_seconds 100.0",
            "assize_payout_alert{kind=\"pool_low\"} 1.0",
            "assize_payout_alert{kind=\"wallet_low\"} 1.0",
            "assize_payout_alert{kind=\"parked\"} 0.0",
        ] {
            assert!(text.lines().any(|there| there == line), "no `{line}` in\n{text}");
        }
    }
}
