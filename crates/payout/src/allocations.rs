//! The allocations of a settlement, with their proofs.

use alloy_primitives::{Address, B256};
use assize_chain::{BatchClaim, Claim, Claimed};
use assize_protocol::positional::Tree;
use assize_protocol::{Allocation, AttoFil};

/// The allocations of a settlement: the leaves of its rewards tree, each in its place.
#[derive(Debug, Clone)]
pub struct Allocations {
    leaves: Vec<Allocation>,
    /// The places ascending by operator, of one operator ascending by amount.
    by_operator: Vec<u32>,
    tree: Tree,
}

impl Allocations {
    /// The tree over these leaves, in this order.
    ///
    /// # Panics
    /// Beyond 2³² − 1 leaves, which no place could name.
    #[must_use]
    pub fn new(leaves: Vec<Allocation>) -> Self {
        let tree = Tree::new(leaves.iter().map(Allocation::leaf).collect());
        let mut by_operator: Vec<u32> = (0..tree.count()).collect();
        by_operator.sort_by_key(|&place| {
            let leaf = &leaves[place as usize];
            (leaf.operator, leaf.cumulative)
        });
        Self {
            leaves,
            by_operator,
            tree,
        }
    }

    /// The same with the leaves in the protocol's order, ascending by operator.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.leaves.sort_by_key(|leaf| leaf.operator);
        Self::new(self.leaves)
    }

    /// The root that must be on chain.
    #[must_use]
    pub fn root(&self) -> B256 {
        self.tree.root()
    }

    /// Number of leaves.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.tree.count()
    }

    /// Operators with an allocation, ascending.
    pub fn operators(&self) -> impl Iterator<Item = Address> + '_ {
        let mut last = None;
        let operators = self.by_operator.iter();
        operators
            .map(|&place| self.leaves[place as usize].operator)
            .filter(move |operator| last.replace(*operator) != Some(*operator))
    }

    /// An operator's place in the tree; `None` without an allocation. A tree with several for one operator is not in order; then
    /// it is that of the highest amount.
    #[must_use]
    pub fn place(&self, operator: Address) -> Option<u32> {
        let end = self
            .by_operator
            .partition_point(|&place| self.leaves[place as usize].operator <= operator);
        let place = *self.by_operator.get(end.checked_sub(1)?)?;
        (self.leaves[place as usize].operator == operator).then_some(place)
    }

    /// Cumulative reward of an operator; zero without an allocation.
    #[must_use]
    pub fn cumulative(&self, operator: Address) -> AttoFil {
        self.place(operator)
            .map_or(AttoFil::ZERO, |place| self.leaves[place as usize].cumulative)
    }

    /// The claim of one operator; `None` without an allocation.
    #[must_use]
    pub fn claim(&self, operator: Address) -> Option<Claim> {
        let index = self.place(operator)?;
        Some(Claim {
            index,
            share: (&self.leaves[index as usize]).into(),
            proof: self.tree.proof(index)?,
        })
    }

    /// The claims of operators in a range of places, from the first one's to the last one's, with one proof; operators between
    /// them are not paid. `None` if one has no allocation, or there is none.
    #[must_use]
    pub fn batch_claim(&self, operators: impl IntoIterator<Item = Address>) -> Option<BatchClaim> {
        let places: Option<Vec<u32>> = operators
            .into_iter()
            .map(|operator| self.place(operator))
            .collect();
        let mut paid = places?;
        paid.sort_unstable();
        let (start, end) = (*paid.first()?, *paid.last()?);
        let claimed = |place: u32| match paid.binary_search(&place) {
            Ok(_) => Some(Claimed::Paid((&self.leaves[place as usize]).into())),
            Err(_) => self.tree.leaf(place).map(Claimed::Unpaid),
        };
        Some(BatchClaim {
            start,
            places: (start..=end).map(claimed).collect::<Option<_>>()?,
            siblings: self.tree.range_proof(start, end - start + 1)?,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use assize_chain::Share;
    use assize_protocol::claim_leaf;
    use assize_protocol::positional::{verify, verify_range};
    use proptest::prelude::*;

    use super::*;

    /// The allocations of a first settlement that grants these amounts.
    pub(crate) fn book(amounts: &BTreeMap<Address, AttoFil>) -> Allocations {
        let mut running = AttoFil::ZERO;
        let leaf = |(operator, cumulative): (&Address, &AttoFil)| {
            running = running.saturating_add(*cumulative);
            Allocation {
                operator: *operator,
                cumulative: *cumulative,
                running,
                grown: *cumulative,
                reports: 1,
                sheet: B256::repeat_byte(7),
            }
        };
        Allocations::new(amounts.iter().map(leaf).collect())
    }

    /// The leaf that a claim shows.
    pub(crate) fn leaf_of(share: &Share) -> B256 {
        claim_leaf(share.operator, share.cumulative, share.rest)
    }

    /// The leaves of a batch.
    pub(crate) fn leaves(batch: &BatchClaim) -> Vec<B256> {
        let leaf = |place: &Claimed| match place {
            Claimed::Paid(share) => leaf_of(share),
            Claimed::Unpaid(leaf) => *leaf,
        };
        batch.places.iter().map(leaf).collect()
    }

    /// The operators that a batch pays, in order.
    pub(crate) fn paid(batch: &BatchClaim) -> Vec<Address> {
        let paid = |place: &Claimed| match place {
            Claimed::Paid(share) => Some(share.operator),
            Claimed::Unpaid(_) => None,
        };
        batch.places.iter().filter_map(paid).collect()
    }

    proptest! {
        #[test]
        fn single_and_joint_proofs_lead_to_the_root(
            amounts in prop::collection::btree_map(any::<[u8; 20]>().prop_map(Address::from), any::<u128>().prop_map(AttoFil::new), 1..100),
            chosen in prop::collection::vec(any::<prop::sample::Index>(), 1..100),
        ) {
            let book = book(&amounts);
            let everybody: Vec<Address> = amounts.keys().copied().collect();
            prop_assert_eq!(book.operators().collect::<Vec<_>>(), everybody.clone());
            for operator in &everybody {
                let claim = book.claim(*operator).unwrap();
                prop_assert_eq!((claim.share.operator, claim.share.cumulative), (*operator, amounts[operator]));
                prop_assert!(verify(book.root(), book.count(), leaf_of(&claim.share), claim.index, &claim.proof));
            }
            let mut some: Vec<Address> = chosen.iter().map(|index| *index.get(&everybody)).collect();
            let batch = book.batch_claim(some.iter().copied()).unwrap();
            some.sort_unstable();
            some.dedup();
            prop_assert_eq!(paid(&batch), some);
            prop_assert!(verify_range(book.root(), book.count(), &leaves(&batch), batch.start, &batch.siblings));
        }
    }

    #[test]
    fn a_stranger_has_no_claim() {
        let (somebody, stranger) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let book = book(&BTreeMap::from([(somebody, AttoFil::new(5))]));
        assert_eq!((book.claim(stranger), book.place(stranger)), (None, None));
        assert_eq!(book.place(Address::ZERO), None);
        assert_eq!(book.cumulative(stranger), AttoFil::ZERO);
        assert_eq!(book.batch_claim([stranger, somebody]), None);
        assert_eq!(book.batch_claim([]), None);
    }

    /// The root on chain decides, not the protocol's order.
    #[test]
    fn leaves_keep_their_places_whatever_their_order() {
        let (low, high) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let ordered = book(&BTreeMap::from([(low, AttoFil::new(5)), (high, AttoFil::new(7))]));
        let [first, second] = ordered.leaves[..] else {
            panic!()
        };
        let more = Allocation {
            cumulative: AttoFil::new(9),
            ..first
        };
        let odd = Allocations::new(vec![more, second, first]);
        assert_eq!(odd.operators().collect::<Vec<_>>(), [low, high]);
        assert_eq!(
            (odd.cumulative(low), odd.claim(low).unwrap().index),
            (AttoFil::new(9), 0)
        );
        assert_ne!(odd.root(), ordered.root());
        let turned = Allocations::new(vec![second, first]);
        assert_eq!(turned.claim(low).unwrap().index, 1);
        assert_eq!(turned.in_order().root(), ordered.root());
    }
}
