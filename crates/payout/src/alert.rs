//! Alerts for the operator of the scheduler.

use std::fmt;

use alloy_primitives::Address;
use assize_facts::SettlementId;
use assize_outbox::QueueAlert;
use assize_protocol::AttoFil;

use crate::AlertPolicy;

/// A condition to resolve before operators go unpaid.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PayoutAlert {
    /// The pool is running low.
    PoolLow {
        /// Unpromised deposits.
        surplus: AttoFil,
        /// Days until it is empty if every round pays its whole budget.
        days: f64,
    },
    /// The wallet that pays for gas is running low.
    WalletLow {
        /// Its balance.
        balance: AttoFil,
        /// Number of batches that it can pay for.
        batches: u64,
    },
    /// A settlement has been pending for too long.
    SettlementPending {
        /// The oldest pending settlement.
        settlement: SettlementId,
        /// Hours since it was posted.
        hours: u64,
    },
    /// An operator's address keeps rejecting payments.
    OperatorStuck {
        /// The operator.
        operator: Address,
        /// Number of consecutive rejections.
        refusals: u32,
    },
    /// An operator is owed more than the daily limit.
    OverDailyCap {
        /// The operator.
        operator: Address,
        /// What it is owed.
        due: AttoFil,
    },
    /// The queue does not move.
    Queue(QueueAlert),
}

impl PayoutAlert {
    /// The kinds, as named in metrics.
    pub const KINDS: [&str; 8] = [
        "pool_low",
        "wallet_low",
        "settlement_pending",
        "operator_stuck",
        "over_daily_cap",
        "parked",
        "stuck",
        "stale_node",
    ];
}

impl assize_service::Alert for PayoutAlert {
    fn kind(&self) -> &'static str {
        let place = match self {
            Self::PoolLow { .. } => 0,
            Self::WalletLow { .. } => 1,
            Self::SettlementPending { .. } => 2,
            Self::OperatorStuck { .. } => 3,
            Self::OverDailyCap { .. } => 4,
            Self::Queue(alert) => return alert.kind(),
        };
        Self::KINDS[place]
    }

    fn subject(&self) -> Option<String> {
        match self {
            Self::OperatorStuck { operator, .. } | Self::OverDailyCap { operator, .. } => {
                Some(operator.to_string())
            }
            _ => None,
        }
    }

    /// Whether nobody is paid while it holds.
    fn is_grave(&self) -> bool {
        matches!(self, Self::Queue(_))
    }
}

impl fmt::Display for PayoutAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PoolLow { surplus, days } => write!(
                f,
                "the pool has {surplus} of unpromised deposits, {days:.1} days of full budgets: deposit FIL"
            ),
            Self::WalletLow { balance, batches } => write!(
                f,
                "the wallet that pays for gas has {balance}, enough for {batches} more batches: send it FIL"
            ),
            Self::SettlementPending { settlement, hours } => write!(
                f,
                "settlement {settlement} has been pending for {hours} hours: check whether the challenge window was raised"
            ),
            Self::OperatorStuck { operator, refusals } => write!(
                f,
                "the payout address of {operator} has rejected payments {refusals} times: the operator should set another one"
            ),
            Self::OverDailyCap { operator, due } => write!(
                f,
                "{operator} is owed {due}, more than the daily limit: raise dailyFil, or let the operator claim"
            ),
            Self::Queue(alert) => alert.fmt(f),
        }
    }
}

/// The state from which alerts are derived.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Condition {
    /// Unpromised deposits.
    pub surplus: AttoFil,
    /// Full budgets of a day.
    pub daily_budget: AttoFil,
    /// Balance of the wallet.
    pub wallet: AttoFil,
    /// Gas cost of a batch; unknown before the first one.
    pub batch_cost: Option<AttoFil>,
    /// The oldest pending settlement, and when it was posted, Unix seconds.
    pub pending: Option<(SettlementId, u64)>,
    /// Operators whose address keeps rejecting payments.
    pub stuck: Vec<(Address, u32)>,
    /// Operators owed more than the daily limit, with what they are owed.
    pub over_daily_cap: Vec<(Address, AttoFil)>,
    /// What is wrong with the queue.
    pub queue: Option<QueueAlert>,
    /// Unix seconds.
    pub now: u64,
}

impl Condition {
    /// Days until the pool is empty if every round pays its whole budget; infinite without a budget.
    #[must_use]
    pub fn pool_days(&self) -> f64 {
        self.surplus.to_fil_f64() / self.daily_budget.to_fil_f64()
    }

    /// Number of batches that the wallet can pay for.
    #[must_use]
    pub fn wallet_batches(&self) -> Option<u64> {
        if self.wallet.is_zero() {
            return Some(0);
        }
        self.wallet.count_of(self.batch_cost?)
    }

    /// Hours for which the oldest settlement has been pending.
    fn pending_hours(&self) -> Option<(SettlementId, u64)> {
        let (settlement, since) = self.pending?;
        Some((settlement, self.now.saturating_sub(since) / 3_600))
    }

    /// The current alerts.
    #[must_use]
    pub fn alerts(&self, policy: &AlertPolicy) -> Vec<PayoutAlert> {
        let mut alerts = Vec::new();
        let days = self.pool_days();
        if days < policy.pool_days {
            let surplus = self.surplus;
            alerts.push(PayoutAlert::PoolLow { surplus, days });
        }
        if let Some(batches) = self
            .wallet_batches()
            .filter(|&batches| batches < policy.wallet_batches)
        {
            let balance = self.wallet;
            alerts.push(PayoutAlert::WalletLow { balance, batches });
        }
        if let Some((settlement, hours)) = self
            .pending_hours()
            .filter(|&(_, hours)| hours > policy.pending_hours)
        {
            alerts.push(PayoutAlert::SettlementPending { settlement, hours });
        }
        let stuck = self.stuck.iter();
        alerts.extend(stuck.map(|&(operator, refusals)| PayoutAlert::OperatorStuck { operator, refusals }));
        let over = self.over_daily_cap.iter();
        alerts.extend(over.map(|&(operator, due)| PayoutAlert::OverDailyCap { operator, due }));
        alerts.extend(self.queue.map(PayoutAlert::Queue));
        alerts
    }
}

#[cfg(test)]
mod tests {
    use assize_service::Alert as _;

    use super::*;

    fn healthy() -> Condition {
        Condition {
            surplus: AttoFil::new(1_000),
            daily_budget: AttoFil::new(10),
            wallet: AttoFil::new(1_000),
            batch_cost: Some(AttoFil::new(10)),
            pending: Some((SettlementId(3), 1_000_000 - 72 * 3_600)),
            now: 1_000_000,
            ..Condition::default()
        }
    }

    fn kinds(change: impl FnOnce(&mut Condition)) -> Vec<&'static str> {
        let mut condition = healthy();
        change(&mut condition);
        let alerts = condition.alerts(&AlertPolicy::default());
        alerts.iter().map(PayoutAlert::kind).collect()
    }

    #[test]
    fn each_problem_has_its_alert_and_health_has_none() {
        assert_eq!(kinds(|_| ()), <[&str; 0]>::default());
        assert_eq!(kinds(|c| c.surplus = AttoFil::new(139)), ["pool_low"]);
        assert_eq!(kinds(|c| c.wallet = AttoFil::new(499)), ["wallet_low"]);
        assert_eq!(kinds(|c| c.now += 3_600), ["settlement_pending"]);
        assert_eq!(kinds(|c| c.stuck.push((Address::ZERO, 3))), ["operator_stuck"]);
        assert_eq!(
            kinds(|c| c.over_daily_cap.push((Address::ZERO, AttoFil::new(3)))),
            ["over_daily_cap"]
        );
        assert_eq!(
            kinds(|c| c.queue = Some(QueueAlert::Stuck { seconds: 9 })),
            ["stuck"]
        );
        assert_eq!(
            kinds(|c| (c.wallet, c.batch_cost) = (AttoFil::ZERO, None)),
            ["wallet_low"]
        );
        // Gas is unknown before the first batch, and the pool lasts forever without a budget.
        assert_eq!(kinds(|c| c.batch_cost = None), <[&str; 0]>::default());
        assert_eq!(kinds(|c| c.daily_budget = AttoFil::ZERO), <[&str; 0]>::default());
    }

    #[test]
    fn alerts_say_what_to_do() {
        let alert = PayoutAlert::PoolLow {
            surplus: AttoFil::new(1_500_000_000_000_000_000),
            days: 3.26,
        };
        let text = alert.to_string();
        assert!(
            text.contains("1.5 FIL") && text.contains("3.3 days") && text.contains("deposit"),
            "{text}"
        );
    }
}
