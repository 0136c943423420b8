//! Merkle trees and their leaves, as OpenZeppelin's `StandardMerkleTree` builds them (DESIGN §2.4).
//!
//! Leaves are `keccak256(keccak256(abi.encode(…)))`, sorted by value; the parent of two nodes is the keccak of both,
//! the smaller first. npm `@openzeppelin/merkle-tree` gives the same roots, and Solidity's `MerkleProof` checks the
//! proofs.

use alloc::vec::Vec;

use alloy_primitives::{Address, B128, B256, U256, keccak256};

use crate::{CommitteeIndex, ProviderId, RoundNumber, StationIndex, TaskIndex, TaskNumber};

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

    /// How many leaves the tree has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.leaves
    }

    /// Whether the tree has no leaves.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.leaves == 0
    }

    /// The siblings on the way from `leaf` to the root; `None` if the tree has no such leaf.
    #[must_use]
    pub fn proof(&self, leaf: B256) -> Option<Vec<B256>> {
        let first = self.nodes.len() - self.leaves;
        let place = self.nodes[first..].binary_search_by(|node| leaf.cmp(node)).ok()?;
        let mut node = first + place;
        let mut proof = Vec::new();
        while node > 0 {
            let sibling = if node % 2 == 1 { node + 1 } else { node - 1 };
            proof.push(self.nodes[sibling]);
            node = (node - 1) / 2;
        }
        Some(proof)
    }
}

/// Whether `proof` leads from `leaf` to `root`; OpenZeppelin's `MerkleProof.verify`.
#[must_use]
pub fn verify(root: B256, leaf: B256, proof: &[B256]) -> bool {
    proof.iter().fold(leaf, |node, &sibling| hash_pair(node, sibling)) == root
}

/// Leaf of the roster: `(uint256 index, address station, address operator, bytes16 subnet)`.
#[must_use]
pub fn roster_leaf(index: StationIndex, station: Address, operator: Address, subnet: B128) -> B256 {
    hash_leaf(&[number(index.0), address(station), address(operator), left(subnet)])
}

/// Leaf of the task list: `(uint256 index, bytes cid, uint64 provider)`, with the CID in its binary form.
#[must_use]
pub fn task_leaf(index: TaskIndex, cid: &[u8], provider: ProviderId) -> B256 {
    // The dynamic `bytes` stands in the head as its offset, and after the head as length and padded content.
    let mut words = alloc::vec![
        number(index.0),
        number(3_u64 * 32),
        number(provider.0),
        number(cid.len() as u64)
    ];
    words.extend(cid.chunks(32).map(B256::right_padding_from));
    hash_leaf(&words)
}

/// Leaf of a settlement: `(address operator, uint256 cumulativeAttoFil)` (DESIGN §2.7).
#[must_use]
pub fn reward_leaf(operator: Address, cumulative: U256) -> B256 {
    hash_leaf(&[address(operator), B256::from(cumulative)])
}

/// Leaf of the accepted measurements of a settlement:
/// `(uint64 round, uint256 stationIndex, uint256 committee, uint256 k)` (DESIGN §2.7).
#[must_use]
pub fn accepted_leaf(
    round: RoundNumber,
    station: StationIndex,
    committee: CommitteeIndex,
    k: TaskNumber,
) -> B256 {
    hash_leaf(&[
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
fn hash_leaf(words: &[B256]) -> B256 {
    keccak256(keccak256(words.concat()))
}

fn hash_pair(a: B256, b: B256) -> B256 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    keccak256([low.0, high.0].as_flattened())
}
