// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title A binary Merkle tree in which a leaf's index is its path (docs/protocol.md §8.2)
/// @notice `count` leaves, depth `ceil(log2(count))`; places from `count` on hold zero. A node is keccak(left ‖ right), 64
/// bytes; a leaf is keccak(keccak(fields)), whose outer preimage has 32. So neither passes for the other, and each place
/// holds one leaf: nothing can be in the tree beside what is shown of it.
library PositionalTree {
    /// @notice Levels above the leaves of a tree with `count` of them.
    function depthOf(uint256 count) internal pure returns (uint256) {
        return Math.log2(count, Math.Rounding.Ceil);
    }

    /// @notice Whether the place `index` of a tree holds `leaf`.
    /// @param proof The sibling on each level, from the leaf's upwards.
    function has(bytes32 root, uint256 count, bytes32 leaf, uint256 index, bytes32[] calldata proof)
        internal
        pure
        returns (bool)
    {
        // A tree without leaves has no depth.
        if (index >= count || proof.length != depthOf(count)) return false;
        bytes32 node = leaf;
        for (uint256 level = 0; level < proof.length; ++level) {
            node = index & 1 == 0 ? _parent(node, proof[level]) : _parent(proof[level], node);
            index >>= 1;
        }
        return node == root;
    }

    /// @notice Whether the consecutive places `start …` of a tree hold `nodes`, at least one. Overwrites `nodes`.
    /// @param siblings What does not follow from `nodes`: on each level, from the leaves' upwards, the left one first.
    function hasRange(bytes32 root, uint256 count, bytes32[] memory nodes, uint256 start, bytes32[] calldata siblings)
        internal
        pure
        returns (bool)
    {
        uint256 length = nodes.length;
        if (length == 0 || start + length > count) return false;
        uint256 used = 0;
        for (uint256 level = depthOf(count); level > 0; --level) {
            (uint256 left, uint256 right) = (start & 1, (start + length) & 1);
            if (used + left + right > siblings.length) return false;
            uint256 read = 0;
            uint256 written = 0;
            if (left == 1) nodes[written++] = _parent(siblings[used++], nodes[read++]);
            for (; read + 1 < length; read += 2) {
                nodes[written++] = _parent(nodes[read], nodes[read + 1]);
            }
            if (right == 1) nodes[written++] = _parent(nodes[read], siblings[used++]);
            length = written;
            start >>= 1;
        }
        return used == siblings.length && nodes[0] == root;
    }

    /// @notice The hash of a leaf with these fields, ABI-encoded.
    function leafOf(bytes memory fields) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(fields)));
    }

    function _parent(bytes32 left, bytes32 right) private pure returns (bytes32 node) {
        assembly ("memory-safe") {
            mstore(0, left)
            mstore(32, right)
            node := keccak256(0, 64)
        }
    }
}
