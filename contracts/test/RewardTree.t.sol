// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {BaseTest} from "./BaseTest.sol";
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
        }
        assertEq(cases, 5);
    }

    function _check(bytes32 root, Entry[] memory entries) private pure {
        RewardTree.Leaf[] memory leaves = new RewardTree.Leaf[](entries.length);
        for (uint256 i = 0; i < entries.length; ++i) {
            leaves[i] = RewardTree.Leaf(entries[i].operator, entries[i].cumulative);
        }
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
