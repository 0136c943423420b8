// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @notice The trees of docs/protocol.md §8.2, literally: an array of all places, padded with zeros to a power of two,
/// then an array of parents, and so on. It shares nothing with the library that it tests.
library PositionalTrees {
    /// @notice The hash of a leaf of this content.
    function hashOf(bytes memory content) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(keccak256(content)));
    }

    function depthOf(uint256 count) internal pure returns (uint256 depth) {
        while (2 ** depth < count) ++depth;
    }

    function rootOf(bytes32[] memory leaves) internal pure returns (bytes32) {
        if (leaves.length == 0) return 0;
        bytes32[] memory row = _padded(leaves);
        while (row.length > 1) row = _above(row);
        return row[0];
    }

    function proofOf(bytes32[] memory leaves, uint256 index) internal pure returns (bytes32[] memory proof) {
        proof = new bytes32[](depthOf(leaves.length));
        bytes32[] memory row = _padded(leaves);
        for (uint256 level = 0; level < proof.length; ++level) {
            proof[level] = row[index % 2 == 0 ? index + 1 : index - 1];
            row = _above(row);
            index /= 2;
        }
    }

    /// @notice What a verifier of the places `start` to `end - 1` needs beside their leaves.
    function rangeOf(bytes32[] memory leaves, uint256 start, uint256 end)
        internal
        pure
        returns (bytes32[] memory siblings)
    {
        uint256 depth = depthOf(leaves.length);
        siblings = new bytes32[](2 * depth);
        uint256 used;
        bytes32[] memory row = _padded(leaves);
        for (uint256 level = 0; level < depth; ++level) {
            if (start % 2 == 1) siblings[used++] = row[start - 1];
            if (end % 2 == 1) siblings[used++] = row[end];
            row = _above(row);
            (start, end) = (start / 2, (end + 1) / 2);
        }
        return _cut(siblings, used);
    }

    /// @notice The root and the range proof of leaves from `start` on, in a tree of `2^depth` places that is never built: its
    /// other nodes are arbitrary.
    function deep(bytes32[] memory leaves, uint256 start, uint256 depth)
        internal
        pure
        returns (bytes32 root, bytes32[] memory siblings)
    {
        siblings = new bytes32[](2 * depth);
        uint256 used;
        bytes32[] memory row = leaves;
        for (uint256 level = 0; level < depth; ++level) {
            (bool left, bool right) = (start % 2 == 1, (start + row.length) % 2 == 1);
            bytes32[] memory whole = new bytes32[](row.length + (left ? 1 : 0) + (right ? 1 : 0));
            if (left) {
                whole[0] = keccak256(abi.encode("left of", row[0]));
                siblings[used++] = whole[0];
            }
            for (uint256 i = 0; i < row.length; ++i) {
                whole[i + (left ? 1 : 0)] = row[i];
            }
            if (right) {
                whole[whole.length - 1] = keccak256(abi.encode("right of", row[row.length - 1]));
                siblings[used++] = whole[whole.length - 1];
            }
            row = _above(whole);
            start /= 2;
        }
        return (row[0], _cut(siblings, used));
    }

    function parentOf(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(left, right));
    }

    function _padded(bytes32[] memory leaves) private pure returns (bytes32[] memory row) {
        row = new bytes32[](2 ** depthOf(leaves.length));
        for (uint256 i = 0; i < leaves.length; ++i) {
            row[i] = leaves[i];
        }
    }

    function _above(bytes32[] memory row) private pure returns (bytes32[] memory above) {
        above = new bytes32[](row.length / 2);
        for (uint256 i = 0; i < above.length; ++i) {
            above[i] = parentOf(row[2 * i], row[2 * i + 1]);
        }
    }

    function _cut(bytes32[] memory list, uint256 length) private pure returns (bytes32[] memory cut) {
        cut = new bytes32[](length);
        for (uint256 i = 0; i < length; ++i) {
            cut[i] = list[i];
        }
    }
}
