//! Merkle trees of rosters and task lists, compatible with OpenZeppelin's `StandardMerkleTree` (`docs/protocol.md` §8.1). The
//! others are [`positional`](crate::positional).
//!
//! Leaves are `keccak256(keccak256(abi.encode(…)))`, sorted by value; the parent of two nodes is the keccak of both,
//! the smaller first. npm `@openzeppelin/merkle-tree` gives the same roots, and Solidity's `MerkleProof` checks the
//! proofs.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use alloy_primitives::{Address, B128, B256, keccak256};

use crate::{ProviderId, StationIndex, TaskIndex, leaf};

/// A Merkle tree over a set of leaves. The root does not depend on the order in which they are given.
///
/// A tree without leaves has the root zero and no proofs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// A heap: the children of node `i` are `2i + 1` and `2i + 2`; the leaves come last, in descending order.
    nodes: Vec<B256>,
    leaves: usize,
}

impl Tree {
    /// Builds the tree; takes 64 bytes per leaf.
    #[must_use]
    pub fn new(mut leaves: Vec<B256>) -> Self {
        leaves.sort_unstable();
        let count = leaves.len();
        let inner = count.saturating_sub(1);
        let mut nodes = alloc::vec![B256::ZERO; inner];
        nodes.extend(leaves.into_iter().rev());
        for parent in (0..inner).rev() {
            nodes[parent] = hash_pair(nodes[2 * parent + 1], nodes[2 * parent + 2]);
        }
        Self { nodes, leaves: count }
    }

    /// The root; zero for a tree without leaves.
    #[must_use]
    pub fn root(&self) -> B256 {
        self.nodes.first().copied().unwrap_or_default()
    }

    /// Number of leaves.
    #[must_use]
    pub fn len(&self) -> usize {
        self.leaves
    }

    /// Whether the tree has no leaves.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.leaves == 0
    }

    /// The siblings from `leaf` up to the root; `None` if the tree has no such leaf.
    #[must_use]
    pub fn proof(&self, leaf: B256) -> Option<Vec<B256>> {
        let mut node = self.node_of(leaf)?;
        let mut proof = Vec::new();
        while node > 0 {
            proof.push(self.nodes[sibling(node)]);
            node = parent(node);
        }
        Some(proof)
    }

    /// Position of a leaf in the heap.
    fn node_of(&self, leaf: B256) -> Option<usize> {
        let first = self.nodes.len() - self.leaves;
        let place = self.nodes[first..].binary_search_by(|node| leaf.cmp(node)).ok()?;
        Some(first + place)
    }
}

/// Root of the tree of these leaves, as [`Tree::root`], without a tree: it takes no more memory than the leaves.
#[must_use]
pub fn root_of(mut leaves: Vec<B256>) -> B256 {
    leaves.sort_unstable();
    // From the tree's last node to its root: the first two are the children of the next node that is missing.
    let mut nodes = VecDeque::from(leaves);
    while let Some(first) = nodes.pop_front() {
        match nodes.pop_front() {
            Some(second) => nodes.push_back(hash_pair(first, second)),
            None => return first,
        }
    }
    B256::ZERO
}

fn sibling(node: usize) -> usize {
    if node % 2 == 1 { node + 1 } else { node - 1 }
}

fn parent(node: usize) -> usize {
    (node - 1) / 2
}

/// Whether `proof` leads from `leaf` to `root`; OpenZeppelin's `MerkleProof.verify`.
#[must_use]
pub fn verify(root: B256, leaf: B256, proof: &[B256]) -> bool {
    proof.iter().fold(leaf, |node, &sibling| hash_pair(node, sibling)) == root
}

/// Leaf of the roster: `(uint256 index, address station, address operator, bytes16 subnet)`.
#[must_use]
pub fn roster_leaf(index: StationIndex, station: Address, operator: Address, subnet: B128) -> B256 {
    leaf::of_words(&[
        leaf::number(index.0),
        leaf::address(station),
        leaf::address(operator),
        leaf::tag(subnet),
    ])
}

/// Leaf of the task list: `(uint256 index, bytes cid, uint64 provider)`, with the CID in its binary form.
#[must_use]
pub fn task_leaf(index: TaskIndex, cid: &[u8], provider: ProviderId) -> B256 {
    // The dynamic `bytes` is an offset in the head; its length and padded content follow the head.
    let mut words = alloc::vec![
        leaf::number(index.0),
        leaf::number(3_u64 * 32),
        leaf::number(provider.0),
        leaf::number(cid.len() as u64)
    ];
    words.extend(cid.chunks(32).map(B256::right_padding_from));
    leaf::of_words(&words)
}

fn hash_pair(a: B256, b: B256) -> B256 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    keccak256([low.0, high.0].as_flattened())
}
