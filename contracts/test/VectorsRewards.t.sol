// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {Court} from "../src/Court.sol";
import {Rewards} from "../src/Rewards.sol";
import {Roles} from "../src/Roles.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {PositionalTree} from "../src/libraries/PositionalTree.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {VectorsFixture} from "./VectorsFixture.sol";
import {PositionalTrees} from "./utils/PositionalTrees.sol";

/// @notice The vectors of positional trees and of settlements.
contract VectorsRewardsTest is VectorsFixture {
    function hasLeaf(bytes32 root, uint256 count, bytes32 leaf, uint256 index, bytes32[] calldata proof)
        external
        pure
        returns (bool)
    {
        return PositionalTree.has(root, count, leaf, index, proof);
    }

    function hasRange(bytes32 root, uint256 count, bytes32[] memory nodes, uint256 start, bytes32[] calldata siblings)
        external
        pure
        returns (bool)
    {
        return PositionalTree.hasRange(root, count, nodes, start, siblings);
    }

    /// @dev The contract's own leaves, as in its claims.
    function test_rewards() public {
        for (uint256 i = 0; at("rewards", i); ++i) {
            bytes32[] memory leaves = words(".leaves");
            for (uint256 n = 0; n < leaves.length; ++n) {
                string memory entry = entryOf(".entries", n);
                RewardsTree.Leaf memory leaf = RewardsTree.Leaf({
                    operator: addressAt(string.concat(entry, ".operator")),
                    cumulative: uint96(number(string.concat(entry, ".cumulative"))),
                    running: uint96(number(string.concat(entry, ".running"))),
                    grown: uint96(number(string.concat(entry, ".grown"))),
                    reports: uint32(number(string.concat(entry, ".reports"))),
                    sheet: word(string.concat(entry, ".sheet"))
                });
                assertEq(RewardsTree.restOf(leaf), word(entryOf(".rests", n)));
                assertEq(RewardsTree.hashOf(leaf), leaves[n]);
            }
            _checkTree(leaves);
        }
    }

    function test_sheets() public {
        for (uint256 i = 0; at("sheets", i); ++i) {
            bytes32[] memory leaves = words(".leaves");
            for (uint256 n = 0; n < leaves.length; ++n) {
                string memory entry = entryOf(".entries", n);
                bytes memory fields = abi.encode(
                    number(string.concat(entry, ".round")),
                    number(string.concat(entry, ".station")),
                    number(string.concat(entry, ".tasks")),
                    number(string.concat(entry, ".rank")),
                    number(string.concat(entry, ".accepted")),
                    number(string.concat(entry, ".running"))
                );
                assertEq(PositionalTree.leafOf(fields), leaves[n]);
            }
            _checkTree(leaves);
        }
    }

    function test_lines() public {
        for (uint256 i = 0; at("lines", i); ++i) {
            bytes32[] memory leaves = words(".leaves");
            assertEq(leaves.length, number(".count"));
            assertEq(PositionalTrees.rootOf(leaves), word(".root"));
        }
    }

    function test_settlement() public {
        for (uint256 i = 0; at("settlement", i); ++i) {
            vm.chainId(number(".chainId"));
            _deployRoles(addressAt(".evaluator"), uint64(number(".evaluatorSet")));
            address place = addressAt(".rewards");
            deployCodeTo(
                "Rewards.sol:Rewards", abi.encode(roles, rounds, new Court(0, 0, 0, 0), STRANGER, 60_000), place
            );
            bytes32 digest = Rewards(payable(place)).digestOf(_proposal());
            assertEq(digest, word(".digest"));
            bytes[] memory signatures = new bytes[](1);
            signatures[0] = content(".signature");
            assertEq(ECDSA.recover(digest, signatures[0]), addressAt(".evaluator"));
            roles.checkSignatures(digest, signatures);
        }
    }

    function _checkTree(bytes32[] memory leaves) private {
        bytes32 root = word(".root");
        assertEq(PositionalTrees.rootOf(leaves), root);
        for (uint256 n = 0; n < leaves.length; ++n) {
            bytes32[] memory proof = words(entryOf(".proofs", n));
            assertEq(proof, PositionalTrees.proofOf(leaves, n));
            assertTrue(this.hasLeaf(root, leaves.length, leaves[n], n, proof));
        }
        uint256 ranges;
        for (; has(entryOf(".ranges", ranges)); ++ranges) {
            string memory range = entryOf(".ranges", ranges);
            uint256 start = number(string.concat(range, ".start"));
            bytes32[] memory nodes = new bytes32[](number(string.concat(range, ".length")));
            for (uint256 n = 0; n < nodes.length; ++n) {
                nodes[n] = leaves[start + n];
            }
            bytes32[] memory siblings = words(string.concat(range, ".siblings"));
            assertEq(siblings, PositionalTrees.rangeOf(leaves, start, start + nodes.length));
            assertTrue(this.hasRange(root, leaves.length, nodes, start, siblings));
        }
        assertTrue(ranges > 0 || leaves.length == 0);
    }

    /// @dev With this evaluator alone, in a set of this version.
    function _deployRoles(address evaluator, uint64 version) private {
        address[] memory set = new address[](1);
        set[0] = version == 1 ? evaluator : STRANGER;
        roles = new Roles(OWNER, GUARDIAN, 0, 0, set, 1);
        for (uint64 next = 2; next <= version; ++next) {
            set[0] = next == version ? evaluator : address(uint160(next));
            vm.prank(OWNER);
            roles.setEvaluators(set, 1);
        }
        assertEq(roles.evaluatorSet(), version);
    }

    function _proposal() private view returns (IRewards.Proposal memory) {
        return IRewards.Proposal({
            number: uint64(number(".number")),
            parent: uint64(number(".parent")),
            firstRound: uint64(number(".firstRound")),
            lastRound: uint64(number(".lastRound")),
            root: word(".root"),
            operators: uint32(number(".operators")),
            cumulativeTotal: number(".cumulativeTotal"),
            drops: uint32(number(".drops")),
            cid: content(".cid")
        });
    }
}
