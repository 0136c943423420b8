//! Merkle trees in which a leaf's index is its path (`docs/protocol.md` §8.2).
//!
//! The lines of a batch, the allocations of a settlement and the sheet of an operator are such trees. A tree of `n` leaves has
//! the depth `ceil(log2(n))`; the places from `n` up to the power of two hold zero, and a node is the keccak of its left and its
//! right child. So a place can be named, and nothing can be in the tree beside what is shown of it. Root and `n` always go
//! together: a root alone does not say how deep its tree is.
//!
//! ```
//! use assize_protocol::{B256, positional};
//!
//! let leaves: Vec<B256> = (1..=5).map(B256::repeat_byte).collect();
//! let tree = positional::Tree::new(leaves.clone());
//! let proof = tree.proof(4).unwrap();
//! assert!(positional::verify(tree.root(), 5, leaves[4], 4, &proof));
//! assert!(!positional::verify(tree.root(), 5, leaves[4], 3, &proof));
//! ```

use alloc::vec::Vec;

use alloy_primitives::{B256, keccak256};

/// A tree with all its nodes, for proofs; about 64 bytes per leaf. [`RootOf`] gives the root alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// From the leaves up to the root; of each level the nodes above leaves that exist.
    levels: Vec<Vec<B256>>,
}

impl Tree {
    /// The tree over these leaves, in this order.
    ///
    /// # Panics
    /// Beyond 2³² − 1 leaves, which no place could name.
    #[must_use]
    pub fn new(leaves: Vec<B256>) -> Self {
        assert!(
            u32::try_from(leaves.len()).is_ok(),
            "a tree has at most 2^32 - 1 leaves"
        );
        let mut levels = Vec::new();
        let mut nodes = leaves;
        let mut nothing = B256::ZERO;
        while nodes.len() > 1 {
            let above = nodes
                .chunks(2)
                .map(|pair| parent(pair[0], pair.get(1).copied().unwrap_or(nothing)))
                .collect();
            levels.push(core::mem::replace(&mut nodes, above));
            nothing = parent(nothing, nothing);
        }
        levels.push(nodes);
        Self { levels }
    }

    /// The root; zero for a tree without leaves.
    #[must_use]
    pub fn root(&self) -> B256 {
        self.levels
            .last()
            .and_then(|top| top.first())
            .copied()
            .unwrap_or_default()
    }

    /// Number of leaves.
    #[must_use]
    pub fn count(&self) -> u32 {
        // Not more, since `new` counted them.
        self.levels.first().map_or(0, Vec::len) as u32
    }

    /// The leaf in a place.
    #[must_use]
    pub fn leaf(&self, index: u32) -> Option<B256> {
        self.levels.first()?.get(index as usize).copied()
    }

    /// The siblings of a leaf, from its level upwards; `None` if there is no such leaf.
    #[must_use]
    pub fn proof(&self, index: u32) -> Option<Vec<B256>> {
        self.range_proof(index, 1)
    }

    /// What does not follow from the `length` leaves from place `start` on: level by level from below, the left neighbour of
    /// the first node, if that is a right child, then the right neighbour of the last one, if that is a left child. `None` for
    /// no leaves, or for leaves outside the tree.
    #[must_use]
    pub fn range_proof(&self, start: u32, length: u32) -> Option<Vec<B256>> {
        let end = start.checked_add(length)?;
        if length == 0 || end > self.count() {
            return None;
        }
        let (mut start, mut end) = (start as usize, end as usize);
        let mut siblings = Vec::new();
        let mut nothing = B256::ZERO;
        let (_, below) = self.levels.split_last()?;
        for nodes in below {
            if start % 2 == 1 {
                siblings.push(nodes[start - 1]);
            }
            if end % 2 == 1 {
                siblings.push(nodes.get(end).copied().unwrap_or(nothing));
            }
            (start, end) = (start / 2, end.div_ceil(2));
            nothing = parent(nothing, nothing);
        }
        Some(siblings)
    }
}

/// The root of a tree whose leaves come one after another. Keeps one node per level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootOf {
    /// By level from below: the root of a full subtree, where the count has a 1.
    full: Vec<B256>,
    count: u32,
}

impl RootOf {
    /// Adds the next leaf.
    ///
    /// # Panics
    /// Beyond 2³² − 1 leaves, which no place could name.
    pub fn push(&mut self, leaf: B256) {
        assert!(self.count < u32::MAX, "a tree has at most 2^32 - 1 leaves");
        let mut node = leaf;
        let mut level = 0;
        while self.count >> level & 1 == 1 {
            node = parent(self.full[level], node);
            level += 1;
        }
        match self.full.get_mut(level) {
            Some(place) => *place = node,
            None => self.full.push(node),
        }
        self.count += 1;
    }

    /// Leaves so far.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The root over the leaves so far; zero without any.
    #[must_use]
    pub fn root(&self) -> B256 {
        let mut nothing = B256::ZERO;
        // What is to the right of the full subtrees: at first nothing.
        let mut rest = None;
        for level in 0..depth(self.count) {
            let full = (self.count >> level & 1 == 1).then(|| self.full[level as usize]);
            rest = match (full, rest) {
                (Some(left), right) => Some(parent(left, right.unwrap_or(nothing))),
                (None, Some(left)) => Some(parent(left, nothing)),
                (None, None) => None,
            };
            nothing = parent(nothing, nothing);
        }
        rest.or_else(|| self.full.last().copied()).unwrap_or_default()
    }
}

impl Extend<B256> for RootOf {
    fn extend<I: IntoIterator<Item = B256>>(&mut self, leaves: I) {
        leaves.into_iter().for_each(|leaf| self.push(leaf));
    }
}

impl FromIterator<B256> for RootOf {
    fn from_iter<I: IntoIterator<Item = B256>>(leaves: I) -> Self {
        let mut root = Self::default();
        root.extend(leaves);
        root
    }
}

/// Levels above the leaves of a tree with this many of them: `ceil(log2(count))`; 0 for none.
#[must_use]
pub fn depth(count: u32) -> u32 {
    u32::BITS - count.saturating_sub(1).leading_zeros()
}

/// Whether `proof` shows that place `index` of a tree with this root and this many leaves holds `leaf`.
#[must_use]
pub fn verify(root: B256, count: u32, leaf: B256, index: u32, proof: &[B256]) -> bool {
    verify_range(root, count, &[leaf], index, proof)
}

/// Whether `siblings` show that the places from `start` on, of a tree with this root and this many leaves, hold `leaves`, which
/// are at least one.
#[must_use]
pub fn verify_range(root: B256, count: u32, leaves: &[B256], start: u32, siblings: &[B256]) -> bool {
    let end = u32::try_from(leaves.len())
        .ok()
        .and_then(|length| start.checked_add(length));
    let Some(end) = end.filter(|&end| start < end && end <= count) else {
        return false;
    };
    let mut siblings = siblings.iter().copied();
    let mut nodes = leaves.to_vec();
    let (mut start, mut end) = (start, end);
    for _ in 0..depth(count) {
        if start % 2 == 1 {
            let Some(left) = siblings.next() else { return false };
            nodes.insert(0, left);
        }
        if end % 2 == 1 {
            let Some(right) = siblings.next() else {
                return false;
            };
            nodes.push(right);
        }
        // Now the nodes begin with a left child and end with a right one.
        nodes = nodes
            .chunks_exact(2)
            .map(|pair| parent(pair[0], pair[1]))
            .collect();
        (start, end) = (start / 2, end.div_ceil(2));
    }
    siblings.next().is_none() && nodes == [root]
}

fn parent(left: B256, right: B256) -> B256 {
    keccak256([left.0, right.0].as_flattened())
}
