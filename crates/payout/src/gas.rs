//! Gas of claims: what batches use, and the limits that they are given.
//!
//! The contract takes no payment of a batch with less than twice `paymentGas` left, so a batch needs more than what it uses, and more
//! than what Filecoin's nodes estimate for a small one; some of them fail to estimate it. So a batch has a limit of its own, from
//! what the node says about one claim and about a large batch.

use alloy_primitives::Address;
use assize_chain::{ChainClient, ChainError, Draft, GasRules, Rewards};
use assize_facts::SettlementId;

use crate::ranges::{Limits, cut};
use crate::{Allocations, PayoutError};

/// Operators between two that are paid, each a bare leaf, that cost as much as a claim. On any EVM, a leaf takes about 1 500 gas of
/// 75 000; on Filecoin about half a million of 19 to 43 million.
const LEAVES_PER_CLAIM: u64 = 50;
/// A claim is taken to use at most so many times `paymentGas`: a wallet that burns gas must not make all payouts look dear.
const MOST_OF_A_CLAIM: u64 = 4;
/// Payments of a batch of which the node is asked.
const SAMPLE: usize = 100;

/// Gas of claims, in units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gas {
    /// What a transaction with one claim uses.
    pub one: u64,
    /// What each further payment of a batch uses.
    pub each: u64,
    /// What a payment of a batch may use at most: the contract's `paymentGas`.
    pub payment: u64,
    /// What the chain charges for.
    pub rules: GasRules,
}

/// How much more than expected a batch may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Margin {
    /// A quarter.
    Usual,
    /// As much again: it had too little gas before.
    Large,
}

impl Gas {
    /// What a batch uses: the payments, and the bare leaves between them.
    #[must_use]
    pub fn used(&self, payments: usize, bare: usize) -> u64 {
        let further = (payments as u64).saturating_sub(1);
        self.one
            .saturating_add(self.each.saturating_mul(further))
            .saturating_add(self.leaves(bare))
    }

    /// The gas limit of a batch: what it uses, the margin, and the contract's reserve for a payment.
    #[must_use]
    pub fn limit(&self, payments: usize, bare: usize, margin: Margin) -> u64 {
        let used = self.used(payments, bare);
        let more = match margin {
            Margin::Usual => used / 4,
            Margin::Large => used,
        };
        used.saturating_add(more)
            .saturating_add(self.payment.saturating_mul(2))
    }

    /// What a batch is charged for.
    #[must_use]
    pub fn cost(&self, payments: usize, bare: usize, margin: Margin) -> u64 {
        let limit = self.limit(payments, bare, margin);
        self.rules.charged(self.used(payments, bare), limit)
    }

    /// What a transaction with one claim is charged for. Its limit is the node's estimate plus a fifth.
    #[must_use]
    pub fn cost_of_one(&self) -> u64 {
        self.rules
            .charged(self.one, self.one.saturating_add(self.one / 2))
    }

    /// What each of so many neighbours costs, together or one by one.
    #[must_use]
    pub fn cost_of_many(&self, payments: usize) -> u64 {
        let together = self.cost(payments, 0, Margin::Usual);
        together
            .div_ceil((payments as u64).max(1))
            .min(self.cost_of_one())
    }

    /// Whether a batch with a payment more, after so many bare leaves, uses less than another transaction.
    pub(crate) fn bridges(&self, bare: usize) -> bool {
        self.leaves(bare).saturating_add(self.each) < self.one
    }

    fn leaves(&self, bare: usize) -> u64 {
        (self.one / LEAVES_PER_CLAIM).saturating_mul(bare as u64)
    }

    /// Enough, if the node does not say.
    fn unknown(payment: u64, rules: GasRules) -> Self {
        let each = match rules {
            GasRules::Ethereum => payment,
            // It is less (docs/gas.md), and what is unused is paid for.
            GasRules::Filecoin => payment / 4,
        };
        Self {
            one: payment.saturating_mul(2),
            each,
            payment,
            rules,
        }
    }

    /// What the node says about claims for some of these operators, who are in the order of their places.
    ///
    /// # Errors
    /// Chain errors; none if the node cannot estimate.
    pub(crate) async fn ask(
        rewards: &Rewards,
        settlement: SettlementId,
        allocations: &Allocations,
        operators: &[Address],
        sender: Address,
    ) -> Result<Self, PayoutError> {
        let client = rewards.client();
        let payment: u64 = rewards.payment_gas().await?.saturating_to();
        let mut gas = Self::unknown(payment, client.gas_rules());
        let mut ones = Vec::new();
        for operator in spread(operators) {
            if let Some(claim) = allocations.claim(operator) {
                let draft = rewards.claim(settlement, &claim);
                ones.extend(estimate(client, &draft, sender).await?);
            }
        }
        if let Some(least) = ones.into_iter().min() {
            gas.one = gas
                .used_of_one(least)
                .min(payment.saturating_mul(MOST_OF_A_CLAIM));
        }
        let places: Vec<u32> = operators
            .iter()
            .filter_map(|operator| allocations.place(*operator))
            .collect();
        let limits = Limits {
            payouts: SAMPLE,
            gas: u64::MAX,
            ..Limits::default()
        };
        let runs = cut(&places, allocations.count(), &gas, limits, Margin::Usual);
        let largest = runs
            .into_iter()
            .filter(|run| run.len() > 1)
            .max_by_key(ExactSizeIterator::len);
        if let Some(run) = largest
            && let Some(batch) = allocations.batch_claim(operators[run.clone()].iter().copied())
            && let Some(estimate) = estimate(client, &rewards.claim_many(settlement, &batch), sender).await?
        {
            let (payments, bare) = (run.len() as u64, batch.places.len() - run.len());
            let others = gas.used_of_batch(estimate).saturating_sub(gas.used(1, bare));
            gas.each = (others / (payments - 1)).clamp(1, payment.saturating_mul(2));
        }
        Ok(gas)
    }

    fn used_of_one(&self, estimate: u64) -> u64 {
        match self.rules {
            GasRules::Ethereum => estimate,
            GasRules::Filecoin => estimate - estimate / 5,
        }
    }

    /// The least limit is above what is used by the reserve, of which the last payment has used some.
    fn used_of_batch(&self, estimate: u64) -> u64 {
        match self.rules {
            GasRules::Ethereum => estimate.saturating_sub(self.payment.saturating_mul(3) / 2),
            GasRules::Filecoin => self.used_of_one(estimate),
        }
    }
}

/// The first, the middle and the last.
fn spread(operators: &[Address]) -> Vec<Address> {
    let last = operators.len().saturating_sub(1);
    let mut indices = vec![0, last / 2, last];
    indices.dedup();
    indices
        .into_iter()
        .filter_map(|index| operators.get(index).copied())
        .collect()
}

/// The node's estimate; `None` if it has none.
async fn estimate(client: &ChainClient, draft: &Draft, sender: Address) -> Result<Option<u64>, PayoutError> {
    match client.node_estimate(draft, sender).await {
        Ok(estimate) => Ok(Some(estimate)),
        Err(ChainError::Reverted(_)) => Ok(None),
        // Some of Filecoin's nodes report a revert in words of their own.
        Err(error @ ChainError::Rpc { .. }) if !error.is_transient() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const M: u64 = 1_000_000;
    const FILECOIN: Gas = Gas {
        one: 22 * M,
        each: 5 * M,
        payment: 30 * M,
        rules: GasRules::Filecoin,
    };

    /// What `contracts/gas/filecoin.json` has measured.
    #[test]
    fn limits_suffice_on_filecoin() {
        let measured: Value =
            serde_json::from_str(include_str!("../../../contracts/gas/filecoin.json")).unwrap();
        for state in ["small", "grown"] {
            let measured = &measured[state];
            let of_batch = |payments: u64, figure: &str| {
                let batch = &measured[format!("claimMany, {payments} neighbours")];
                batch[figure].as_u64().unwrap()
            };
            let gas = Gas {
                one: measured["claim, depth 14"]["gas"].as_u64().unwrap(),
                each: (of_batch(200, "gas") - of_batch(100, "gas")) / 100,
                ..FILECOIN
            };
            for payments in [10, 100, 200] {
                let least = of_batch(payments, "leastLimit");
                let payments = usize::try_from(payments).unwrap();
                let limit = gas.limit(payments, 0, Margin::Usual);
                assert!(
                    (least..least / 2 * 3).contains(&limit),
                    "{state}, {payments}: {limit}"
                );
                // The node does not say what a small batch uses.
                let unknown = Gas {
                    one: gas.one,
                    ..Gas::unknown(gas.payment, gas.rules)
                };
                assert!(
                    unknown.limit(payments, 0, Margin::Usual) > least,
                    "{state}, {payments}"
                );
            }
        }
    }

    #[test]
    fn few_payments_are_cheaper_one_by_one_where_unused_gas_is_charged() {
        let cheaper = |gas: &Gas, payments: usize| {
            gas.cost(payments, 0, Margin::Usual) < gas.cost_of_one() * payments as u64
        };
        assert!(!cheaper(&FILECOIN, 3) && cheaper(&FILECOIN, 5));
        let elsewhere = Gas {
            one: 87_000,
            each: 39_000,
            payment: 60_000,
            rules: GasRules::Ethereum,
        };
        assert!(cheaper(&elsewhere, 2));
    }

    #[test]
    fn long_gaps_are_not_bridged() {
        assert!(FILECOIN.bridges(0) && FILECOIN.bridges(30) && !FILECOIN.bridges(45));
    }

    #[test]
    fn the_sample_is_spread() {
        let operator = |n: usize| Address::repeat_byte(n as u8);
        let sample = |count: usize| spread(&(0..count).map(operator).collect::<Vec<_>>());
        assert_eq!(sample(9), [0, 4, 8].map(operator));
        assert_eq!(sample(2), [0, 1].map(operator));
        assert_eq!(sample(1), [operator(0)]);
        assert!(sample(0).is_empty());
    }
}
