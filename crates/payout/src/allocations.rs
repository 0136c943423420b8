//! The allocations of a settlement, with their proofs.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use assize_chain::{BatchClaim, Claim};
use assize_protocol::AttoFil;
use assize_protocol::merkle::{Tree, reward_leaf};

/// The allocations of a settlement: cumulative rewards by operator, with their Merkle tree.
#[derive(Debug, Clone)]
pub struct Allocations {
    cumulative: BTreeMap<Address, AttoFil>,
    tree: Tree,
}

impl Allocations {
    /// Builds the tree over `(operator, cumulative amount)`.
    #[must_use]
    pub fn new(cumulative: BTreeMap<Address, AttoFil>) -> Self {
        let leaves = cumulative
            .iter()
            .map(|(operator, amount)| reward_leaf(*operator, *amount));
        Self {
            tree: Tree::new(leaves.collect()),
            cumulative,
        }
    }

    /// The root that must be on chain.
    #[must_use]
    pub fn root(&self) -> B256 {
        self.tree.root()
    }

    /// Operators with an allocation, ascending.
    pub fn operators(&self) -> impl Iterator<Item = Address> + '_ {
        self.cumulative.keys().copied()
    }

    /// Cumulative reward of an operator; zero without an allocation.
    #[must_use]
    pub fn cumulative(&self, operator: Address) -> AttoFil {
        self.cumulative.get(&operator).copied().unwrap_or_default()
    }

    /// The claim of one operator; `None` without an allocation.
    #[must_use]
    pub fn claim(&self, operator: Address) -> Option<Claim> {
        let cumulative = *self.cumulative.get(&operator)?;
        let proof = self.tree.proof(reward_leaf(operator, cumulative))?;
        Some(Claim {
            operator,
            cumulative,
            proof,
        })
    }

    /// The claims of many operators with one proof; operators without an allocation are skipped.
    #[must_use]
    pub fn batch_claim(&self, operators: impl IntoIterator<Item = Address>) -> BatchClaim {
        let by_leaf: BTreeMap<B256, (Address, AttoFil)> = operators
            .into_iter()
            .filter_map(|operator| Some((operator, *self.cumulative.get(&operator)?)))
            .map(|(operator, cumulative)| (reward_leaf(operator, cumulative), (operator, cumulative)))
            .collect();
        let leaves: Vec<B256> = by_leaf.keys().copied().collect();
        // All of them are distinct leaves of the tree.
        let multi = self.tree.multi_proof(&leaves).unwrap_or_default();
        BatchClaim {
            allocations: by_leaf.into_values().collect(),
            proof: multi.proof,
            flags: multi.flags,
        }
    }

    /// Sorts in the order of the tree's leaves: neighbours share their proofs.
    pub fn sort_by_leaf<T>(&self, items: &mut [T], operator_of: impl Fn(&T) -> Address) {
        items.sort_by_cached_key(|item| {
            let operator = operator_of(item);
            reward_leaf(operator, self.cumulative(operator))
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use assize_protocol::merkle::{MultiProof, verify, verify_multi};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn single_and_joint_proofs_lead_to_the_root(
            cumulative in prop::collection::btree_map(any::<[u8; 20]>().prop_map(Address::from), any::<u128>().prop_map(AttoFil::new), 1..100),
            chosen in prop::collection::vec(any::<prop::sample::Index>(), 1..100),
        ) {
            let book = Allocations::new(cumulative.clone());
            let everybody: Vec<Address> = cumulative.keys().copied().collect();
            for operator in &everybody {
                let claim = book.claim(*operator).unwrap();
                prop_assert!(verify(book.root(), reward_leaf(claim.operator, claim.cumulative), &claim.proof));
            }
            let some: BTreeSet<Address> = chosen.iter().map(|index| *index.get(&everybody)).collect();
            let batch = book.batch_claim(some.iter().copied());
            let named: BTreeSet<Address> = batch.allocations.iter().map(|(operator, _)| *operator).collect();
            prop_assert_eq!(&named, &some);
            let multi = MultiProof {
                leaves: batch.allocations.iter().map(|(operator, amount)| reward_leaf(*operator, *amount)).collect(),
                proof: batch.proof,
                flags: batch.flags,
            };
            prop_assert!(verify_multi(book.root(), &multi));
        }
    }

    #[test]
    fn a_stranger_has_no_claim() {
        let five = (Address::repeat_byte(1), AttoFil::new(5));
        let book = Allocations::new(BTreeMap::from([five]));
        let stranger = Address::repeat_byte(2);
        assert_eq!(book.claim(stranger), None);
        assert_eq!(book.cumulative(stranger), AttoFil::ZERO);
        let batch = book.batch_claim([stranger, Address::repeat_byte(1)]);
        assert_eq!(batch.allocations, [five]);
    }
}
