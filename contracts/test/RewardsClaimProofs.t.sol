// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {RewardsFixture} from "./RewardsFixture.sol";
import {PositionalTrees} from "./utils/PositionalTrees.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice A claim needs an allocation in its own place of a tree of the signed size.
/// forge-config: ci.fuzz.runs = 512
contract RewardsClaimProofsTest is RewardsFixture {
    /// @dev Every allocation of trees of every shape.
    function testFuzz_claim_everyPlace(uint256 seed, uint256 count) public {
        RewardsTree.Leaf[] memory leaves = _leaves(seed, bound(count, 1, 20));
        uint64 settlement = postActive(leaves);
        for (uint256 i = 0; i < leaves.length; ++i) {
            assertEq(claim(settlement, leaves, i), leaves[i].cumulative);
            assertEq(leaves[i].operator.balance, leaves[i].cumulative);
        }
        assertEq(rewards.totalClaimed(), RewardTree.totalOf(leaves));
    }

    function testFuzz_claim_refusesAnotherPlace(uint256 seed, uint256 count, uint256 place, uint32 other) public {
        RewardsTree.Leaf[] memory leaves = _leaves(seed, bound(count, 1, 20));
        uint64 settlement = postActive(leaves);
        place = bound(place, 0, leaves.length - 1);
        if (seed % 2 == 0) other = uint32(bound(other, 0, 40));
        vm.assume(other != place);
        _expectInvalid(settlement, other, leaves[place], RewardTree.proofOf(leaves, place));
        if (other < leaves.length) {
            _expectInvalid(settlement, other, leaves[place], RewardTree.proofOf(leaves, other));
        }
    }

    /// @dev Every field of the leaf is bound by its proof.
    function testFuzz_claim_refusesAnotherLeaf(uint256 seed, uint256 count, uint256 place, uint256 field) public {
        RewardsTree.Leaf[] memory leaves = _leaves(seed, bound(count, 1, 20));
        uint64 settlement = postActive(leaves);
        place = bound(place, 0, leaves.length - 1);
        bytes32[] memory proof = RewardTree.proofOf(leaves, place);
        RewardsTree.Leaf memory leaf = leaves[place];
        field = field % 6;
        if (field == 0) leaf.operator = STRANGER;
        if (field == 1) leaf.cumulative += 1;
        if (field == 2) leaf.running += 1;
        if (field == 3) leaf.grown += 1;
        if (field == 4) leaf.reports += 1;
        if (field == 5) leaf.sheet = ~leaf.sheet;
        _expectInvalid(settlement, uint32(place), leaf, proof);
        assertEq(rewards.totalClaimed(), 0);
    }

    function testFuzz_claim_refusesAnotherProof(uint256 seed, uint256 count, uint256 place, uint256 level) public {
        RewardsTree.Leaf[] memory leaves = _leaves(seed, bound(count, 2, 20));
        uint64 settlement = postActive(leaves);
        place = bound(place, 0, leaves.length - 1);
        bytes32[] memory proof = RewardTree.proofOf(leaves, place);
        proof[level % proof.length] = ~proof[level % proof.length];
        _expectInvalid(settlement, uint32(place), leaves[place], proof);
    }

    function test_claim_refusesAnotherDepth() public {
        RewardsTree.Leaf[] memory leaves = _leaves(1, 5);
        uint64 settlement = postActive(leaves);
        bytes32[] memory proof = RewardTree.proofOf(leaves, 4);
        bytes32[] memory shorter = new bytes32[](2);
        (shorter[0], shorter[1]) = (proof[0], proof[1]);
        _expectInvalid(settlement, 4, leaves[4], shorter);
        bytes32[] memory longer = new bytes32[](4);
        (longer[0], longer[1], longer[2]) = (proof[0], proof[1], proof[2]);
        _expectInvalid(settlement, 4, leaves[4], longer);
        _expectInvalid(settlement, 4, leaves[4], new bytes32[](0));
        assertEq(claim(settlement, leaves, 4), leaves[4].cumulative);
    }

    /// @dev Evaluators signed a tree of three leaves, and a fourth lies hidden in its padding.
    function test_claim_refusesALeafHiddenInThePadding() public {
        RewardsTree.Leaf[] memory leaves = _leaves(1, 4);
        IRewards.Proposal memory proposal = proposalOf(leaves);
        proposal.operators = 3;
        uint64 settlement = post(proposal);
        vm.warp(rewards.getSettlement(settlement).activeAt);
        _expectInvalid(settlement, 3, leaves[3], RewardTree.proofOf(leaves, 3));
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
        vm.expectRevert(abi.encodeWithSelector(IRewards.InvalidRange.selector, proposal.root));
        claimMany(settlement, batch);
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(claim(settlement, leaves, i), leaves[i].cumulative);
        }
    }

    /// @dev Or below what was signed as one of two leaves, deeper than the tree is.
    function test_claim_refusesALeafHiddenBelowALeaf() public {
        RewardsTree.Leaf[] memory leaves = _leaves(1, 4);
        IRewards.Proposal memory proposal = proposalOf(leaves);
        proposal.operators = 2;
        uint64 settlement = post(proposal);
        vm.warp(rewards.getSettlement(settlement).activeAt);
        for (uint32 i = 0; i < 4; ++i) {
            _expectInvalid(settlement, i, leaves[i], RewardTree.proofOf(leaves, i));
        }
    }

    /// @dev A node is the hash of 64 bytes, a leaf that of 32: neither passes for the other.
    function test_claim_refusesANodeForALeaf() public {
        RewardsTree.Leaf[] memory leaves = _leaves(1, 4);
        uint64 settlement = postActive(leaves);
        bytes32[] memory hashes = RewardTree.hashesOf(leaves);
        RewardsTree.Leaf memory node =
            RewardTree.leafOf(address(uint160(uint256(hashes[0]))), uint96(uint256(hashes[1])));
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = PositionalTrees.parentOf(hashes[2], hashes[3]);
        _expectInvalid(settlement, 0, node, proof);
        proof = new bytes32[](2);
        _expectInvalid(settlement, 0, node, proof);
    }

    /// @dev A tree of one leaf has no siblings, and nothing beside it.
    function test_claim_ofASingleLeaf() public {
        RewardsTree.Leaf[] memory leaves = _leaves(1, 1);
        uint64 settlement = postActive(leaves);
        _expectInvalid(settlement, 1, leaves[0], new bytes32[](0));
        _expectInvalid(settlement, 0, leaves[0], new bytes32[](1));
        assertEq(claim(settlement, leaves, 0), leaves[0].cumulative);
    }

    function _expectInvalid(uint64 settlement, uint32 index, RewardsTree.Leaf memory leaf, bytes32[] memory proof)
        private
    {
        IRewards.Allocation memory allocation = RewardTree.allocationOf(leaf);
        vm.expectRevert(
            abi.encodeWithSelector(IRewards.InvalidProof.selector, allocation.operator, allocation.cumulative)
        );
        rewards.claim(settlement, index, allocation, proof);
    }

    function _leaves(uint256 seed, uint256 count) private pure returns (RewardsTree.Leaf[] memory leaves) {
        leaves = new RewardsTree.Leaf[](count);
        for (uint256 i = 0; i < count; ++i) {
            bytes32 random = keccak256(abi.encode(seed, i));
            leaves[i] = RewardTree.leafOf(address(uint160(uint256(random))), 1 + uint256(random) % (BUDGET / count - 1));
            leaves[i].grown = leaves[i].cumulative;
            leaves[i].reports = uint32(uint256(random) >> 200);
            leaves[i].sheet = keccak256(abi.encode("sheet", random));
        }
        return RewardTree.inOrder(leaves);
    }
}
