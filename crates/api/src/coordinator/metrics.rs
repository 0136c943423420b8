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

use super::{CoordinatorAlert, PassReport};

/// attoFIL in a FIL.
const FIL: f64 = 1e18;

type Number = Gauge<f64, AtomicU64>;

/// Figures of a coordinator. All are set from the chain and its queue, so that they go on where they were after a restart;
/// those that only grow are named `_total`, as counters are.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    round: Number,
    stations: Number,
    tasks: Number,
    overdue: Number,
    opening_lag: Number,
    unrevealed: Number,
    reveal_lag: Number,
    in_flight: Number,
    unfinal: Number,
    parked: Number,
    bumps: Number,
    reorganisations: Number,
    outside_uses: Number,
    spend: Number,
    wallet: Number,
    alerts: Family<Kind, Number>,
    last_pass: Number,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// What a pass leaves to be told.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The state of affairs.
    pub report: PassReport,
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
        let mut registry = Registry::with_prefix("assize_coordinator");
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
        let metrics = Self {
            round: add("round", "Number of the newest round", None),
            stations: add("roster_stations", "Stations in the newest round's roster", None),
            tasks: add("tasks", "Tasks in the newest round's list", None),
            overdue: add(
                "overdue",
                "Time since the next round could have been opened; 0 while it cannot",
                seconds(),
            ),
            opening_lag: add(
                "opening_lag",
                "Time from the close of the round before to the opening of the newest one",
                seconds(),
            ),
            unrevealed: add("unrevealed_rounds", "Rounds that wait for their reveal", None),
            reveal_lag: add(
                "reveal_lag",
                "Time from the publication of the last revealed beacon to its reveal",
                seconds(),
            ),
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
            "1 while something is out of order",
            metrics.alerts.clone(),
        );
        show(&metrics.alerts, &[]);
        Self { registry, ..metrics }
    }

    /// Tells what a pass left.
    pub fn set(&self, snapshot: &Snapshot) {
        let Snapshot {
            report,
            stats,
            wallet,
            now,
        } = snapshot;
        let (stations, tasks) = report.lists.unwrap_or_default();
        let parked = report.alerts.iter().find_map(|alert| match alert {
            CoordinatorAlert::Parked { transactions } => Some(*transactions),
            _ => None,
        });
        let figures = [
            (&self.round, report.latest.map_or(0, |round| round.0) as f64),
            (&self.stations, f64::from(stations)),
            (&self.tasks, f64::from(tasks)),
            (&self.overdue, report.overdue as f64),
            (&self.opening_lag, report.opening_lag.unwrap_or_default() as f64),
            (&self.unrevealed, report.unrevealed.len() as f64),
            (&self.reveal_lag, report.reveal_lag.unwrap_or_default() as f64),
            (&self.in_flight, stats.pending as f64),
            (&self.unfinal, stats.unfinal as f64),
            (&self.parked, parked.unwrap_or_default() as f64),
            (&self.bumps, stats.bumps as f64),
            (&self.reorganisations, stats.reorganisations as f64),
            (&self.outside_uses, stats.outside_uses as f64),
            (&self.spend, f64::from(stats.fees) / FIL),
            (&self.wallet, f64::from(*wallet) / FIL),
            (&self.last_pass, *now as f64),
        ];
        for (gauge, figure) in figures {
            gauge.set(figure);
        }
        show(&self.alerts, &report.alerts);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Figures for Metrics {
    fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn show(family: &Family<Kind, Number>, alerts: &[CoordinatorAlert]) {
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

    use super::*;

    #[test]
    fn figures_are_told_with_their_units() {
        let metrics = Metrics::new();
        metrics.set(&Snapshot {
            report: PassReport {
                latest: Some(RoundNumber(7)),
                opening_lag: Some(4),
                lists: Some((300, 2_000)),
                alerts: vec![CoordinatorAlert::Parked { transactions: 2 }],
                ..PassReport::default()
            },
            stats: Stats::default(),
            wallet: U256::from(1_500_000_000_000_000_000_u64),
            now: 1_760_000_000,
        });
        let text = metrics.encode();
        for line in [
            "assize_coordinator_round 7.0",
            "assize_coordinator_roster_stations 300.0",
            "assize_coordinator_opening_lag_seconds 4.0",
            "assize_coordinator_transactions_parked 2.0",
            "assize_coordinator_wallet_fil 1.5",
            "assize_coordinator_alert{kind=\"parked\"} 1.0",
            "assize_coordinator_alert{kind=\"opening_late\"} 0.0",
        ] {
            assert!(text.lines().any(|found| found == line), "no `{line}` in\n{text}");
        }
    }
}
