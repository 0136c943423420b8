// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {BaseTest} from "./BaseTest.sol";
import {MerkleTree} from "./utils/MerkleTree.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice The tests' own tree is the one that npm @openzeppelin/merkle-tree builds.
contract RewardTreeTest is BaseTest {
    struct Entry {
        address operator;
        uint256 cumulative;
        bytes32[] proof;
    }

    string private constant TYPE = "Entry(address operator,uint256 cumulative,bytes32[] proof)";

    function test_tree_isThatOfTheReference() public view {
        string memory json = fixture("merkle.json");
        uint256 cases;
        for (; vm.keyExistsJson(json, _path(cases, "")); ++cases) {
            bytes32 root = vm.parseJsonBytes32(json, _path(cases, ".root"));
            Entry[] memory entries = abi.decode(vm.parseJsonTypeArray(json, _path(cases, ".entries"), TYPE), (Entry[]));
            _check(root, entries);
            _checkMultiProof(root, entries, _path(cases, ".all"), 1);
            _checkMultiProof(root, entries, _path(cases, ".everyOther"), 2);
        }
        assertEq(cases, 5);
    }

    function test_deepMultiProof_isATrees() public pure {
        RewardTree.Leaf[] memory leaves = new RewardTree.Leaf[](3);
        uint256[] memory places = new uint256[](3);
        (places[0], places[1], places[2]) = (700_001, 700_000, 3);
        for (uint256 i = 0; i < 3; ++i) {
            leaves[i] = RewardTree.Leaf(address(uint160(i)), i);
        }
        bytes32[] memory hashes = RewardTree.hashesOf(leaves);
        (bytes32 root, bytes32[] memory proof, bool[] memory flags) = MerkleTree.deepMultiProof(hashes, places, 20);
        assertTrue(MerkleProof.multiProofVerify(proof, flags, root, hashes));
        assertEq(proof.length, 37);
    }

    /// @dev Of every `step`th leaf.
    function _checkMultiProof(bytes32 root, Entry[] memory entries, string memory path, uint256 step) private view {
        string memory json = fixture("merkle.json");
        uint256[] memory indices = new uint256[]((entries.length + step - 1) / step);
        for (uint256 i = 0; i < indices.length; ++i) {
            indices[i] = i * step;
        }
        RewardTree.Batch memory batch = RewardTree.batchOf(_leaves(entries), indices);
        assertEq(batch.proof, vm.parseJsonBytes32Array(json, string.concat(path, ".proof")));
        bool[] memory flags = vm.parseJsonBoolArray(json, string.concat(path, ".proofFlags"));
        assertEq(abi.encode(batch.flags), abi.encode(flags));
        address[] memory operators = vm.parseJsonAddressArray(json, string.concat(path, ".operators"));
        bytes32[] memory hashes = new bytes32[](operators.length);
        for (uint256 i = 0; i < operators.length; ++i) {
            assertEq(batch.allocations[i].operator, operators[i]);
            hashes[i] = MerkleTree.hashOf(abi.encode(batch.allocations[i]));
        }
        assertTrue(MerkleProof.multiProofVerify(batch.proof, flags, root, hashes));
    }

    function _leaves(Entry[] memory entries) private pure returns (RewardTree.Leaf[] memory leaves) {
        leaves = new RewardTree.Leaf[](entries.length);
        for (uint256 i = 0; i < entries.length; ++i) {
            leaves[i] = RewardTree.Leaf(entries[i].operator, entries[i].cumulative);
        }
    }

    function _check(bytes32 root, Entry[] memory entries) private pure {
        RewardTree.Leaf[] memory leaves = _leaves(entries);
        assertEq(RewardTree.rootOf(leaves), root);
        for (uint256 i = 0; i < entries.length; ++i) {
            assertEq(RewardTree.proofOf(leaves, i), entries[i].proof);
            assertTrue(MerkleProof.verify(entries[i].proof, root, RewardTree.hashOf(leaves[i])));
        }
    }

    function _path(uint256 index, string memory key) private pure returns (string memory) {
        return string.concat(".cases[", vm.toString(index), "]", key);
    }
}
