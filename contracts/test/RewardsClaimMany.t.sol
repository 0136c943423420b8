// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsFixture} from "./RewardsFixture.sol";
import {MerkleTree} from "./utils/MerkleTree.sol";
import {RewardTree} from "./utils/RewardTree.sol";

contract RewardsClaimManyTest is RewardsFixture {
    address private alice = makeAddr("alice");
    address private bob = makeAddr("bob");
    address private carol = makeAddr("carol");

    /// @dev Any subset of any tree, then the rest, then all: everybody is paid once.
    function testFuzz_claimMany_paysEverybodyOnce(uint256 seed, uint8 count, uint256 subset) public {
        RewardTree.Leaf[] memory leaves = _random(seed, bound(count, 1, 12), BUDGET);
        uint64 settlement = postActive(leaves);
        uint256[] memory chosen = _chosen(leaves.length, subset);
        uint256 granted;
        for (uint256 i = 0; i < chosen.length; ++i) {
            granted += leaves[chosen[i]].cumulative;
        }
        assertEq(claimMany(settlement, RewardTree.batchOf(leaves, chosen)), granted);
        assertEq(rewards.totalClaimed(), granted);
        claimMany(settlement, leaves);
        uint256 total;
        for (uint256 i = 0; i < leaves.length; ++i) {
            assertEq(leaves[i].operator.balance, leaves[i].cumulative);
            assertEq(rewards.claimed(leaves[i].operator), leaves[i].cumulative);
            total += leaves[i].cumulative;
        }
        assertEq(claimMany(settlement, leaves), 0);
        assertEq(rewards.totalClaimed(), total);
    }

    /// @dev `claim` and `claimMany` update the same accounts, in any order.
    function testFuzz_claimMany_agreesWithClaim(uint256 seed, uint8 count, uint256 subset) public {
        RewardTree.Leaf[] memory leaves = _random(seed, bound(count, 1, 8), BUDGET / 2);
        uint64 first = postActive(leaves);
        uint256[] memory chosen = _chosen(leaves.length, subset);
        for (uint256 i = 0; i < chosen.length; ++i) {
            if (leaves[chosen[i]].cumulative > 0) claim(first, leaves, chosen[i]);
        }
        playRound();
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i].cumulative += i;
        }
        uint256 before = rewards.totalClaimed();
        uint256 paid = claimMany(postActive(leaves), leaves);
        assertEq(rewards.totalClaimed(), before + paid);
        for (uint256 i = 0; i < leaves.length; ++i) {
            assertEq(leaves[i].operator.balance, leaves[i].cumulative);
        }
    }

    function test_claimMany_skipsWhatIsPaidAlready() public {
        RewardTree.Leaf[] memory leaves = _three(100, 200, 300);
        uint64 settlement = postActive(leaves);
        claim(settlement, leaves, 0);
        vm.expectEmit(address(rewards));
        emit IRewards.ClaimSkipped(settlement, alice, IRewards.Skipped.NothingToClaim, 0);
        assertEq(claimMany(settlement, leaves), 500);
        assertEq(alice.balance, 100);
        assertEq(bob.balance, 200);
    }

    function test_claimMany_reportsWhatItPays() public {
        RewardTree.Leaf[] memory leaves = single(bob, 200);
        uint64 settlement = postActive(leaves);
        vm.prank(bob);
        rewards.setPayoutAddress(carol);
        vm.expectEmit(address(rewards));
        emit IRewards.Claimed(settlement, bob, carol, 200, 200);
        assertEq(claimMany(settlement, leaves), 200);
        assertEq(carol.balance, 200);
    }

    /// @dev If a later root grants less than was paid, nothing happens; the next that grants more pays the difference.
    function test_claimMany_skipsWhoseCumulativeFell() public {
        claimMany(postActive(_three(100, 200, 300)), _three(100, 200, 300));
        playRound();
        RewardTree.Leaf[] memory leaves = _three(99, 250, 300);
        uint64 settlement = postActive(leaves);
        vm.expectEmit(address(rewards));
        emit IRewards.ClaimSkipped(settlement, alice, IRewards.Skipped.NothingToClaim, 0);
        // Bob's 50 are one more than the total allows, because alice was overpaid.
        assertEq(claimMany(settlement, leaves), 0);
        assertEq(rewards.claimed(alice), 100);
        assertEq(rewards.claimed(bob), 200);
        playRound();
        assertEq(claimMany(postActive(_three(101, 250, 301)), _three(101, 250, 301)), 52);
    }

    /// @dev Evaluators signed a total smaller than the tree's sum. Late claimants are skipped, and paid once a later
    /// settlement has a greater total.
    function test_claimMany_skipsWhatIsOverTheTotal() public {
        RewardTree.Leaf[] memory leaves = _three(100, 200, 300);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
        IRewards.Proposal memory proposal = proposalOf(leaves);
        IRewards.Allocation memory last = batch.allocations[2];
        proposal.cumulativeTotal = 600 - 1;
        uint64 settlement = post(proposal);
        vm.warp(rewards.getSettlement(settlement).activeAt);
        vm.expectEmit(address(rewards));
        emit IRewards.ClaimSkipped(settlement, last.operator, IRewards.Skipped.OverTotal, last.cumulative);
        assertEq(claimMany(settlement, batch), 600 - last.cumulative);
        assertEq(rewards.claimed(last.operator), 0);
        assertEq(last.operator.balance, 0);

        playRound();
        assertEq(claimMany(postActive(leaves), leaves), last.cumulative);
    }

    function testFuzz_claimMany_neverExceedsTheSignedTotal(uint256 seed, uint8 count, uint256 total) public {
        RewardTree.Leaf[] memory leaves = _random(seed, bound(count, 1, 10), BUDGET);
        IRewards.Proposal memory proposal = proposalOf(leaves);
        proposal.cumulativeTotal = bound(total, 0, proposal.cumulativeTotal);
        uint64 settlement = post(proposal);
        vm.warp(rewards.getSettlement(settlement).activeAt);
        uint256 paid = claimMany(settlement, leaves);
        assertLe(paid, proposal.cumulativeTotal);
        assertEq(rewards.totalClaimed(), paid);
        assertEq(address(rewards).balance, 100 ether - paid);
    }

    function test_claimMany_refusesOtherProofs() public {
        RewardTree.Leaf[] memory leaves = _three(100, 200, 300);
        uint64 settlement = postActive(leaves);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
        batch.allocations[1].cumulative += 1;
        _expectInvalid(settlement, batch);

        batch = RewardTree.batchOf(leaves);
        batch.allocations[0].operator = STRANGER;
        _expectInvalid(settlement, batch);

        // Another order: the proof takes the leaves in order.
        batch = RewardTree.batchOf(leaves);
        (batch.allocations[0], batch.allocations[2]) = (batch.allocations[2], batch.allocations[0]);
        _expectInvalid(settlement, batch);

        uint256[] memory two = new uint256[](2);
        two[1] = 2;
        batch = RewardTree.batchOf(leaves, two);
        batch.proof[0] = ~batch.proof[0];
        _expectInvalid(settlement, batch);
        assertEq(rewards.totalClaimed(), 0);
    }

    function test_claimMany_refusesWrongFlags() public {
        RewardTree.Leaf[] memory leaves = _three(100, 200, 300);
        uint64 settlement = postActive(leaves);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
        // The number of flags must equal the number of hashes, or the proof is malformed.
        batch.flags = new bool[](1);
        _expectMalformed(settlement, batch);
        batch.flags = new bool[](0);
        _expectMalformed(settlement, batch);
        // The right number, but all false: each takes a sibling from an empty proof.
        batch.flags = new bool[](2);
        vm.expectRevert();
        rewards.claimMany(settlement, batch.allocations, batch.proof, batch.flags);
        // One sibling too many.
        batch = RewardTree.batchOf(leaves);
        batch.proof = new bytes32[](1);
        _expectMalformed(settlement, batch);
        batch.flags = new bool[](3);
        (batch.flags[0], batch.flags[1]) = (true, true);
        _expectInvalid(settlement, batch);
    }

    function test_claimMany_refusesProofsOfAnotherSettlement() public {
        RewardTree.Leaf[] memory leaves = _three(100, 200, 300);
        uint64 first = postActive(leaves);
        playRound();
        RewardTree.Leaf[] memory more = _three(150, 250, 350);
        uint64 second = postActive(more);
        _expectInvalid(first, RewardTree.batchOf(more));
        _expectInvalid(second, RewardTree.batchOf(leaves));
        assertEq(claimMany(second, more), 750);
    }

    /// @dev A leaf occurs twice in a proof only if it occurs twice in the tree; it is then paid once.
    function test_claimMany_paysDuplicatesOnce() public {
        RewardTree.Leaf[] memory twice = new RewardTree.Leaf[](2);
        (twice[0], twice[1]) = (RewardTree.Leaf(alice, 100), RewardTree.Leaf(alice, 100));
        RewardTree.Leaf[] memory leaves = single(alice, 100);
        uint64 settlement = postActive(leaves);
        RewardTree.Batch memory batch = RewardTree.batchOf(twice);
        _expectInvalid(settlement, batch);

        veto(post(_next(leaves)));
        uint64 second = post(proposalOf(twice));
        vm.warp(rewards.getSettlement(second).activeAt);
        vm.expectEmit(address(rewards));
        emit IRewards.ClaimSkipped(second, alice, IRewards.Skipped.NothingToClaim, 0);
        assertEq(claimMany(second, batch), 100);
        assertEq(alice.balance, 100);
    }

    /// @dev An operator with two leaves gets the greater, whatever their order.
    function test_claimMany_paysTheGreaterOfTwoLeaves() public {
        RewardTree.Leaf[] memory leaves = new RewardTree.Leaf[](2);
        (leaves[0], leaves[1]) = (RewardTree.Leaf(alice, 100), RewardTree.Leaf(alice, 150));
        uint64 settlement = postActive(leaves);
        assertEq(claimMany(settlement, leaves), 150);
        assertEq(alice.balance, 150);
        assertEq(rewards.totalClaimed(), 150);
    }

    /// @dev An inner node is the hash of 64 bytes, like a leaf's inner hash; but leaves are hashed twice.
    function test_claimMany_takesNoInnerNodeForALeaf() public {
        RewardTree.Leaf[] memory leaves = _three(100, 200, 300);
        uint64 settlement = postActive(leaves);
        bytes32[] memory hashes = RewardTree.hashesOf(leaves);
        RewardTree.Batch memory batch;
        batch.allocations = new IRewards.Allocation[](1);
        batch.allocations[0] = IRewards.Allocation(address(uint160(uint256(hashes[0]))), uint256(hashes[1]));
        batch.proof = new bytes32[](1);
        batch.proof[0] = hashes[2];
        batch.flags = new bool[](1);
        _expectInvalid(settlement, batch);
    }

    function test_claimMany_needsAnActiveSettlement() public {
        RewardTree.Leaf[] memory leaves = _three(100, 200, 300);
        uint64 settlement = post(leaves);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotActive.selector, settlement, IRewards.Status.Pending));
        claimMany(settlement, batch);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NoSuchSettlement.selector, 2));
        claimMany(2, batch);
        veto(settlement);
        vm.warp(block.timestamp + 365 days);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotActive.selector, settlement, IRewards.Status.Void));
        claimMany(settlement, batch);
    }

    /// @dev The proof of no leaves is the root.
    function test_claimMany_takesNobody() public {
        RewardTree.Leaf[] memory leaves = _three(100, 200, 300);
        uint64 settlement = postActive(leaves);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves, new uint256[](0));
        assertEq(claimMany(settlement, batch), 0);
        batch.proof[0] = 0;
        _expectInvalid(settlement, batch);
        batch.proof = new bytes32[](0);
        _expectMalformed(settlement, batch);
    }

    function _expectInvalid(uint64 settlement, RewardTree.Batch memory batch) private {
        bytes32 root = rewards.getSettlement(settlement).proposal.root;
        vm.expectRevert(abi.encodeWithSelector(IRewards.InvalidMultiProof.selector, root));
        claimMany(settlement, batch);
    }

    function _expectMalformed(uint64 settlement, RewardTree.Batch memory batch) private {
        vm.expectRevert(MerkleProof.MerkleProofInvalidMultiproof.selector);
        claimMany(settlement, batch);
    }

    /// @dev The leaves, after another round.
    function _next(RewardTree.Leaf[] memory leaves) private returns (IRewards.Proposal memory) {
        playRound();
        return proposalOf(leaves);
    }

    function _three(uint256 a, uint256 b, uint256 c) private view returns (RewardTree.Leaf[] memory leaves) {
        leaves = new RewardTree.Leaf[](3);
        leaves[0] = RewardTree.Leaf(alice, a);
        leaves[1] = RewardTree.Leaf(bob, b);
        leaves[2] = RewardTree.Leaf(carol, c);
    }

    function _random(uint256 seed, uint256 count, uint256 total) private returns (RewardTree.Leaf[] memory leaves) {
        leaves = new RewardTree.Leaf[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 cumulative = uint256(keccak256(abi.encode(seed, i))) % (total / count);
            leaves[i] = RewardTree.Leaf(makeAddr(vm.toString(i)), cumulative);
        }
    }

    /// @dev Indices below `count` whose bit is set.
    function _chosen(uint256 count, uint256 bits) private pure returns (uint256[] memory chosen) {
        uint256 size;
        for (uint256 i = 0; i < count; ++i) {
            size += bits >> i & 1;
        }
        chosen = new uint256[](size);
        for (uint256 i = count; i > 0; --i) {
            if (bits >> (i - 1) & 1 == 1) chosen[--size] = i - 1;
        }
    }
}
