// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PositionalTree} from "../src/libraries/PositionalTree.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {BaseTest} from "./BaseTest.sol";
import {PositionalTrees} from "./utils/PositionalTrees.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice The library against the tests' own, straightforward tree.
/// forge-config: ci.fuzz.runs = 1000
contract PositionalTreeTest is BaseTest {
    function has(bytes32 root, uint256 count, bytes32 leaf, uint256 index, bytes32[] calldata proof)
        external
        pure
        returns (bool)
    {
        return PositionalTree.has(root, count, leaf, index, proof);
    }

    function hasRange(bytes32 root, uint256 count, bytes32[] memory nodes, uint256 start, bytes32[] calldata siblings)
        external
        pure
        returns (bool)
    {
        return PositionalTree.hasRange(root, count, nodes, start, siblings);
    }

    function test_depth_isTheLeastThatIsEnough() public pure {
        for (uint256 count = 1; count <= 1025; ++count) {
            uint256 depth = PositionalTree.depthOf(count);
            assertEq(depth, PositionalTrees.depthOf(count));
            assertGe(2 ** depth, count);
            assertTrue(depth == 0 || 2 ** (depth - 1) < count);
        }
        assertEq(PositionalTree.depthOf(type(uint32).max), 32);
    }

    /// @dev Written out by hand.
    function test_root_ofThree() public pure {
        bytes32[] memory leaves = _leaves(3);
        bytes32 left = keccak256(abi.encodePacked(leaves[0], leaves[1]));
        bytes32 right = keccak256(abi.encodePacked(leaves[2], bytes32(0)));
        assertEq(PositionalTrees.rootOf(leaves), keccak256(abi.encodePacked(left, right)));
        assertEq(PositionalTrees.rootOf(_leaves(1)), leaves[0]);
        assertEq(PositionalTrees.rootOf(_leaves(0)), 0);
    }

    function testFuzz_has_everyPlace(uint256 count) public view {
        bytes32[] memory leaves = _leaves(bound(count, 1, 40));
        bytes32 root = PositionalTrees.rootOf(leaves);
        for (uint256 i = 0; i < leaves.length; ++i) {
            assertTrue(this.has(root, leaves.length, leaves[i], i, PositionalTrees.proofOf(leaves, i)));
        }
    }

    /// @dev A proof shows its own leaf, in its own place, and nothing else.
    function testFuzz_has_nothingElse(uint256 count, uint256 index, uint256 other, bytes32 leaf) public view {
        bytes32[] memory leaves = _leaves(bound(count, 1, 40));
        bytes32 root = PositionalTrees.rootOf(leaves);
        index = bound(index, 0, leaves.length - 1);
        bytes32[] memory proof = PositionalTrees.proofOf(leaves, index);
        assertFalse(this.has(root, leaves.length, leaf, index, proof));
        if (other != index) assertFalse(this.has(root, leaves.length, leaves[index], other, proof));
        uint256 level = bound(other, 0, 6);
        if (level < proof.length) {
            proof[level] = ~proof[level];
            assertFalse(this.has(root, leaves.length, leaves[index], index, proof));
        }
    }

    /// @dev The padding holds zeros, but no leaf: whatever is said to be there is refused, the zero as well.
    function test_has_nothingInThePadding() public view {
        for (uint256 count = 1; count < 16; ++count) {
            bytes32[] memory leaves = _leaves(count);
            bytes32[] memory padded = new bytes32[](2 ** PositionalTrees.depthOf(count));
            for (uint256 i = 0; i < count; ++i) {
                padded[i] = leaves[i];
            }
            bytes32 root = PositionalTrees.rootOf(leaves);
            assertEq(PositionalTrees.rootOf(padded), root);
            for (uint256 i = count; i < padded.length; ++i) {
                bytes32[] memory proof = PositionalTrees.proofOf(padded, i);
                assertFalse(this.has(root, count, 0, i, proof));
                assertTrue(this.has(root, padded.length, 0, i, proof));
            }
        }
    }

    /// @dev An inner node does not pass for a leaf, because the depth is fixed.
    function test_has_noInnerNode() public view {
        bytes32[] memory leaves = _leaves(4);
        bytes32 root = PositionalTrees.rootOf(leaves);
        bytes32 left = PositionalTrees.parentOf(leaves[0], leaves[1]);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = PositionalTrees.parentOf(leaves[2], leaves[3]);
        assertFalse(this.has(root, 4, left, 0, proof));
        assertFalse(this.has(root, 4, root, 0, new bytes32[](0)));
        // Only if the tree were said to have two leaves; root and count are always given together.
        assertTrue(this.has(root, 2, left, 0, proof));
    }

    function test_has_noOtherDepth() public view {
        bytes32[] memory leaves = _leaves(5);
        bytes32 root = PositionalTrees.rootOf(leaves);
        bytes32[] memory proof = PositionalTrees.proofOf(leaves, 4);
        assertEq(proof.length, 3);
        assertTrue(this.has(root, 5, leaves[4], 4, proof));
        bytes32[] memory longer = new bytes32[](4);
        for (uint256 i = 0; i < 3; ++i) {
            longer[i] = proof[i];
        }
        assertFalse(this.has(root, 5, leaves[4], 4, longer));
        assertFalse(this.has(root, 9, leaves[4], 4, proof));
    }

    function test_has_nothingWithoutLeaves() public view {
        assertFalse(this.has(0, 0, 0, 0, new bytes32[](0)));
        assertFalse(this.hasRange(0, 0, new bytes32[](0), 0, new bytes32[](0)));
        assertFalse(this.hasRange(0, 0, new bytes32[](1), 0, new bytes32[](0)));
    }

    function testFuzz_hasRange_everyRange(uint256 count, uint256 start, uint256 end) public view {
        bytes32[] memory leaves = _leaves(bound(count, 1, 40));
        start = bound(start, 0, leaves.length - 1);
        end = bound(end, start + 1, leaves.length);
        bytes32 root = PositionalTrees.rootOf(leaves);
        bytes32[] memory siblings = PositionalTrees.rangeOf(leaves, start, end);
        assertTrue(this.hasRange(root, leaves.length, _cut(leaves, start, end), start, siblings));
    }

    function testFuzz_hasRange_nothingElse(uint256 count, uint256 start, uint256 end, uint256 what) public view {
        bytes32[] memory leaves = _leaves(bound(count, 1, 40));
        start = bound(start, 0, leaves.length - 1);
        end = bound(end, start + 1, leaves.length);
        bytes32 root = PositionalTrees.rootOf(leaves);
        bytes32[] memory siblings = PositionalTrees.rangeOf(leaves, start, end);
        bytes32[] memory nodes = _cut(leaves, start, end);
        // Another leaf.
        uint256 index = what % nodes.length;
        nodes[index] = ~nodes[index];
        assertFalse(this.hasRange(root, leaves.length, nodes, start, siblings));
        nodes = _cut(leaves, start, end);
        // Another sibling, one too many, one too few.
        if (siblings.length > 0) {
            index = what % siblings.length;
            siblings[index] = ~siblings[index];
            assertFalse(this.hasRange(root, leaves.length, nodes, start, siblings));
            siblings[index] = ~siblings[index];
            assertFalse(this.hasRange(root, leaves.length, nodes, start, _cut(siblings, 1, siblings.length)));
            assertFalse(this.hasRange(root, leaves.length, nodes, start, _cut(siblings, 0, siblings.length - 1)));
        }
        bytes32[] memory more = new bytes32[](siblings.length + 1);
        for (uint256 i = 0; i < siblings.length; ++i) {
            more[i] = siblings[i];
        }
        assertFalse(this.hasRange(root, leaves.length, nodes, start, more));
        // Another place, beyond the end too.
        uint256 other = what % (leaves.length + 2);
        if (other != start) assertFalse(this.hasRange(root, leaves.length, nodes, other, siblings));
        // No leaves.
        assertFalse(this.hasRange(root, leaves.length, new bytes32[](0), start, siblings));
    }

    /// @dev The zeros after the last leaf are not part of any range.
    function test_hasRange_nothingInThePadding() public view {
        bytes32[] memory leaves = _leaves(3);
        bytes32[] memory padded = new bytes32[](4);
        (padded[0], padded[1], padded[2]) = (leaves[0], leaves[1], leaves[2]);
        bytes32 root = PositionalTrees.rootOf(leaves);
        assertFalse(this.hasRange(root, 3, padded, 0, new bytes32[](0)));
        assertTrue(this.hasRange(root, 4, padded, 0, new bytes32[](0)));
    }

    function test_deepRange_isATrees() public view {
        bytes32[] memory leaves = _leaves(100);
        (bytes32 root, bytes32[] memory siblings) = PositionalTrees.deep(leaves, 524_321, 20);
        assertTrue(this.hasRange(root, 2 ** 20, leaves, 524_321, siblings));
        leaves = _leaves(1);
        (root, siblings) = PositionalTrees.deep(leaves, 777_777, 20);
        assertEq(siblings.length, 20);
        assertTrue(this.has(root, 2 ** 20, leaves[0], 777_777, siblings));
    }

    /* LEAVES OF THE REWARDS TREE */

    function testFuzz_rewardsLeaf_isThatOfTheTests(RewardsTree.Leaf memory leaf) public pure {
        assertEq(RewardsTree.restOf(leaf), RewardTree.restOf(leaf));
        assertEq(RewardsTree.hashOf(leaf), RewardTree.hashOf(leaf));
        assertEq(RewardsTree.hashOf(leaf.operator, leaf.cumulative, RewardsTree.restOf(leaf)), RewardsTree.hashOf(leaf));
    }

    function _leaves(uint256 count) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = PositionalTrees.hashOf(abi.encode(i));
        }
    }

    function _cut(bytes32[] memory list, uint256 start, uint256 end) private pure returns (bytes32[] memory cut) {
        cut = new bytes32[](end - start);
        for (uint256 i = start; i < end; ++i) {
            cut[i - start] = list[i];
        }
    }
}
