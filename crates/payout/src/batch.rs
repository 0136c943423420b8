//! Payouts as transactions.

use std::collections::BTreeMap;
use std::ops::Range;

use alloy_primitives::Address;
use assize_chain::{BatchClaim, Claim, Draft, Rewards};
use assize_facts::SettlementId;
use assize_protocol::AttoFil;

use crate::plan::total;
use crate::ranges::cut;
use crate::{Allocations, FailedPayment, Gas, Limits, Margin, Payout};

/// Payouts of one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// In the order of the tree's leaves.
    pub payouts: Vec<Payout>,
    /// The contract call.
    pub call: Call,
    /// Units of gas that it will be charged for.
    pub gas: u64,
    /// How much more than expected it may use.
    pub margin: Margin,
}

/// A contract call that pays operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `claim`: whose recipient gets all the gas that there is, and needs no reserve.
    One(Claim),
    /// `claimMany`, with its gas limit.
    Many(BatchClaim, u64),
}

impl Call {
    /// The transaction.
    #[must_use]
    pub fn draft(&self, rewards: &Rewards, settlement: SettlementId) -> Draft {
        match self {
            Self::One(claim) => rewards.claim(settlement, claim),
            Self::Many(batch, gas_limit) => rewards.claim_many(settlement, batch).with_gas_limit(*gas_limit),
        }
    }
}

impl Batch {
    /// Splits payouts like [`Batch::cut`], except for those that have failed before: those of a batch that may have had too
    /// little gas get more, and all others a transaction each, so that they cannot harm anybody.
    #[must_use]
    pub fn cut_apart(
        payouts: &[Payout],
        doubts: &BTreeMap<Address, FailedPayment>,
        allocations: &Allocations,
        gas: &Gas,
        limits: Limits,
    ) -> Vec<Self> {
        let of = |alone: Option<bool>| -> Vec<Payout> {
            let is_one = |payout: &&Payout| doubts.get(&payout.operator).map(|doubt| doubt.alone) == alone;
            payouts.iter().filter(is_one).copied().collect()
        };
        let single = Limits { payouts: 1, ..limits };
        let mut batches = Self::cut(&of(None), allocations, gas, limits, Margin::Usual);
        batches.extend(Self::cut(
            &of(Some(false)),
            allocations,
            gas,
            limits,
            Margin::Large,
        ));
        batches.extend(Self::cut(
            &of(Some(true)),
            allocations,
            gas,
            single,
            Margin::Usual,
        ));
        batches
    }

    /// Splits payouts of a plan for these allocations into batches within the limits.
    #[must_use]
    pub fn cut(
        payouts: &[Payout],
        allocations: &Allocations,
        gas: &Gas,
        limits: Limits,
        margin: Margin,
    ) -> Vec<Self> {
        let operator_of = |payout: &Payout| payout.operator;
        calls(payouts, operator_of, allocations, gas, limits, margin)
            .unwrap_or_default()
            .into_iter()
            .map(|(run, call, gas)| Self {
                payouts: run.to_vec(),
                call,
                gas,
                margin,
            })
            .collect()
    }

    /// The amount that the contract will pay.
    #[must_use]
    pub fn total(&self) -> AttoFil {
        total(&self.payouts)
    }
}

/// A call for some items, and the units of gas that it is charged for.
pub(crate) type CallFor<'a, T> = (&'a [T], Call, u64);

/// The calls that pay for these items, which are in the order of the tree's leaves.
///
/// # Errors
/// An operator without an allocation.
pub(crate) fn calls<'a, T>(
    items: &'a [T],
    operator_of: impl Fn(&T) -> Address,
    allocations: &Allocations,
    gas: &Gas,
    limits: Limits,
    margin: Margin,
) -> Result<Vec<CallFor<'a, T>>, Address> {
    let place_of = |item: &T| {
        let operator = operator_of(item);
        allocations.place(operator).ok_or(operator)
    };
    let places: Vec<u32> = items.iter().map(place_of).collect::<Result<_, _>>()?;
    let call = |run: Range<usize>| {
        let items = &items[run];
        if let [item] = items {
            let claim = allocations.claim(operator_of(item))?;
            return Some((items, Call::One(claim), gas.cost_of_one()));
        }
        let batch = allocations.batch_claim(items.iter().map(&operator_of))?;
        let bare = batch.places.len() - items.len();
        let limit = gas.limit(items.len(), bare, margin);
        let cost = gas.cost(items.len(), bare, margin);
        Some((items, Call::Many(batch, limit), cost))
    };
    let runs = cut(&places, allocations.count(), gas, limits, margin);
    Ok(runs.into_iter().filter_map(call).collect())
}

#[cfg(test)]
mod tests {
    use alloy_sol_types::SolCall;
    use assize_chain::contracts::rewards::{IRewards, Rewards};
    use assize_chain::{Claimed, GasRules};
    use assize_protocol::positional::{verify, verify_range};
    use proptest::prelude::*;

    use super::*;
    use crate::allocations::tests::{book, leaf_of, leaves, paid};
    use crate::ranges::calldata;

    const GAS: Gas = Gas {
        one: 87_000,
        each: 39_000,
        payment: 60_000,
        rules: GasRules::Ethereum,
    };

    fn payout(operator: Address) -> Payout {
        Payout {
            operator,
            due: AttoFil::new(1),
            waiting_since: 0,
        }
    }

    fn operator(n: u16) -> Address {
        let mut bytes = [0xa5; 20];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        bytes.into()
    }

    proptest! {
        #[test]
        fn batches_hold_every_payout_once_and_lead_to_the_root(
            operators in 1..2_000u16,
            // Of a thousand, how many are paid.
            share in 1..1_000u32,
            seed: [u8; 32],
            payouts in 1..50usize,
            calldata in 2_000..20_000usize,
            most in 200_000..5_000_000u64,
        ) {
            let book = book(&(0..operators).map(|n| (operator(n), AttoFil::new(1))).collect());
            let mut random = proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &seed);
            let chosen: Vec<Payout> =
                book.operators().filter(|_| random.next_u32() % 1_000 < share).map(payout).collect();
            let limits = Limits { payouts, calldata, gas: most };
            let batches = Batch::cut(&chosen, &book, &GAS, limits, Margin::Usual);
            let together: Vec<Payout> = batches.iter().flat_map(|batch| batch.payouts.clone()).collect();
            prop_assert_eq!(together, chosen);
            for batch in &batches {
                let named: Vec<Address> = batch.payouts.iter().map(|payout| payout.operator).collect();
                match &batch.call {
                    Call::One(claim) => {
                        prop_assert_eq!(named, vec![claim.share.operator]);
                        let leaf = leaf_of(&claim.share);
                        prop_assert!(verify(book.root(), book.count(), leaf, claim.index, &claim.proof));
                    }
                    Call::Many(many, limit) => {
                        prop_assert!(named.len() > 1 && named.len() <= payouts && *limit <= most);
                        prop_assert_eq!(paid(many), named);
                        prop_assert!(encoded(many).len() <= calldata);
                        prop_assert!(verify_range(book.root(), book.count(), &leaves(many), many.start, &many.siblings));
                    }
                }
            }
        }
    }

    /// The call data that is sent.
    fn encoded(batch: &BatchClaim) -> Vec<u8> {
        let allocation = |place: &Claimed| match place {
            Claimed::Paid(share) => IRewards::Allocation {
                operator: share.operator,
                cumulative: share.cumulative.atto(),
                rest: share.rest,
            },
            Claimed::Unpaid(leaf) => IRewards::Allocation {
                operator: Address::ZERO,
                cumulative: AttoFil::ZERO.atto(),
                rest: *leaf,
            },
        };
        let call = Rewards::claimManyCall {
            settlement: 1,
            start: batch.start,
            allocations: batch.places.iter().map(allocation).collect(),
            siblings: batch.siblings.clone(),
        };
        call.abi_encode()
    }

    #[test]
    fn call_data_is_counted_to_the_byte() {
        let book = book(&(0..37).map(|n| (operator(n), AttoFil::new(1))).collect());
        for (start, end) in [(0, 37), (5, 30), (6, 9), (36, 37)] {
            let batch = book.batch_claim([operator(start), operator(end - 1)]).unwrap();
            let length = usize::from(end - start);
            assert_eq!(encoded(&batch).len(), calldata(batch.start, length, book.count()));
        }
    }

    #[test]
    fn those_that_failed_are_kept_apart() {
        let book = book(&(0..9).map(|n| (operator(n), AttoFil::new(1))).collect());
        let payouts: Vec<Payout> = book.operators().map(payout).collect();
        let failed = |alone| FailedPayment {
            alone,
            ..FailedPayment::default()
        };
        let doubts = BTreeMap::from([
            (operator(1), failed(true)),
            (operator(2), failed(false)),
            (operator(4), failed(false)),
            (operator(6), failed(true)),
        ]);
        let batches = Batch::cut_apart(&payouts, &doubts, &book, &GAS, Limits::default());
        let named: Vec<(Margin, Vec<Address>)> = batches
            .iter()
            .map(|batch| {
                (
                    batch.margin,
                    batch.payouts.iter().map(|payout| payout.operator).collect(),
                )
            })
            .collect();
        let some = |numbers: &[u16]| numbers.iter().map(|n| operator(*n)).collect::<Vec<_>>();
        assert_eq!(
            named,
            [
                (Margin::Usual, some(&[0, 3, 5, 7, 8])),
                (Margin::Large, some(&[2, 4])),
                (Margin::Usual, some(&[1])),
                (Margin::Usual, some(&[6])),
            ]
        );
    }
}
