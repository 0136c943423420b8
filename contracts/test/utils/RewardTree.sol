// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../../src/interfaces/IRewards.sol";
import {RewardsTree} from "../../src/libraries/RewardsTree.sol";
import {PositionalTrees} from "./PositionalTrees.sol";

/// @notice Rewards trees of full leaves (docs/protocol.md §8.2), for tests.
library RewardTree {
    /// @notice The arguments of `claimMany`.
    struct Batch {
        uint32 start;
        IRewards.Allocation[] allocations;
        bytes32[] siblings;
    }

    /// @notice A leaf whose other fields `summed` fills in.
    function leafOf(address operator, uint256 cumulative) internal pure returns (RewardsTree.Leaf memory leaf) {
        require(cumulative <= type(uint96).max);
        (leaf.operator, leaf.cumulative) = (operator, uint96(cumulative));
    }

    /// @notice One leaf's tree.
    function single(address operator, uint256 cumulative) internal pure returns (RewardsTree.Leaf[] memory leaves) {
        leaves = new RewardsTree.Leaf[](1);
        leaves[0] = leafOf(operator, cumulative);
        return summed(leaves);
    }

    /// @notice Fills in the running sums.
    function summed(RewardsTree.Leaf[] memory leaves) internal pure returns (RewardsTree.Leaf[] memory) {
        uint256 running;
        for (uint256 i = 0; i < leaves.length; ++i) {
            running += leaves[i].cumulative;
            leaves[i].running = uint96(running);
        }
        return leaves;
    }

    /// @notice Insertion sort by operator, then running sums.
    function inOrder(RewardsTree.Leaf[] memory leaves) internal pure returns (RewardsTree.Leaf[] memory) {
        for (uint256 i = 1; i < leaves.length; ++i) {
            RewardsTree.Leaf memory leaf = leaves[i];
            uint256 at = i;
            for (; at > 0 && leaves[at - 1].operator > leaf.operator; --at) {
                leaves[at] = leaves[at - 1];
            }
            leaves[at] = leaf;
        }
        return summed(leaves);
    }

    function totalOf(RewardsTree.Leaf[] memory leaves) internal pure returns (uint256 total) {
        for (uint256 i = 0; i < leaves.length; ++i) {
            total += leaves[i].cumulative;
        }
    }

    function rootOf(RewardsTree.Leaf[] memory leaves) internal pure returns (bytes32) {
        return PositionalTrees.rootOf(hashesOf(leaves));
    }

    function proofOf(RewardsTree.Leaf[] memory leaves, uint256 index) internal pure returns (bytes32[] memory) {
        return PositionalTrees.proofOf(hashesOf(leaves), index);
    }

    function allocationOf(RewardsTree.Leaf memory leaf) internal pure returns (IRewards.Allocation memory) {
        return IRewards.Allocation({operator: leaf.operator, cumulative: leaf.cumulative, rest: restOf(leaf)});
    }

    /// @notice All leaves in one batch.
    function batchOf(RewardsTree.Leaf[] memory leaves) internal pure returns (Batch memory) {
        return batchOf(leaves, 0, leaves.length);
    }

    /// @notice The leaves `start` to `end - 1` in one batch.
    function batchOf(RewardsTree.Leaf[] memory leaves, uint256 start, uint256 end)
        internal
        pure
        returns (Batch memory batch)
    {
        batch.start = uint32(start);
        batch.siblings = PositionalTrees.rangeOf(hashesOf(leaves), start, end);
        batch.allocations = new IRewards.Allocation[](end - start);
        for (uint256 i = start; i < end; ++i) {
            batch.allocations[i - start] = allocationOf(leaves[i]);
        }
    }

    /// @notice Has `claimMany` pass over a leaf of a batch.
    function passOver(Batch memory batch, RewardsTree.Leaf[] memory leaves, uint256 index) internal pure {
        batch.allocations[index - batch.start] =
            IRewards.Allocation({operator: address(0), cumulative: 0, rest: hashOf(leaves[index])});
    }

    function restOf(RewardsTree.Leaf memory leaf) internal pure returns (bytes32) {
        return keccak256(
            bytes.concat(
                bytes32(uint256(leaf.running)), bytes32(uint256(leaf.grown)), bytes32(uint256(leaf.reports)), leaf.sheet
            )
        );
    }

    function hashOf(RewardsTree.Leaf memory leaf) internal pure returns (bytes32) {
        bytes32 operator = bytes32(uint256(uint160(leaf.operator)));
        return PositionalTrees.hashOf(bytes.concat(operator, bytes32(uint256(leaf.cumulative)), restOf(leaf)));
    }

    function hashesOf(RewardsTree.Leaf[] memory leaves) internal pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            hashes[i] = hashOf(leaves[i]);
        }
    }
}
