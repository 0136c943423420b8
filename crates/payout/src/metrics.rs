//! Figures for Prometheus.

use std::sync::atomic::AtomicU64;

use alloy_primitives::U256;
use assize_daemon::Figures;
use assize_outbox::Stats;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::history::Totals;
use crate::{Condition, PayoutAlert};

/// attoFIL in a FIL.
const FIL: f64 = 1e18;

type Number = Gauge<f64, AtomicU64>;

/// What a daemon's pass leaves to be told.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// What alerts are told from.
    pub condition: Condition,
    /// What is out of order.
    pub alerts: Vec<PayoutAlert>,
    /// The newest active settlement; 0 before the first.
    pub settlement: u64,
    /// Operators who wait for money, and since when the first of them does, Unix seconds.
    pub waiting: (u64, Option<u64>),
    /// Operators held back at the last plan, and what they are owed, attoFIL.
    pub held: (u64, u128),
    /// All that was ever paid.
    pub totals: Totals,
    /// The queue.
    pub stats: Stats,
}

/// Figures of a scheduler. All are set from its databases and the chain, so that they go on where they were after a restart;
/// those that only grow are named `_total`, as counters are.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    surplus: Number,
    pool_days: Number,
    wallet: Number,
    wallet_batches: Number,
    settlement: Number,
    pending_age: Number,
    waiting: Number,
    oldest: Number,
    held: Number,
    held_fil: Number,
    payments: Number,
    paid: Number,
    batches: Number,
    fees: Number,
    in_flight: Number,
    parked: Number,
    bumps: Number,
    stuck: Number,
    alerts: Family<Kind, Number>,
    last_pass: Number,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

impl Metrics {
    /// All figures, at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("assize_payout");
        let mut add = |name: &str, help: &str, unit: Option<Unit>| {
            let gauge = Number::default();
            match unit {
                Some(unit) => registry.register_with_unit(name, help, unit, gauge.clone()),
                None => registry.register(name, help, gauge.clone()),
            }
            gauge
        };
        let fil = || Some(Unit::Other("fil".into()));
        let seconds = || Some(Unit::Seconds);
        let mut metrics = Self {
            surplus: add("pool_surplus", "Deposits that nobody was promised yet", fil()),
            pool_days: add(
                "pool_runway_days",
                "Days that the surplus lasts if every round pays its whole budget",
                None,
            ),
            wallet: add("wallet", "Balance of the key", fil()),
            wallet_batches: add("wallet_batches", "Batches whose gas the balance pays for", None),
            settlement: add(
                "active_settlement",
                "Number of the newest active settlement",
                None,
            ),
            pending_age: add(
                "pending_settlement_age",
                "Age of the oldest pending settlement",
                seconds(),
            ),
            waiting: add("waiting_operators", "Operators who are owed something", None),
            oldest: add(
                "oldest_waiting",
                "For how long the first of them has waited",
                seconds(),
            ),
            held: add(
                "held_operators",
                "Operators whom the policy does not pay yet",
                None,
            ),
            held_fil: add("held", "What they are owed", fil()),
            payments: add("payments_total", "Payments made", None),
            paid: add("paid_total", "Paid to operators", fil()),
            batches: add("batches_total", "Batches that took effect", None),
            fees: add("fees_total", "Fees paid", fil()),
            in_flight: add(
                "transactions_in_flight",
                "Transactions sent and not confirmed",
                None,
            ),
            parked: add(
                "transactions_parked",
                "Transactions that wait for a cap or for funds",
                None,
            ),
            bumps: add("bumps_total", "Transactions replaced at a higher price", None),
            stuck: add(
                "stuck_operators",
                "Operators whose address keeps refusing the money",
                None,
            ),
            last_pass: add(
                "last_pass_timestamp",
                "Unix time of the last pass that succeeded",
                seconds(),
            ),
            alerts: Family::default(),
            registry: Registry::default(),
        };
        registry.register(
            "alert",
            "How many alerts of a kind there are",
            metrics.alerts.clone(),
        );
        metrics.registry = registry;
        metrics
    }

    /// Tells what a pass left.
    pub fn set(&self, snapshot: &Snapshot) {
        let Snapshot {
            condition,
            totals,
            stats,
            ..
        } = snapshot;
        let age = |since: Option<u64>| since.map_or(0, |since| condition.now.saturating_sub(since)) as f64;
        let figures = [
            (&self.surplus, fil(condition.surplus)),
            (&self.pool_days, condition.pool_days()),
            (&self.wallet, fil(condition.wallet)),
            (
                &self.wallet_batches,
                condition
                    .wallet_batches()
                    .map_or(f64::INFINITY, |batches| batches as f64),
            ),
            (&self.settlement, snapshot.settlement as f64),
            (&self.pending_age, age(condition.pending.map(|(_, since)| since))),
            (&self.waiting, snapshot.waiting.0 as f64),
            (&self.oldest, age(snapshot.waiting.1)),
            (&self.held, snapshot.held.0 as f64),
            (&self.held_fil, fil(U256::from(snapshot.held.1))),
            (&self.payments, totals.payments as f64),
            (&self.paid, fil(totals.paid)),
            (&self.batches, totals.batches as f64),
            (&self.fees, fil(stats.fees)),
            (&self.in_flight, stats.pending as f64),
            (&self.parked, condition.parked as f64),
            (&self.bumps, stats.bumps as f64),
            (&self.stuck, condition.stuck.len() as f64),
            (&self.last_pass, condition.now as f64),
        ];
        for (gauge, value) in figures {
            gauge.set(value);
        }
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

impl Figures for Metrics {
    fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn fil(atto_fil: U256) -> f64 {
    f64::from(atto_fil) / FIL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_in_prometheus_words() {
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
        let text = metrics.encode();
        for line in [
            "assize_payout_pool_surplus_fil 3.0",
            "assize_payout_pool_runway_days 3.0",
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
