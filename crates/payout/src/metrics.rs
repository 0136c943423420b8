//! Metrics for Prometheus.

use assize_outbox::{QueueMetrics, QueueState};
use assize_protocol::AttoFil;
use assize_service::metrics::{Gauge, MetricsBuilder, Total, fil};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

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
    /// Number of operators that the last plan held back, and their sum in attoFIL.
    pub held: (u64, u128),
    /// Sums of all payments.
    pub totals: Totals,
    /// The transaction queue failed.
    pub queue: QueueState,
}

/// Metrics of a payout scheduler. Counters are kept in its databases and on the chain, so that they go on after a restart.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    queue: QueueMetrics,
    surplus: Gauge,
    pool_runway: Gauge,
    wallet_batches: Gauge,
    settlement: Gauge,
    pending_age: Gauge,
    waiting: Gauge,
    oldest: Gauge,
    held: Gauge,
    held_fil: Gauge,
    payments: Total,
    paid: Total,
    batches: Total,
    stuck: Gauge,
    alerts: Family<Kind, Gauge>,
    last_pass: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

impl Metrics {
    /// All metrics, at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = MetricsBuilder::new("assize_payout");
        let alerts = Family::default();
        metrics
            .registry()
            .register("alert", "How many alerts of the kind hold", alerts.clone());
        Self {
            queue: QueueMetrics::register(&mut metrics),
            surplus: metrics.gauge_in(fil(), "pool_surplus", "Deposits that are promised to nobody yet"),
            pool_runway: metrics.gauge_in(
                Unit::Seconds,
                "pool_runway",
                "How long the surplus lasts if every round pays its whole budget",
            ),
            wallet_batches: metrics.gauge("wallet_batches", "Batches that the balance can pay for"),
            settlement: metrics.gauge("active_settlement", "Number of the newest active settlement"),
            pending_age: metrics.gauge_in(
                Unit::Seconds,
                "pending_settlement_age",
                "Age of the oldest pending settlement",
            ),
            waiting: metrics.gauge("waiting_operators", "Operators with an unpaid balance"),
            oldest: metrics.gauge_in(
                Unit::Seconds,
                "oldest_waiting",
                "How long the first of them has been waiting",
            ),
            held: metrics.gauge("held_operators", "Operators that the policy does not pay yet"),
            held_fil: metrics.gauge_in(fil(), "held", "Sum of their unpaid balances"),
            payments: metrics.total("payments", "Payments made"),
            paid: metrics.total_in(fil(), "paid", "Paid to operators"),
            batches: metrics.total("batches", "Batches that took effect"),
            stuck: metrics.gauge(
                "stuck_operators",
                "Operators whose address keeps rejecting payments",
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
        let Snapshot {
            condition,
            totals,
            queue,
            ..
        } = snapshot;
        let age = |since: Option<u64>| since.map_or(0, |since| condition.now.saturating_sub(since)) as f64;
        let wallet_batches = condition.wallet_batches();
        self.queue.set(queue);
        self.surplus.set(AttoFil::from(condition.surplus).to_fil_f64());
        self.pool_runway.set(condition.pool_days() * DAY);
        self.wallet_batches
            .set(wallet_batches.map_or(f64::INFINITY, |batches| batches as f64));
        self.settlement.set(snapshot.settlement as f64);
        self.pending_age
            .set(age(condition.pending.map(|(_, since)| since)));
        self.waiting.set(snapshot.waiting.0 as f64);
        self.oldest.set(age(snapshot.waiting.1));
        self.held.set(snapshot.held.0 as f64);
        self.held_fil.set(AttoFil::from(snapshot.held.1).to_fil_f64());
        self.payments.set(totals.payments as f64);
        self.paid.set(AttoFil::from(totals.paid).to_fil_f64());
        self.batches.set(totals.batches as f64);
        self.stuck.set(condition.stuck.len() as f64);
        self.last_pass.set(condition.now as f64);
        for kind in PayoutAlert::KINDS {
            let count = snapshot
                .alerts
                .iter()
                .filter(|alert| alert.kind() == kind)
                .count();
            self.alerts.get_or_create(&Kind { kind }).set(count as f64);
        }
    }
}

impl assize_service::Metrics for Metrics {
    fn registry(&self) -> &Registry {
        &self.registry
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;
    use assize_service::metrics::{encode, naming_faults};

    use super::*;

    #[test]
    fn metrics_show_what_a_pass_left() {
        let metrics = Metrics::new();
        let condition = Condition {
            surplus: U256::from(3_000_000_000_000_000_000u64),
            daily_budget: U256::from(1_000_000_000_000_000_000u64),
            wallet: U256::from(100),
            batch_cost: Some(7),
            now: 1_000,
            ..Condition::default()
        };
        metrics.set(&Snapshot {
            alerts: condition.alerts(&crate::AlertPolicy::default()),
            condition,
            waiting: (2, Some(900)),
            ..Snapshot::default()
        });
        let text = encode(&metrics.registry);
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
        assert_eq!(naming_faults(&text), <[String; 0]>::default());
    }
}
