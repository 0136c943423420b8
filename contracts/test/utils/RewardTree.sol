// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../../src/interfaces/IRewards.sol";
import {MerkleTree} from "./MerkleTree.sol";

/// @notice `MerkleTree` over `(address operator, uint256 cumulativeAttoFil)`.
library RewardTree {
    struct Leaf {
        address operator;
        uint256 cumulative;
    }

    /// @notice The arguments of `claimMany`.
    struct Batch {
        IRewards.Allocation[] allocations;
        bytes32[] proof;
        bool[] flags;
    }

    function rootOf(Leaf[] memory leaves) internal pure returns (bytes32) {
        return MerkleTree.rootOf(hashesOf(leaves));
    }

    function proofOf(Leaf[] memory leaves, uint256 index) internal pure returns (bytes32[] memory) {
        return MerkleTree.proofOf(hashesOf(leaves), index);
    }

    /// @notice All leaves in one batch.
    function batchOf(Leaf[] memory leaves) internal pure returns (Batch memory) {
        uint256[] memory indices = new uint256[](leaves.length);
        for (uint256 i = 0; i < indices.length; ++i) {
            indices[i] = i;
        }
        return batchOf(leaves, indices);
    }

    /// @notice The leaves of these indices in one batch, in the order of its proof.
    function batchOf(Leaf[] memory leaves, uint256[] memory indices) internal pure returns (Batch memory batch) {
        uint256[] memory order;
        (order, batch.proof, batch.flags) = MerkleTree.multiProofOf(hashesOf(leaves), indices);
        batch.allocations = new IRewards.Allocation[](order.length);
        for (uint256 i = 0; i < order.length; ++i) {
            batch.allocations[i] = IRewards.Allocation(leaves[order[i]].operator, leaves[order[i]].cumulative);
        }
    }

    function hashOf(Leaf memory leaf) internal pure returns (bytes32) {
        return MerkleTree.hashOf(abi.encode(leaf.operator, leaf.cumulative));
    }

    function hashesOf(Leaf[] memory leaves) internal pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            hashes[i] = hashOf(leaves[i]);
        }
    }
}
