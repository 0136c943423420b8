//! The Merkle trees against npm `@openzeppelin/merkle-tree` (see `scripts/merkle-vectors.mjs`), and their properties.
#![expect(clippy::unwrap_used, reason = "a vector that cannot be read fails the test")]

use assize_protocol::merkle::{Tree, root_of, roster_leaf, task_leaf, verify};
use assize_protocol::{B256, ProviderId, StationIndex, TaskIndex};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct TreeVector {
    kind: String,
    root: B256,
    leaves: Vec<LeafVector>,
}

#[derive(Deserialize)]
struct LeafVector {
    value: Vec<String>,
    leaf: Option<B256>,
    proof: Option<Vec<B256>>,
}

impl LeafVector {
    fn hash(&self, kind: &str) -> B256 {
        let text = |i: usize| self.value[i].as_str();
        let number = |i: usize| text(i).parse::<u32>().unwrap();
        let long = |i: usize| text(i).parse::<u64>().unwrap();
        match kind {
            "roster" => {
                let subnet = text(3).parse().unwrap();
                roster_leaf(
                    StationIndex(number(0)),
                    text(1).parse().unwrap(),
                    text(2).parse().unwrap(),
                    subnet,
                )
            }
            "task" => task_leaf(
                TaskIndex(number(0)),
                &const_hex::decode(text(1)).unwrap(),
                ProviderId(long(2)),
            ),
            other => panic!("no leaf of kind {other}"),
        }
    }
}

#[test]
fn openzeppelin_vectors() {
    let vectors: Vec<TreeVector> = serde_json::from_str(include_str!("fixtures/merkle.json")).unwrap();
    assert_eq!(vectors.len(), 2 * 5);
    let mut proofs = 0;
    for TreeVector { kind, root, leaves } in vectors {
        let tree = Tree::new(leaves.iter().map(|leaf| leaf.hash(&kind)).collect());
        assert_eq!(tree.root(), root, "{kind} of {}", leaves.len());
        for vector in &leaves {
            let Some(leaf) = vector.leaf else { continue };
            assert_eq!(vector.hash(&kind), leaf, "{kind} {:?}", vector.value);
            let proof = tree.proof(leaf).unwrap();
            assert_eq!(Some(&proof), vector.proof.as_ref(), "{kind} {:?}", vector.value);
            assert!(verify(root, leaf, &proof));
            proofs += 1;
        }
    }
    assert_eq!(proofs, 2 * (1 + 2 + 3 + 4 + 4));
}

#[test]
fn a_tree_without_leaves_has_the_root_zero() {
    let tree = Tree::new(Vec::new());
    assert_eq!((tree.root(), tree.len()), (B256::ZERO, 0));
    assert!(tree.is_empty());
    assert_eq!(tree.proof(B256::ZERO), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_leaf_can_be_proven_and_no_other(providers in prop::collection::hash_set(any::<u64>(), 1..70), foreign: u64) {
        prop_assume!(!providers.contains(&foreign));
        let hash = |provider: u64| task_leaf(TaskIndex(0), &[], ProviderId(provider));
        let leaves: Vec<B256> = providers.into_iter().map(hash).collect();
        let tree = Tree::new(leaves.clone());
        let foreign = hash(foreign);
        prop_assert_eq!(tree.proof(foreign), None);
        for leaf in leaves {
            let proof = tree.proof(leaf).unwrap();
            prop_assert!(verify(tree.root(), leaf, &proof));
            prop_assert!(!verify(tree.root(), foreign, &proof));
            for place in 0..proof.len() {
                let mut cut = proof.clone();
                cut.remove(place);
                prop_assert!(!verify(tree.root(), leaf, &cut));
            }
        }
    }

    #[test]
    fn the_order_of_the_leaves_does_not_matter(leaves in prop::collection::vec(any::<[u8; 32]>(), 0..40)) {
        let leaves: Vec<B256> = leaves.into_iter().map(B256::new).collect();
        let reversed = leaves.iter().rev().copied().collect();
        let tree = Tree::new(leaves.clone());
        prop_assert_eq!(root_of(leaves), tree.root());
        prop_assert_eq!(tree, Tree::new(reversed));
    }
}
