//! Figures for Prometheus.

use std::sync::atomic::AtomicU64;

use alloy_primitives::U256;
use assize_daemon::Figures;
use assize_outbox::{Alert, Stats};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::{PublishReport, Totals};

/// attoFIL in a FIL.
const FIL: f64 = 1e18;
const DAY: f64 = 86_400.0;

type Number = Gauge<f64, AtomicU64>;

/// Figures of a publisher. All are set from its databases, so that they go on where they were after a restart; those that
/// only grow are named `_total`, as counters are.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    oldest: Number,
    waiting: Number,
    late: Number,
    open: Number,
    batches: Number,
    measurements: Number,
    bytes: Number,
    in_flight: Number,
    unfinal: Number,
    parked: Number,
    bumps: Number,
    resends: Number,
    reorganisations: Number,
    outside_uses: Number,
    spend: Number,
    wallet: Number,
    runway: Number,
    last_pass: Number,
}

/// What a pass leaves to be told.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// What it did.
    pub report: PublishReport,
    /// The table.
    pub totals: Totals,
    /// The queue.
    pub stats: Stats,
    /// What the key holds, attoFIL.
    pub wallet: U256,
    /// When, Unix seconds.
    pub now: u64,
}

impl Metrics {
    /// All figures, at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("assize_publish");
        let mut add = |name: &str, help: &str, unit: Option<Unit>| {
            let gauge = Number::default();
            match unit {
                Some(unit) => registry.register_with_unit(name, help, unit, gauge.clone()),
                None => registry.register(name, help, gauge.clone()),
            }
            gauge
        };
        let fil = || Some(Unit::Other("fil".into()));
        Self {
            oldest: add(
                "oldest_unpublished",
                "Age of the oldest measurement that is not committed",
                Some(Unit::Seconds),
            ),
            waiting: add("waiting_measurements", "Measurements in no batch", None),
            late: add(
                "late_measurements",
                "Measurements that came too late for their round",
                None,
            ),
            open: add("open_batches", "Batches that are not committed", None),
            batches: add("batches_total", "Batches committed", None),
            measurements: add("measurements_total", "Measurements committed", None),
            bytes: add("bytes_total", "Bytes of the batches committed", None),
            in_flight: add(
                "transactions_in_flight",
                "Transactions sent and not confirmed",
                None,
            ),
            unfinal: add(
                "transactions_unfinal",
                "Transactions confirmed and not final",
                None,
            ),
            parked: add(
                "transactions_parked",
                "Transactions that wait for a cap or for funds",
                None,
            ),
            bumps: add("bumps_total", "Transactions replaced at a higher price", None),
            resends: add("resends_total", "Transactions sent again", None),
            reorganisations: add(
                "reorganisations_total",
                "Confirmed transactions that a reorganisation took away",
                None,
            ),
            outside_uses: add(
                "outside_uses_total",
                "Nonces that another program used with the key",
                None,
            ),
            spend: add("spend_total", "Fees paid", fil()),
            wallet: add("wallet", "Balance of the key", fil()),
            runway: add(
                "wallet_runway_days",
                "Days that the balance lasts at the rate of spending so far; +Inf if nothing was spent",
                None,
            ),
            last_pass: add(
                "last_pass_timestamp",
                "Unix time of the last pass that succeeded",
                Some(Unit::Seconds),
            ),
            registry,
        }
    }

    /// Tells what a pass left.
    pub fn set(&self, snapshot: &Snapshot) {
        let Snapshot {
            report,
            totals,
            stats,
            wallet,
            now,
        } = snapshot;
        let parked = report.alerts.iter().filter_map(|alert| match alert {
            Alert::Parked { intent, .. } => Some(intent),
            _ => None,
        });
        let age = report.oldest.map_or(0, |oldest| now.saturating_sub(oldest));
        let figures = [
            (&self.oldest, age as f64),
            (&self.waiting, report.waiting as f64),
            (&self.late, report.late as f64),
            (&self.open, report.open as f64),
            (&self.batches, totals.committed_batches as f64),
            (&self.measurements, totals.committed_measurements as f64),
            (&self.bytes, totals.committed_bytes as f64),
            (&self.in_flight, stats.pending as f64),
            (&self.unfinal, stats.unfinal as f64),
            (
                &self.parked,
                parked.collect::<std::collections::BTreeSet<_>>().len() as f64,
            ),
            (&self.bumps, stats.bumps as f64),
            (&self.resends, stats.resends as f64),
            (&self.reorganisations, stats.reorganisations as f64),
            (&self.outside_uses, stats.outside_uses as f64),
            (&self.spend, fil(stats.fees)),
            (&self.wallet, fil(*wallet)),
            (&self.runway, runway(fil(*wallet), stats, *now)),
            (&self.last_pass, *now as f64),
        ];
        for (gauge, value) in figures {
            gauge.set(value);
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

/// Days that the balance lasts; spending is measured over at least a day, so that a first batch alarms nobody.
fn runway(wallet: f64, stats: &Stats, now: u64) -> f64 {
    let seconds = stats.first_mined_at.map_or(0, |first| now.saturating_sub(first));
    let days = (seconds as f64 / DAY).max(1.0);
    wallet / (fil(stats.fees) / days)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(fees: u64, first_mined_at: Option<u64>) -> Snapshot {
        Snapshot {
            report: PublishReport {
                oldest: Some(1_000_000 - 90),
                waiting: 5,
                alerts: vec![
                    Alert::Parked {
                        intent: 3,
                        why: assize_outbox::Park::DailyCap,
                    };
                    2
                ],
                ..PublishReport::default()
            },
            totals: Totals {
                committed_batches: 12,
                committed_bytes: 34,
                ..Totals::default()
            },
            stats: Stats {
                fees: U256::from(fees),
                bumps: 7,
                first_mined_at,
                ..Stats::default()
            },
            wallet: U256::from(2_000_000_000_000_000_000u64),
            now: 1_000_000,
        }
    }

    #[test]
    fn figures_are_told_in_prometheus_words() {
        let metrics = Metrics::new();
        metrics.set(&snapshot(1_000_000_000_000_000_000, Some(1_000_000 - 4 * 86_400)));
        let text = metrics.encode();
        for line in [
            "assize_publish_oldest_unpublished_seconds 90.0",
            "assize_publish_waiting_measurements 5.0",
            "assize_publish_batches_total 12.0",
            "assize_publish_bytes_total 34.0",
            "assize_publish_bumps_total 7.0",
            "assize_publish_transactions_parked 1.0",
            "assize_publish_spend_total_fil 1.0",
            "assize_publish_wallet_fil 2.0",
            // A FIL in four days: two last eight.
            "assize_publish_wallet_runway_days 8.0",
        ] {
            assert!(text.lines().any(|there| there == line), "no `{line}` in\n{text}");
        }
    }

    #[test]
    fn nothing_spent_lasts_for_ever() {
        let metrics = Metrics::new();
        metrics.set(&snapshot(0, None));
        assert!(
            metrics.encode().contains("wallet_runway_days inf"),
            "{}",
            metrics.encode()
        );
    }
}
