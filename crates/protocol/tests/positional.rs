//! Positional trees against the definition, written down node by node, and their properties.

use assize_protocol::positional::{RootOf, Tree, depth, verify, verify_range};
use assize_protocol::{B256, LinesRoot, TaskNumber, TaskSet, U256, line_leaf, lines_of};
use proptest::prelude::*;

/// The tree with all places up to the power of two, as `docs/protocol.md` §8.2 defines it.
fn plain_root(leaves: &[B256]) -> B256 {
    if leaves.is_empty() {
        return B256::ZERO;
    }
    let mut nodes = leaves.to_vec();
    nodes.resize(leaves.len().next_power_of_two(), B256::ZERO);
    while nodes.len() > 1 {
        let parent = |pair: &[B256]| alloy_primitives::keccak256([pair[0].0, pair[1].0].concat());
        nodes = nodes.chunks(2).map(parent).collect();
    }
    nodes[0]
}

fn leaves(count: u32) -> Vec<B256> {
    (0..count).map(|i| B256::from(U256::from(i + 1))).collect()
}

#[test]
fn a_tree_is_as_deep_as_its_leaves_need() {
    let depths = [
        (0, 0),
        (1, 0),
        (2, 1),
        (3, 2),
        (4, 2),
        (5, 3),
        (8, 3),
        (9, 4),
        (1 << 20, 20),
        (u32::MAX, 32),
    ];
    for (count, deep) in depths {
        assert_eq!(depth(count), deep, "{count}");
    }
}

#[test]
fn a_tree_without_leaves_has_the_root_zero_and_no_proofs() {
    let tree = Tree::new(Vec::new());
    assert_eq!((tree.root(), tree.count()), (B256::ZERO, 0));
    assert_eq!((tree.proof(0), tree.range_proof(0, 0)), (None, None));
    assert_eq!(RootOf::default().root(), B256::ZERO);
    assert!(!verify(B256::ZERO, 0, B256::ZERO, 0, &[]));
    assert!(!verify_range(B256::ZERO, 0, &[], 0, &[]));
    assert!(!verify_range(B256::ZERO, 2, &[], 0, &[]));
}

#[test]
fn every_range_of_every_small_tree_can_be_proven() {
    for count in 1..=20 {
        let leaves = leaves(count);
        let tree = Tree::new(leaves.clone());
        let root = tree.root();
        assert_eq!(root, plain_root(&leaves), "{count} leaves");
        assert_eq!(root, leaves.iter().copied().collect::<RootOf>().root());
        for start in 0..count {
            for length in 1..=count - start {
                let siblings = tree.range_proof(start, length).unwrap();
                let shown = &leaves[start as usize..(start + length) as usize];
                assert!(verify_range(root, count, shown, start, &siblings));
                let elsewhere = (0..=count).filter(|&place| place != start);
                for place in elsewhere {
                    assert!(!verify_range(root, count, shown, place, &siblings));
                }
                let mut more = siblings.clone();
                more.push(B256::ZERO);
                assert!(!verify_range(root, count, shown, start, &more));
                if let Some((_, fewer)) = siblings.split_last() {
                    assert!(!verify_range(root, count, shown, start, fewer));
                }
            }
            assert_eq!(tree.range_proof(start, count - start + 1), None);
            assert_eq!(tree.range_proof(start, u32::MAX), None);
        }
    }
}

#[test]
fn lines_are_what_line_feeds_end() {
    let lines = |file: &str| -> Vec<String> {
        lines_of(file.as_bytes())
            .map(|line| String::from_utf8(line.to_vec()).unwrap())
            .collect()
    };
    assert_eq!(lines(""), [""; 0]);
    assert_eq!(lines("\n"), [""]);
    assert_eq!(lines("a"), ["a"]);
    assert_eq!(lines("a\n"), ["a"]);
    assert_eq!(lines("a\n\n b\r\nc"), ["a", "", " b\r", "c"]);
    assert_eq!(LinesRoot::of(b"a\nb").root(), LinesRoot::of(b"a\nb\n").root());
    assert_ne!(LinesRoot::of(b"a\nb").root(), LinesRoot::of(b"a\nb\n\n").root());
    assert_eq!(LinesRoot::of(b"a").root(), line_leaf(b"a"));
    assert_eq!(LinesRoot::of(b"").root(), B256::ZERO);
}

#[test]
fn a_task_is_a_bit_from_the_right() {
    let set: TaskSet = [0, 9, 255, 256, 5_000].map(TaskNumber).into_iter().collect();
    assert_eq!(
        set.word(),
        U256::from(1) | U256::from(1) << 9 | U256::from(1) << 255
    );
    assert_eq!((set.count(), set.end()), (3, 256));
    for (k, there) in [
        (0, true),
        (1, false),
        (9, true),
        (255, true),
        (256, false),
        (u32::MAX, false),
    ] {
        assert_eq!(set.contains(TaskNumber(k)), there, "{k}");
    }
    assert!(TaskSet::default().is_empty() && TaskSet::default().end() == 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_in_a_place_can_be_proven_there_and_nowhere_else(
        count in 1..400_u32, at: prop::sample::Index, other: prop::sample::Index, foreign: [u8; 32],
    ) {
        let leaves = leaves(count);
        let tree = Tree::new(leaves.clone());
        let (index, elsewhere) = (at.index(count as usize) as u32, other.index(count as usize) as u32);
        let leaf = leaves[index as usize];
        let proof = tree.proof(index).unwrap();
        prop_assert_eq!(tree.leaf(index), Some(leaf));
        prop_assert_eq!(proof.len() as u32, depth(count));
        prop_assert!(verify(tree.root(), count, leaf, index, &proof));
        prop_assert_eq!(verify(tree.root(), count, leaf, elsewhere, &proof), elsewhere == index);
        prop_assert!(!verify(tree.root(), count, B256::new(foreign), index, &proof));
        // The places that no leaf has cannot be shown, and no other number of leaves fits the root.
        prop_assert!(!verify(tree.root(), count, B256::ZERO, count, &proof));
        prop_assert_eq!(tree.proof(count), None);
        for other in [count.next_power_of_two() + 1, count.next_power_of_two() / 2, index] {
            if depth(other) != depth(count) || other <= index {
                prop_assert!(!verify(tree.root(), other, leaf, index, &proof));
            }
        }
        if let Some((level, _)) = proof.iter().enumerate().find(|(level, _)| level % 3 == 0) {
            let mut forged = proof.clone();
            forged[level] = B256::new(foreign);
            prop_assert_eq!(verify(tree.root(), count, leaf, index, &forged), forged == proof);
        }
    }

    #[test]
    fn ranges_are_proven_as_single_places_are(count in 1..200_u32, start: prop::sample::Index, length: prop::sample::Index, place: prop::sample::Index) {
        let leaves = leaves(count);
        let tree = Tree::new(leaves.clone());
        let start = start.index(count as usize);
        let length = 1 + length.index(count as usize - start);
        let siblings = tree.range_proof(start as u32, length as u32).unwrap();
        let shown = &leaves[start..start + length];
        prop_assert!(verify_range(tree.root(), count, shown, start as u32, &siblings));
        prop_assert!(siblings.len() <= 2 * depth(count) as usize);
        let mut forged = shown.to_vec();
        *place.get_mut(&mut forged) = B256::repeat_byte(0xff);
        prop_assert!(!verify_range(tree.root(), count, &forged, start as u32, &siblings));
        prop_assert!(!verify_range(tree.root(), count, &shown[1..], start as u32, &siblings));
    }

    #[test]
    fn roots_of_streams_are_those_of_trees(count in 0..3_000_u32) {
        let leaves = leaves(count);
        let stream: RootOf = leaves.iter().copied().collect();
        prop_assert_eq!(stream.count(), count);
        prop_assert_eq!(stream.root(), plain_root(&leaves));
        prop_assert_eq!(stream.root(), Tree::new(leaves).root());
    }

    #[test]
    fn lines_joined_are_the_file(file in "[a\n\r ]{0,40}") {
        let lines: Vec<&[u8]> = lines_of(file.as_bytes()).collect();
        let whole = file.strip_suffix('\n').unwrap_or(&file);
        prop_assert_eq!(lines.is_empty(), file.is_empty());
        prop_assert_eq!(lines.join(&b'\n'), whole.as_bytes());
        let root = LinesRoot::of(file.as_bytes());
        prop_assert_eq!(root.root(), plain_root(&lines.iter().map(|line| line_leaf(line)).collect::<Vec<_>>()));
    }
}
