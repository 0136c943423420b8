// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {BaseTest} from "./BaseTest.sol";
import {MerkleTree} from "./utils/MerkleTree.sol";

/// @notice The tests' own sorted tree is the one that npm @openzeppelin/merkle-tree builds.
contract MerkleTreeTest is BaseTest {
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
            _check(root, abi.decode(vm.parseJsonTypeArray(json, _path(cases, ".entries"), TYPE), (Entry[])));
        }
        assertEq(cases, 5);
    }

    function test_deepProof_isATrees() public pure {
        bytes32 leaf = MerkleTree.hashOf("leaf");
        (bytes32 root, bytes32[] memory proof) = MerkleTree.deep(leaf, 20);
        assertEq(proof.length, 20);
        assertTrue(MerkleProof.verify(proof, root, leaf));
    }

    function _check(bytes32 root, Entry[] memory entries) private pure {
        bytes32[] memory leaves = new bytes32[](entries.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = MerkleTree.hashOf(abi.encode(entries[i].operator, entries[i].cumulative));
        }
        assertEq(MerkleTree.rootOf(leaves), root);
        for (uint256 i = 0; i < leaves.length; ++i) {
            assertEq(MerkleTree.proofOf(leaves, i), entries[i].proof);
            assertTrue(MerkleProof.verify(entries[i].proof, root, leaves[i]));
        }
    }

    function _path(uint256 index, string memory key) private pure returns (string memory) {
        return string.concat(".cases[", vm.toString(index), "]", key);
    }
}
