//! Whom to pay, and in which batches.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, U256};
use assize_chain::BatchClaim;

use crate::Allocations;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payout {
    /// Who earns.
    pub operator: Address,
    /// What the contract will pay, attoFIL.
    pub due: u128,
}

/// A batch of payouts, as the contract takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// In the order of the tree's leaves.
    pub payouts: Vec<Payout>,
    /// What the contract is given.
    pub claim: BatchClaim,
}

/// Whom to pay now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Within the limits; no batch is empty.
    pub batches: Vec<Batch>,
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
    let mut due_by_operator = BTreeMap::new();
    for operator in allocations.operators() {
        let cumulative = allocations.cumulative(operator);
        let had = claimed.get(&operator).copied().unwrap_or_default();
        // At most the cumulative amount, which is a u128.
        let due: u128 = U256::from(cumulative).saturating_sub(had).saturating_to();
        match due {
            0 => plan.settled += 1,
            due if due < threshold => plan.below_threshold.push((operator, due)),
            due => drop(due_by_operator.insert(operator, due)),
        }
    }
    let mut operators: Vec<Address> = due_by_operator.keys().copied().collect();
    allocations.sort(&mut operators);
    let mut rest = operators.as_slice();
    while !rest.is_empty() {
        let mut count = rest.len().min(limits.claims.max(1));
        let claim = loop {
            let claim = allocations.batch_claim(&rest[..count].iter().copied().collect::<BTreeSet<_>>());
            if count == 1 || size_of(&claim) <= limits.calldata {
                break claim;
            }
            count = count.div_ceil(2);
        };
        let (batch, others) = rest.split_at(count);
        let payout = |operator: &Address| Payout {
            operator: *operator,
            due: due_by_operator[operator],
        };
        plan.batches.push(Batch {
            payouts: batch.iter().map(payout).collect(),
            claim,
        });
        rest = others;
    }
    plan
}

/// Call data of `claimMany`: the selector; settlement and three offsets; three lists with their lengths.
fn size_of(claim: &BatchClaim) -> usize {
    let words = 4 + 3 + 2 * claim.allocations.len() + claim.proof.len() + claim.flags.len();
    4 + 32 * words
}
