// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {MerkleTree} from "./MerkleTree.sol";

/// @notice `MerkleTree` over `(address operator, uint256 cumulativeAttoFil)`.
library RewardTree {
    struct Leaf {
        address operator;
        uint256 cumulative;
    }

    function rootOf(Leaf[] memory leaves) internal pure returns (bytes32) {
        return MerkleTree.rootOf(_hashes(leaves));
    }

    function proofOf(Leaf[] memory leaves, uint256 index) internal pure returns (bytes32[] memory) {
        return MerkleTree.proofOf(_hashes(leaves), index);
    }

    function hashOf(Leaf memory leaf) internal pure returns (bytes32) {
        return MerkleTree.hashOf(abi.encode(leaf.operator, leaf.cumulative));
    }

    function _hashes(Leaf[] memory leaves) private pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            hashes[i] = hashOf(leaves[i]);
        }
    }
}
