//! Decides who is paid now, who is held back and why. Pure.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use assize_protocol::AttoFil;

use crate::{Allocations, DenyList, GasShare};

const DAY: u64 = 86_400;

/// The conditions of one pass.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Current time, Unix seconds.
    pub now: u64,
    /// Minimum payout to an operator that has just begun to wait.
    pub floor: AttoFil,
    /// Seconds of waiting over which the floor falls linearly to zero; `None` if it does not fall.
    pub floor_zero_after: Option<u64>,
    /// Maximum share of a payout that its gas may cost.
    pub max_gas_share: GasShare,
    /// Gas cost of one payout.
    pub gas_cost: AttoFil,
    /// Remaining daily limit.
    pub budget: AttoFil,
    /// Operators that are not paid.
    pub denied: &'a DenyList,
    /// Since when each operator has been waiting, Unix seconds; others begin now.
    pub waiting: &'a BTreeMap<Address, u64>,
    /// Operators whose payment has failed before.
    pub doubts: &'a BTreeMap<Address, FailedPayment>,
}

/// An operator whose payment has failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FailedPayment {
    /// Number of consecutive rejections by its address; zero if it was only in a reverted batch.
    pub refusals: u32,
    /// Time of the last rejection, Unix seconds.
    pub refused_at: u64,
    /// Whether it is paid alone from now on; if not, it is paid in a batch with more gas.
    pub alone: bool,
}

impl FailedPayment {
    /// When it is retried, Unix seconds: a day after the first rejection, and twice as long after each further one, up
    /// to 32 days. Each attempt costs gas that nobody refunds.
    #[must_use]
    pub fn again_at(&self) -> u64 {
        match self.refusals {
            0 => 0,
            refusals => self.refused_at.saturating_add(DAY << (refusals - 1).min(5)),
        }
    }
}

/// The amount due to one operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payout {
    /// The operator.
    pub operator: Address,
    /// The amount that the contract will pay.
    pub due: AttoFil,
    /// Since when it has been waiting, Unix seconds.
    pub waiting_since: u64,
}

/// An amount that is held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The amount due.
    pub payout: Payout,
    /// The reason.
    pub why: HoldReason,
}

/// Why an amount is held back. The operator can claim it at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldReason {
    /// It is below the floor.
    BelowFloor {
        /// The current floor.
        floor: AttoFil,
    },
    /// Gas would cost too large a share of it.
    GasTooExpensive,
    /// The daily limit is reached.
    DailyCap,
    /// It exceeds the daily limit.
    OverDailyCap,
    /// Its address has rejected payments, and the next attempt is not due.
    RejectingAddress {
        /// Number of consecutive rejections.
        refusals: u32,
        /// When it is retried, Unix seconds.
        again_at: u64,
    },
    /// The operator is on the deny list.
    Denied {
        /// The reason in the list.
        reason: String,
    },
}

/// A plan of payouts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order of the tree's leaves, as they are in the batches.
    pub payouts: Vec<Payout>,
    /// In the order of the tree's leaves.
    pub held: Vec<Held>,
    /// Number of operators that have been paid everything.
    pub settled: usize,
}

impl Terms<'_> {
    /// The floor for an operator waiting since the given time, rounded up.
    fn floor_for(&self, waiting_since: u64) -> AttoFil {
        let Some(gone_after) = self.floor_zero_after else {
            return self.floor;
        };
        let waited = self.now.saturating_sub(waiting_since).min(gone_after);
        // A floor for which this does not fit is far above all FIL: it stays.
        let fallen = self
            .floor
            .checked_mul(waited)
            .and_then(|floor| floor.div_floor(gone_after));
        self.floor.saturating_sub(fallen.unwrap_or_default())
    }

    /// Why an amount is held back, independently of other operators.
    fn reason_to_hold(&self, payout: &Payout, daily_cap: AttoFil) -> Option<HoldReason> {
        let floor = self.floor_for(payout.waiting_since);
        if let Some(reason) = self.denied.reason(payout.operator) {
            return Some(HoldReason::Denied {
                reason: reason.to_owned(),
            });
        }
        if let Some(doubt) = self.doubts.get(&payout.operator)
            && self.now < doubt.again_at()
        {
            return Some(HoldReason::RejectingAddress {
                refusals: doubt.refusals,
                again_at: doubt.again_at(),
            });
        }
        if payout.due < floor {
            return Some(HoldReason::BelowFloor { floor });
        }
        if !self.max_gas_share.allows(self.gas_cost, payout.due) {
            return Some(HoldReason::GasTooExpensive);
        }
        (payout.due > daily_cap).then_some(HoldReason::OverDailyCap)
    }
}

impl Plan {
    /// Plans the payout of everyone that the terms allow. `claimed` are the amounts already paid according to the
    /// chain; missing operators have received nothing. If the daily limit is too low for all, those who have waited
    /// longest come first, and those whose payment has failed before come last.
    #[must_use]
    pub fn new(
        allocations: &Allocations,
        claimed: &BTreeMap<Address, AttoFil>,
        daily_cap: AttoFil,
        terms: &Terms<'_>,
    ) -> Self {
        let mut plan = Self::default();
        let mut candidates = Vec::new();
        for operator in allocations.operators() {
            let had = claimed.get(&operator).copied().unwrap_or_default();
            let due = allocations.cumulative(operator).saturating_sub(had);
            if due.is_zero() {
                plan.settled += 1;
                continue;
            }
            let payout = Payout {
                operator,
                due,
                waiting_since: terms.waiting.get(&operator).copied().unwrap_or(terms.now),
            };
            match terms.reason_to_hold(&payout, daily_cap) {
                Some(why) => plan.held.push(Held { payout, why }),
                None => candidates.push(payout),
            }
        }
        candidates.sort_unstable_by_key(|payout| {
            let doubtful = terms.doubts.contains_key(&payout.operator);
            (doubtful, payout.waiting_since, payout.operator)
        });
        let mut left = terms.budget;
        for payout in candidates {
            match left.checked_sub(payout.due) {
                Some(rest) => {
                    left = rest;
                    plan.payouts.push(payout);
                }
                None => plan.held.push(Held {
                    payout,
                    why: HoldReason::DailyCap,
                }),
            }
        }
        plan.held
            .sort_by_key(|held| allocations.place(held.payout.operator));
        plan.payouts
            .sort_by_key(|payout| allocations.place(payout.operator));
        plan
    }

    /// Sum of the payouts, at most the budget.
    #[must_use]
    pub fn total(&self) -> AttoFil {
        total(&self.payouts)
    }
}

/// Sum of payouts. Those of one plan fit: together they are at most its budget.
pub(crate) fn total(payouts: &[Payout]) -> AttoFil {
    AttoFil::saturating_sum(payouts.iter().map(|payout| payout.due))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use assize_protocol::Allocation;
    use proptest::prelude::*;

    use super::*;
    use crate::allocations::tests::book;

    static NO_DOUBTS: BTreeMap<Address, FailedPayment> = BTreeMap::new();

    const NOW: u64 = 1_000 * DAY;

    fn below(most: u128) -> impl Strategy<Value = AttoFil> {
        (0..most).prop_map(AttoFil::new)
    }

    fn amounts() -> impl Strategy<Value = BTreeMap<Address, AttoFil>> {
        prop::collection::btree_map(any::<[u8; 20]>().prop_map(Address::from), below(10_000), 0..300)
    }

    fn sum(amounts: impl Iterator<Item = AttoFil>) -> AttoFil {
        AttoFil::checked_sum(amounts).unwrap()
    }

    fn operator(n: u8) -> Address {
        Address::repeat_byte(n)
    }

    /// Terms that allow everything.
    fn generous<'a>(denied: &'a DenyList, waiting: &'a BTreeMap<Address, u64>) -> Terms<'a> {
        Terms {
            now: NOW,
            floor: AttoFil::ZERO,
            floor_zero_after: None,
            max_gas_share: GasShare::ALL,
            gas_cost: AttoFil::ZERO,
            budget: AttoFil::MAX,
            denied,
            waiting,
            doubts: &NO_DOUBTS,
        }
    }

    proptest! {
        #[test]
        fn every_operator_is_paid_once_or_held_back_with_a_reason(
            cumulative in amounts(),
            had in prop::collection::vec(below(10_000), 300),
            waited in prop::collection::vec(0..60u64, 300),
            floor in below(5_000),
            gas_cost in below(200),
            budget in below(400_000),
        ) {
            let claimed: BTreeMap<_, _> = cumulative.keys().copied().zip(had).collect();
            let waiting: BTreeMap<_, _> =
                cumulative.keys().copied().zip(waited).map(|(operator, days)| (operator, NOW - days * DAY)).collect();
            let denied: DenyList = cumulative.keys().take(3).map(|operator| (*operator, "sanctioned".to_owned())).collect();
            let terms = Terms {
                floor,
                floor_zero_after: Some(30 * DAY),
                max_gas_share: GasShare::percent(5),
                gas_cost,
                budget,
                ..generous(&denied, &waiting)
            };
            let book = book(&cumulative);
            let most = AttoFil::new(9_000);
            let plan = Plan::new(&book, &claimed, most, &terms);

            let mut named: Vec<Address> = plan.payouts.iter().map(|payout| payout.operator).collect();
            named.extend(plan.held.iter().map(|held| held.payout.operator));
            named.sort_unstable();
            prop_assert!(named.windows(2).all(|pair| pair[0] != pair[1]));
            prop_assert_eq!(named.len() + plan.settled, cumulative.len());
            let owed = sum(cumulative.iter().map(|(operator, amount)| amount.saturating_sub(claimed[operator])));
            let held = sum(plan.held.iter().map(|held| held.payout.due));
            prop_assert_eq!(plan.total().checked_add(held), Some(owed));
            prop_assert!(plan.total() <= budget);
            for payout in &plan.payouts {
                prop_assert!(!payout.due.is_zero() && payout.due <= most);
                prop_assert!(gas_cost.checked_mul(20).unwrap() <= payout.due);
                let days = (NOW - payout.waiting_since) / DAY;
                prop_assert!(days >= 30 || payout.due.checked_mul(30) >= floor.checked_mul(30 - days));
                prop_assert!(denied.reason(payout.operator).is_none());
            }
            // Nobody who waits less is preferred to someone whom the daily limit excludes.
            for held in plan.held.iter().filter(|held| held.why == HoldReason::DailyCap) {
                let before = plan.payouts.iter()
                    .filter(|paid| (paid.waiting_since, paid.operator) < (held.payout.waiting_since, held.payout.operator))
                    .map(|paid| paid.due);
                prop_assert!(sum(before.chain([held.payout.due])) > budget);
            }
        }
    }

    #[test]
    fn the_floor_falls_with_waiting_and_small_balances_are_paid_eventually() {
        let (denied, waiting) = Default::default();
        let floor = AttoFil::new(100);
        let terms = Terms {
            floor,
            floor_zero_after: Some(30 * DAY),
            ..generous(&denied, &waiting)
        };
        let floor_after = |days: u64| terms.floor_for(NOW - days * DAY);
        let expected = [100, 50, 4, 0, 0].map(AttoFil::new);
        assert_eq!([0, 15, 29, 30, 400].map(floor_after), expected);
        let stubborn = Terms {
            floor_zero_after: None,
            ..terms
        };
        assert_eq!(stubborn.floor_for(0), floor);
        // A clock that went back makes nobody wait longer than a new operator.
        assert_eq!(terms.floor_for(NOW + DAY), floor);
        // Nobody sets a floor so high that it cannot be computed how far it has fallen.
        let endless = Terms {
            floor: AttoFil::MAX,
            ..terms
        };
        assert_eq!(endless.floor_for(NOW - 15 * DAY), AttoFil::MAX);
    }

    #[test]
    fn a_plan_is_in_the_order_of_the_tree_whoever_has_waited_longest() {
        let denied: DenyList = [(operator(4), String::new()), (operator(2), String::new())]
            .into_iter()
            .collect();
        let waiting = (1..=6).map(|n| (operator(n), NOW - u64::from(n) * DAY)).collect();
        let terms = generous(&denied, &waiting);
        let leaf = |n: u8| Allocation {
            operator: operator(n),
            cumulative: AttoFil::new(5),
            running: AttoFil::new(5),
            grown: AttoFil::new(5),
            reports: 1,
            sheet: B256::ZERO,
        };
        let order = |leaves: &[u8]| {
            let book = Allocations::new(leaves.iter().copied().map(leaf).collect());
            let plan = Plan::new(&book, &BTreeMap::new(), AttoFil::MAX, &terms);
            let paid = plan.payouts.iter().map(|payout| payout.operator[0]);
            let held = plan.held.iter().map(|held| held.payout.operator[0]);
            (paid.collect::<Vec<_>>(), held.collect::<Vec<_>>())
        };
        assert_eq!(order(&[1, 2, 3, 4, 5, 6]), (vec![1, 3, 5, 6], vec![2, 4]));
        // Also if the tree is not in the protocol's order.
        assert_eq!(order(&[6, 4, 5, 2, 3, 1]), (vec![6, 5, 3, 1], vec![4, 2]));
    }

    #[test]
    fn the_longest_waiting_are_paid_first_and_others_get_a_reason() {
        let denied: DenyList = [(operator(5), "list of 2026-11".to_owned())]
            .into_iter()
            .collect();
        let waiting = BTreeMap::from([(operator(2), NOW - 9 * DAY), (operator(1), NOW - DAY)]);
        let terms = Terms {
            floor: AttoFil::new(10),
            max_gas_share: GasShare::percent(10),
            gas_cost: AttoFil::new(2),
            budget: AttoFil::new(70),
            ..generous(&denied, &waiting)
        };
        let cumulative = [(1, 50), (2, 60), (3, 9), (4, 15), (5, 50), (6, 1_000), (7, 40)];
        let book = book(
            &cumulative
                .map(|(n, amount)| (operator(n), AttoFil::new(amount)))
                .into(),
        );
        let claimed = BTreeMap::from([(operator(7), AttoFil::new(40))]);
        let plan = Plan::new(&book, &claimed, AttoFil::new(100), &terms);
        assert_eq!(plan.settled, 1);
        let paid: Vec<_> = plan.payouts.iter().map(|payout| payout.operator).collect();
        assert_eq!(paid, [operator(2)]);
        let held: Vec<_> = plan
            .held
            .iter()
            .map(|held| (held.payout.operator, &held.why))
            .collect();
        let reason = "list of 2026-11".to_owned();
        assert_eq!(
            held,
            [
                (operator(1), &HoldReason::DailyCap),
                (operator(3), &HoldReason::BelowFloor { floor: terms.floor }),
                (operator(4), &HoldReason::GasTooExpensive),
                (operator(5), &HoldReason::Denied { reason }),
                (operator(6), &HoldReason::OverDailyCap),
            ]
        );
    }
}
