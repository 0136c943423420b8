// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// @notice OpenZeppelin's standard Merkle tree over leaves of any content, for tests.
/// @dev A complete binary tree in an array: children of `i` are `2i + 1` and `2i + 2`; the leaves, sorted by hash, fill
/// its end from the back.
library MerkleTree {
    /// @notice The hash of a leaf of this content.
    function hashOf(bytes memory content) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(content)));
    }

    function rootOf(bytes32[] memory leaves) internal pure returns (bytes32) {
        return leaves.length == 0 ? bytes32(0) : _build(leaves)[0];
    }

    function proofOf(bytes32[] memory leaves, uint256 index) internal pure returns (bytes32[] memory proof) {
        bytes32[] memory tree = _build(leaves);
        bytes32 wanted = leaves[index];
        uint256 node = tree.length - 1;
        while (tree[node] != wanted) --node;

        uint256 depth;
        for (uint256 i = node; i > 0; i = (i - 1) / 2) {
            ++depth;
        }
        proof = new bytes32[](depth);
        for (uint256 i = 0; i < depth; ++i) {
            proof[i] = tree[node % 2 == 1 ? node + 1 : node - 1];
            node = (node - 1) / 2;
        }
    }

    /// @notice A proof of `depth` arbitrary siblings for `leaf`, and the root that it proves: a tree of 2^depth leaves
    /// that is never built.
    function deep(bytes32 leaf, uint256 depth) internal pure returns (bytes32 root, bytes32[] memory proof) {
        root = leaf;
        proof = new bytes32[](depth);
        for (uint256 i = 0; i < depth; ++i) {
            proof[i] = keccak256(abi.encode(leaf, i));
            root = Hashes.commutativeKeccak256(root, proof[i]);
        }
    }

    function _build(bytes32[] memory leaves) private pure returns (bytes32[] memory tree) {
        uint256 count = leaves.length;
        tree = new bytes32[](2 * count - 1);
        // Insertion sort, descending from the front of the leaves' half.
        for (uint256 i = 0; i < count; ++i) {
            bytes32 hash = leaves[i];
            uint256 at = count - 1 + i;
            while (at > count - 1 && tree[at - 1] < hash) {
                tree[at] = tree[at - 1];
                --at;
            }
            tree[at] = hash;
        }
        for (uint256 i = count - 1; i > 0; --i) {
            tree[i - 1] = Hashes.commutativeKeccak256(tree[2 * i - 1], tree[2 * i]);
        }
    }
}
