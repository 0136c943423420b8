// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// @notice OpenZeppelin's standard Merkle tree over leaves of any content, for tests.
/// @dev A complete binary tree in an array: children of `i` are `2i + 1` and `2i + 2`; the leaves, sorted by hash, fill
/// its end from the back.
library MerkleTree {
    struct Queue {
        uint256[] nodes;
        bytes32[] hashes;
        uint256 head;
        uint256 tail;
    }

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

    /// @notice A proof of several leaves at once, as npm `@openzeppelin/merkle-tree` makes it, and the indices in the
    /// order in which it takes the leaves.
    function multiProofOf(bytes32[] memory leaves, uint256[] memory indices)
        internal
        pure
        returns (uint256[] memory order, bytes32[] memory proof, bool[] memory flags)
    {
        bytes32[] memory tree = _build(leaves);
        // Leaves lie in the tree by descending hash, and a multiproof begins with the last.
        order = _byHash(leaves, indices);
        uint256[] memory nodes = new uint256[](order.length);
        bytes32[] memory hashes = new bytes32[](order.length);
        for (uint256 i = 0; i < order.length; ++i) {
            hashes[i] = leaves[order[i]];
            uint256 node = i == 0 ? tree.length - 1 : nodes[i - 1] - 1;
            while (tree[node] != hashes[i]) --node;
            nodes[i] = node;
        }
        (, proof, flags) = _multiProof(nodes, hashes, tree);
    }

    /// @notice A proof of the leaves at these places of a tree of 2^depth leaves that is never built: its other nodes
    /// are arbitrary.
    /// @param places Descending.
    function deepMultiProof(bytes32[] memory leaves, uint256[] memory places, uint256 depth)
        internal
        pure
        returns (bytes32 root, bytes32[] memory proof, bool[] memory flags)
    {
        uint256[] memory nodes = new uint256[](places.length);
        for (uint256 i = 0; i < places.length; ++i) {
            nodes[i] = 2 ** depth - 1 + places[i];
        }
        return _multiProof(nodes, leaves, new bytes32[](0));
    }

    /// @dev Takes nodes, descending, from the front of a queue and puts parents at its end until the root is left.
    /// @param tree Empty stands for one of arbitrary nodes.
    function _multiProof(uint256[] memory nodes, bytes32[] memory leaves, bytes32[] memory tree)
        private
        pure
        returns (bytes32 root, bytes32[] memory proof, bool[] memory flags)
    {
        if (nodes.length == 0) {
            proof = new bytes32[](1);
            proof[0] = tree[0];
            return (tree[0], proof, flags);
        }
        Queue memory queue = Queue(new uint256[](nodes.length * 64), new bytes32[](nodes.length * 64), 0, 0);
        for (uint256 i = 0; i < nodes.length; ++i) {
            _push(queue, nodes[i], leaves[i]);
        }
        proof = new bytes32[](nodes.length * 64);
        flags = new bool[](nodes.length * 64);
        uint256 steps;
        uint256 siblings;
        while (queue.nodes[queue.head] > 0) {
            uint256 node = queue.nodes[queue.head];
            bytes32 hash = queue.hashes[queue.head++];
            uint256 sibling = node % 2 == 1 ? node + 1 : node - 1;
            bytes32 other;
            if (queue.head < queue.tail && queue.nodes[queue.head] == sibling) {
                flags[steps] = true;
                other = queue.hashes[queue.head++];
            } else {
                other = tree.length == 0 ? keccak256(abi.encode("node", sibling)) : tree[sibling];
                proof[siblings++] = other;
            }
            ++steps;
            _push(queue, (node - 1) / 2, Hashes.commutativeKeccak256(hash, other));
        }
        root = queue.hashes[queue.head];
        assembly ("memory-safe") {
            mstore(proof, siblings)
            mstore(flags, steps)
        }
    }

    function _push(Queue memory queue, uint256 node, bytes32 hash) private pure {
        queue.nodes[queue.tail] = node;
        queue.hashes[queue.tail++] = hash;
    }

    /// @dev Insertion sort of indices by their leaves' hashes, ascending.
    function _byHash(bytes32[] memory leaves, uint256[] memory indices) private pure returns (uint256[] memory order) {
        order = new uint256[](indices.length);
        for (uint256 i = 0; i < indices.length; ++i) {
            uint256 at = i;
            while (at > 0 && leaves[order[at - 1]] > leaves[indices[i]]) {
                order[at] = order[at - 1];
                --at;
            }
            order[at] = indices[i];
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
