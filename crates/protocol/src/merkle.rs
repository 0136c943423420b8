//! Merkle trees and their leaves, compatible with OpenZeppelin's `StandardMerkleTree` (`docs/protocol.md` §8).
//!
//! Leaves are `keccak256(keccak256(abi.encode(…)))`, sorted by value; the parent of two nodes is the keccak of both,
//! the smaller first. npm `@openzeppelin/merkle-tree` gives the same roots, and Solidity's `MerkleProof` checks the
//! proofs.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use alloy_primitives::{Address, B128, B256, keccak256};

use crate::{AttoFil, CommitteeIndex, ProviderId, RoundNumber, StationIndex, TaskIndex, TaskNumber};

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

    /// One proof of several leaves, in any order; `None` if one is not in the tree or is given twice.
    ///
    /// Adjacent leaves (ascending by hash) share siblings, so it is much shorter than their single proofs.
    #[must_use]
    pub fn multi_proof(&self, leaves: &[B256]) -> Option<MultiProof> {
        let mut nodes = leaves
            .iter()
            .map(|&leaf| self.node_of(leaf))
            .collect::<Option<Vec<_>>>()?;
        nodes.sort_unstable_by(|a, b| b.cmp(a));
        if nodes.windows(2).any(|pair| pair[0] == pair[1]) {
            return None;
        }
        let mut multi = MultiProof {
            leaves: nodes.iter().map(|&node| self.nodes[node]).collect(),
            ..MultiProof::default()
        };
        if nodes.is_empty() {
            multi.proof.push(self.root());
        }
        // Level by level from below, right to left: the order in which the verifier hashes.
        let mut queue = VecDeque::from(nodes);
        while let Some(node) = queue.pop_front().filter(|&node| node > 0) {
            let both_known = queue.front() == Some(&sibling(node));
            if both_known {
                queue.pop_front();
            } else {
                multi.proof.push(self.nodes[sibling(node)]);
            }
            multi.flags.push(both_known);
            queue.push_back(parent(node));
        }
        Some(multi)
    }

    /// Position of a leaf in the heap.
    fn node_of(&self, leaf: B256) -> Option<usize> {
        let first = self.nodes.len() - self.leaves;
        let place = self.nodes[first..].binary_search_by(|node| leaf.cmp(node)).ok()?;
        Some(first + place)
    }
}

/// One proof of several leaves, in the format of `@openzeppelin/merkle-tree` and Solidity's
/// `MerkleProof.multiProofVerify`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MultiProof {
    /// The leaves, ascending.
    pub leaves: Vec<B256>,
    /// Siblings that do not follow from the leaves.
    pub proof: Vec<B256>,
    /// For each hash: whether both of its children follow from the leaves.
    pub flags: Vec<bool>,
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

/// Whether a multiproof leads from its leaves to `root`; OpenZeppelin's `MerkleProof.multiProofVerify`.
#[must_use]
pub fn verify_multi(root: B256, multi: &MultiProof) -> bool {
    let MultiProof { leaves, proof, flags } = multi;
    if leaves.len() + proof.len() != flags.len() + 1 {
        return false;
    }
    let mut known: VecDeque<B256> = leaves.iter().copied().collect();
    let mut siblings = proof.iter().copied();
    for &both_known in flags {
        let first = known.pop_front();
        let second = if both_known {
            known.pop_front()
        } else {
            siblings.next()
        };
        match (first, second) {
            (Some(first), Some(second)) => known.push_back(hash_pair(first, second)),
            _ => return false,
        }
    }
    match (known.pop_front().or_else(|| siblings.next()), siblings.next()) {
        (Some(found), None) => found == root,
        _ => false,
    }
}

/// Leaf of the roster: `(uint256 index, address station, address operator, bytes16 subnet)`.
#[must_use]
pub fn roster_leaf(index: StationIndex, station: Address, operator: Address, subnet: B128) -> B256 {
    leaf_of_words(&[number(index.0), address(station), address(operator), left(subnet)])
}

/// Leaf of the task list: `(uint256 index, bytes cid, uint64 provider)`, with the CID in its binary form.
#[must_use]
pub fn task_leaf(index: TaskIndex, cid: &[u8], provider: ProviderId) -> B256 {
    // The dynamic `bytes` is an offset in the head; its length and padded content follow the head.
    let mut words = alloc::vec![
        number(index.0),
        number(3_u64 * 32),
        number(provider.0),
        number(cid.len() as u64)
    ];
    words.extend(cid.chunks(32).map(B256::right_padding_from));
    leaf_of_words(&words)
}

/// Leaf of a settlement: `(address operator, uint256 cumulativeAttoFil)`.
#[must_use]
pub fn reward_leaf(operator: Address, cumulative: AttoFil) -> B256 {
    leaf_of_words(&[address(operator), B256::from(cumulative.atto())])
}

/// Leaf of the accepted measurements of a settlement:
/// `(uint64 round, uint256 stationIndex, uint256 committee, uint256 k)`.
#[must_use]
pub fn accepted_leaf(
    round: RoundNumber,
    station: StationIndex,
    committee: CommitteeIndex,
    k: TaskNumber,
) -> B256 {
    leaf_of_words(&[
        number(round.0),
        number(station.0),
        number(committee.0),
        number(k.0),
    ])
}

/// ABI word of an unsigned integer.
fn number(value: impl Into<u64>) -> B256 {
    B256::left_padding_from(&value.into().to_be_bytes())
}

/// ABI word of an address.
fn address(address: Address) -> B256 {
    address.into_word()
}

/// ABI word of a `bytes16`.
fn left(tag: B128) -> B256 {
    B256::right_padding_from(tag.as_slice())
}

/// Twice, so that no leaf can be passed off as an inner node.
/// Leaf of a tuple of words: those of the functions above, or of values that do not fit into their types.
#[must_use]
pub fn leaf_of_words(words: &[B256]) -> B256 {
    keccak256(keccak256(words.concat()))
}

fn hash_pair(a: B256, b: B256) -> B256 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    keccak256([low.0, high.0].as_flattened())
}
