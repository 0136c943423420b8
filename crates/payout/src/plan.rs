//! Whom to pay, and in which batches.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256};
use assize_chain::Claim;
use assize_protocol::merkle::{self, Tree};

/// What a settlement grants: all-time rewards by operator, with the tree that proves them.
#[derive(Debug, Clone)]
pub struct Allocations {
    cumulative: BTreeMap<Address, u128>,
    tree: Tree,
}

impl Allocations {
    /// Builds the tree over `(operator, cumulative attoFIL)`.
    #[must_use]
    pub fn new(cumulative: BTreeMap<Address, u128>) -> Self {
        let leaves = cumulative
            .iter()
            .map(|(operator, amount)| merkle::reward_leaf(*operator, U256::from(*amount)));
        Self {
            tree: Tree::new(leaves.collect()),
            cumulative,
        }
    }

    /// The root that the chain must hold.
    #[must_use]
    pub fn root(&self) -> B256 {
        self.tree.root()
    }

    /// Who is granted anything, ascending.
    pub fn operators(&self) -> impl Iterator<Item = Address> + '_ {
        self.cumulative.keys().copied()
    }

    /// The claim of one operator; `None` if the settlement grants it nothing.
    #[must_use]
    pub fn claim(&self, operator: Address) -> Option<Claim> {
        let cumulative = U256::from(*self.cumulative.get(&operator)?);
        let proof = self.tree.proof(merkle::reward_leaf(operator, cumulative))?;
        Some(Claim {
            operator,
            cumulative,
            proof,
        })
    }
}

/// How large a batch may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Claims per transaction.
    pub claims: usize,
    /// Bytes of call data per transaction.
    pub calldata: usize,
}

impl Default for Limits {
    /// 100 claims in at most 60 000 bytes: Filecoin's message pool takes 64 KiB with everything around.
    fn default() -> Self {
        Self {
            claims: 100,
            calldata: 60_000,
        }
    }
}

/// One operator's due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payout {
    /// What the contract is given.
    pub claim: Claim,
    /// What it will pay, attoFIL.
    pub due: u128,
}

/// Whom to pay now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Ascending by operator, within the limits; no batch is empty.
    pub batches: Vec<Vec<Payout>>,
    /// Operators who are owed less than the threshold, attoFIL.
    pub below_threshold: Vec<(Address, u128)>,
    /// Operators who have been paid all that they earned.
    pub settled: usize,
}

/// Plans the payment of all who are owed at least `threshold` attoFIL. `claimed` is what the chain says each operator
/// has had; an operator that it does not name has had nothing.
#[must_use]
pub fn plan(
    allocations: &Allocations,
    claimed: &BTreeMap<Address, U256>,
    threshold: u128,
    limits: Limits,
) -> Plan {
    let mut plan = Plan::default();
    let mut batch = Vec::new();
    let mut size = EMPTY_CALL;
    for (operator, cumulative) in &allocations.cumulative {
        let had = claimed.get(operator).copied().unwrap_or_default();
        let due = U256::from(*cumulative).saturating_sub(had);
        // At most the cumulative amount, which is a u128.
        let due = u128::try_from(due).unwrap_or(*cumulative);
        if due == 0 {
            plan.settled += 1;
            continue;
        }
        if due < threshold {
            plan.below_threshold.push((*operator, due));
            continue;
        }
        let Some(claim) = allocations.claim(*operator) else {
            continue;
        };
        let claim_size = size_of_claim(&claim);
        if !batch.is_empty() && (batch.len() >= limits.claims || size + claim_size > limits.calldata) {
            plan.batches.push(std::mem::take(&mut batch));
            size = EMPTY_CALL;
        }
        size += claim_size;
        batch.push(Payout { claim, due });
    }
    if !batch.is_empty() {
        plan.batches.push(batch);
    }
    plan
}

/// Call data of `claimMany` with no claims: selector, settlement, offset and length of the list.
const EMPTY_CALL: usize = 4 + 3 * 32;

/// What one claim adds: its offset, operator, cumulative, offset and length of the proof, and the proof.
fn size_of_claim(claim: &Claim) -> usize {
    (5 + claim.proof.len()) * 32
}

#[cfg(test)]
mod tests {
    use alloy_sol_types::SolCall;
    use assize_chain::contracts::rewards::{IRewards, Rewards};
    use proptest::prelude::*;

    use super::*;

    fn allocations() -> impl Strategy<Value = BTreeMap<Address, u128>> {
        proptest::collection::btree_map(any::<[u8; 20]>().prop_map(Address::from), 0..10_000u128, 0..300)
    }

    proptest! {
        #[test]
        fn everybody_is_paid_once_or_said_why_not(
            cumulative in allocations(),
            had in proptest::collection::vec(0..10_000u128, 300),
            threshold in 0..5_000u128,
            claims in 1..50usize,
            calldata in 2_000..20_000usize,
        ) {
            let claimed: BTreeMap<_, _> =
                cumulative.keys().copied().zip(had).map(|(operator, had)| (operator, U256::from(had))).collect();
            let limits = Limits { claims, calldata };
            let book = Allocations::new(cumulative.clone());
            let plan = plan(&book, &claimed, threshold, limits);

            let paid: Vec<_> = plan.batches.concat();
            prop_assert!(paid.windows(2).all(|pair| pair[0].claim.operator < pair[1].claim.operator));
            prop_assert_eq!(paid.len() + plan.below_threshold.len() + plan.settled, cumulative.len());
            let owed: u128 = cumulative
                .iter()
                .map(|(operator, amount)| amount.saturating_sub(claimed[operator].to::<u128>()))
                .sum();
            let planned: u128 = paid.iter().map(|payout| payout.due).sum();
            let small: u128 = plan.below_threshold.iter().map(|(_, due)| due).sum();
            prop_assert_eq!(planned + small, owed);
            for payout in &paid {
                prop_assert!(payout.due >= threshold && payout.due > 0);
                let leaf = merkle::reward_leaf(payout.claim.operator, payout.claim.cumulative);
                prop_assert!(merkle::verify(book.root(), leaf, &payout.claim.proof));
            }
            for batch in &plan.batches {
                prop_assert!(!batch.is_empty() && batch.len() <= claims);
            }
        }
    }

    #[test]
    fn call_data_is_counted_to_the_byte() {
        let cumulative: BTreeMap<_, _> = (1..=37u8)
            .map(|byte| (Address::repeat_byte(byte), u128::from(byte)))
            .collect();
        let book = Allocations::new(cumulative);
        let claims: Vec<_> = book
            .operators()
            .filter_map(|operator| book.claim(operator))
            .collect();
        let counted = EMPTY_CALL + claims.iter().map(size_of_claim).sum::<usize>();
        let claims = claims
            .into_iter()
            .map(|claim| IRewards::Claim {
                operator: claim.operator,
                cumulative: claim.cumulative,
                proof: claim.proof,
            })
            .collect();
        assert_eq!(
            Rewards::claimManyCall {
                settlement: 1,
                claims
            }
            .abi_encode()
            .len(),
            counted
        );
    }
}
