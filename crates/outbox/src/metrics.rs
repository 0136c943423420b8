//! The queue's metrics, the same for every daemon that has a queue.

use std::collections::BTreeSet;

use assize_protocol::AttoFil;
use assize_service::metrics::{MetricSet, Unit, fil};

use crate::{Alert, Stats};

const DAY: f64 = 86_400.0;

/// The state of a queue and its wallet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueState {
    /// The transaction queue.
    pub stats: Stats,
    /// Balance of its key.
    pub wallet: AttoFil,
    /// Number of transactions held back by a limit or a low balance.
    pub parked: u64,
    /// Current time, Unix seconds.
    pub now: u64,
    /// Seconds for which the node has had the same newest block.
    pub standing_for: u64,
}

/// Transactions that wait for a cap or for funds, as the alerts of a tick have them.
#[must_use]
pub fn parked(alerts: &[Alert]) -> u64 {
    let parked = alerts.iter().filter_map(|alert| match alert {
        Alert::Parked { intent, .. } => Some(intent),
        _ => None,
    });
    parked.collect::<BTreeSet<_>>().len() as u64
}

/// Adds the metrics of a transaction queue, under the prefix of the daemon that has it. They are zero while there is no queue.
pub fn queue_metrics<S: 'static>(metrics: &mut MetricSet<S>, queue: fn(&S) -> Option<&QueueState>) {
    let of = |value: fn(&QueueState) -> f64| move |state: &S| queue(state).map_or(0.0, value);
    metrics.gauge(
        "transactions_in_flight",
        "Transactions sent but not confirmed",
        of(|queue| queue.stats.pending as f64),
    );
    metrics.gauge(
        "transactions_not_final",
        "Transactions confirmed but not final",
        of(|queue| queue.stats.unfinal as f64),
    );
    metrics.gauge(
        "transactions_parked",
        "Transactions held back by a limit or a low balance",
        of(|queue| queue.parked as f64),
    );
    metrics.total(
        "transactions_replaced",
        "Transactions replaced at a higher price",
        of(|queue| queue.stats.bumps as f64),
    );
    metrics.total(
        "transactions_resent",
        "Times that a transaction was sent again",
        of(|queue| queue.stats.resends as f64),
    );
    metrics.total(
        "transactions_reorganised",
        "Confirmed transactions that a reorganisation removed",
        of(|queue| queue.stats.reorganisations as f64),
    );
    metrics.total(
        "foreign_nonces",
        "Nonces of the key that another program used",
        of(|queue| queue.stats.foreign_nonces as f64),
    );
    metrics.total_in(
        fil(),
        "fees",
        "Fees paid",
        of(|queue| queue.stats.fees.to_fil_f64()),
    );
    metrics.gauge_in(
        fil(),
        "wallet",
        "Balance of the key",
        of(|queue| queue.wallet.to_fil_f64()),
    );
    metrics.gauge_in(
        Unit::Seconds,
        "wallet_runway",
        "How long the balance lasts at the average rate of fees; +Inf if none were paid",
        of(|queue| runway(queue.wallet, &queue.stats, queue.now)),
    );
}

/// Seconds that the balance lasts; fees are averaged over at least a day, so that a first batch raises no alarm.
fn runway(wallet: AttoFil, stats: &Stats, now: u64) -> f64 {
    let seconds = stats.first_mined_at.map_or(0, |first| now.saturating_sub(first));
    wallet.to_fil_f64() / (stats.fees.to_fil_f64() / (seconds as f64).max(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Park;

    fn shown(fees: u128, first_mined_at: Option<u64>) -> String {
        let mut metrics: MetricSet<QueueState> = MetricSet::new("assize_test");
        queue_metrics(&mut metrics, |queue| Some(queue));
        metrics.set(&QueueState {
            stats: Stats {
                fees: AttoFil::new(fees),
                bumps: 7,
                first_mined_at,
                ..Stats::default()
            },
            wallet: AttoFil::new(2_000_000_000_000_000_000),
            parked: 1,
            now: 1_000_000,
            standing_for: 0,
        });
        metrics.encode()
    }

    #[test]
    fn counters_are_counters_and_a_wallet_has_a_runway() {
        let text = shown(1_000_000_000_000_000_000, Some(1_000_000 - 4 * 86_400));
        for line in [
            "# TYPE assize_test_transactions_replaced counter",
            "assize_test_transactions_replaced_total 7.0",
            "assize_test_transactions_parked 1.0",
            "assize_test_fees_fil_total 1.0",
            "assize_test_wallet_fil 2.0",
            // One FIL in four days: two last eight.
            "assize_test_wallet_runway_seconds 691200.0",
        ] {
            assert!(text.lines().any(|there| there == line), "no `{line}` in\n{text}");
        }
        assert!(shown(0, None).contains("wallet_runway_seconds inf"));
    }

    #[test]
    fn a_parked_transaction_counts_once() {
        let parked_twice = [Alert::Parked {
            intent: 3,
            why: Park::DailyCap,
        }; 2];
        assert_eq!(parked(&parked_twice), 1);
    }
}
