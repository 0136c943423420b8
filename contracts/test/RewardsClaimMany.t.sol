// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {RewardsFixture} from "./RewardsFixture.sol";
import {PositionalTrees} from "./utils/PositionalTrees.sol";
import {RewardTree} from "./utils/RewardTree.sol";

contract RewardsClaimManyTest is RewardsFixture {
    address private alice = makeAddr("alice");
    address private bob = makeAddr("bob");
    address private carol = makeAddr("carol");

    /// @dev Any range of any tree, with any leaves passed over, then all: everybody is paid once.
    function testFuzz_claimMany_paysEverybodyOnce(
        uint256 seed,
        uint8 count,
        uint256 start,
        uint256 end,
        uint256 passedOver
    ) public {
        RewardsTree.Leaf[] memory leaves = _random(seed, bound(count, 1, 12), BUDGET);
        uint64 settlement = postActive(leaves);
        start = bound(start, 0, leaves.length - 1);
        end = bound(end, start + 1, leaves.length);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves, start, end);
        uint256 granted;
        for (uint256 i = start; i < end; ++i) {
            if (passedOver >> i & 1 == 1) RewardTree.passOver(batch, leaves, i);
            else granted += leaves[i].cumulative;
        }
        assertEq(claimMany(settlement, batch), granted);
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
        RewardsTree.Leaf[] memory leaves = _random(seed, bound(count, 1, 8), BUDGET / 2);
        uint64 first = postActive(leaves);
        for (uint256 i = 0; i < leaves.length; ++i) {
            if (subset >> i & 1 == 1 && leaves[i].cumulative > 0) claim(first, leaves, i);
        }
        playRound();
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i].cumulative += uint96(i + 1);
        }
        uint256 before = rewards.totalClaimed();
        uint256 paid = claimMany(postActive(leaves), leaves);
        assertEq(rewards.totalClaimed(), before + paid);
        for (uint256 i = 0; i < leaves.length; ++i) {
            assertEq(leaves[i].operator.balance, leaves[i].cumulative);
        }
    }

    function test_claimMany_skipsWhatIsPaidAlready() public {
        RewardsTree.Leaf[] memory leaves = _three(100, 200, 300);
        uint64 settlement = postActive(leaves);
        claim(settlement, leaves, 0);
        vm.expectEmit(address(rewards));
        emit IRewards.ClaimSkipped(settlement, alice, IRewards.Skipped.NothingToClaim, 0);
        assertEq(claimMany(settlement, leaves), 500);
        assertEq(alice.balance, 100);
        assertEq(bob.balance, 200);
    }

    function test_claimMany_reportsWhatItPays() public {
        RewardsTree.Leaf[] memory leaves = single(bob, 200);
        uint64 settlement = postActive(leaves);
        vm.prank(bob);
        rewards.setPayoutAddress(carol);
        vm.expectEmit(address(rewards));
        emit IRewards.Claimed(settlement, bob, carol, 200, 200);
        assertEq(claimMany(settlement, leaves), 200);
        assertEq(carol.balance, 200);
    }

    /// @dev Of what is passed over only the hash is given: nothing is paid, reported or remembered.
    function test_claimMany_passesOverLeaves() public {
        RewardsTree.Leaf[] memory leaves = _three(100, 200, 300);
        uint64 settlement = postActive(leaves);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
        RewardTree.passOver(batch, leaves, 1);
        vm.recordLogs();
        assertEq(claimMany(settlement, batch), 400);
        assertEq(vm.getRecordedLogs().length, 2);
        assertEq(rewards.claimed(bob), 0);
        assertEq(claim(settlement, leaves, 1), 200);
        for (uint256 i = 0; i < 3; ++i) {
            RewardTree.passOver(batch, leaves, i);
        }
        assertEq(claimMany(settlement, batch), 0);
    }

    /// @dev What is passed over has no amount: one that is given is not looked at.
    function test_claimMany_paysNobodyAtAddressZero() public {
        RewardsTree.Leaf[] memory leaves = _three(100, 200, 300);
        uint64 settlement = postActive(leaves);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
        RewardTree.passOver(batch, leaves, 1);
        batch.allocations[1].cumulative = 50;
        assertEq(claimMany(settlement, batch), 400);
        assertEq(rewards.claimed(address(0)), 0);
        assertEq(address(0).balance, 0);
        // A tree with a leaf of the operator zero never pays it in a batch.
        playRound();
        leaves = new RewardsTree.Leaf[](2);
        (leaves[0], leaves[1]) = (RewardTree.leafOf(address(0), 700), RewardTree.leafOf(bob, 800));
        uint64 second = postActive(leaves);
        _expectInvalid(second, RewardTree.batchOf(leaves));
        assertEq(rewards.claimed(address(0)), 0);
    }

    /// @dev If a later root grants less than was paid, nothing happens; the next that grants more pays the difference.
    function test_claimMany_skipsWhoseCumulativeFell() public {
        claimMany(postActive(_three(100, 200, 300)), _three(100, 200, 300));
        playRound();
        RewardsTree.Leaf[] memory leaves = _three(99, 250, 300);
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
        RewardsTree.Leaf[] memory leaves = _three(100, 200, 300);
        IRewards.Proposal memory proposal = proposalOf(leaves);
        proposal.cumulativeTotal = 600 - 1;
        uint64 settlement = post(proposal);
        vm.warp(rewards.getSettlement(settlement).activeAt);
        vm.expectEmit(address(rewards));
        emit IRewards.ClaimSkipped(settlement, carol, IRewards.Skipped.OverTotal, 300);
        assertEq(claimMany(settlement, leaves), 300);
        assertEq(rewards.claimed(carol), 0);
        assertEq(carol.balance, 0);

        playRound();
        leaves = _three(100, 200, 301);
        assertEq(claimMany(postActive(leaves), leaves), 301);
    }

    function testFuzz_claimMany_neverExceedsTheSignedTotal(uint256 seed, uint8 count, uint256 total) public {
        RewardsTree.Leaf[] memory leaves = _random(seed, bound(count, 1, 10), BUDGET);
        IRewards.Proposal memory proposal = proposalOf(leaves);
        proposal.cumulativeTotal = bound(total, 1, proposal.cumulativeTotal);
        uint64 settlement = post(proposal);
        vm.warp(rewards.getSettlement(settlement).activeAt);
        uint256 paid = claimMany(settlement, leaves);
        assertLe(paid, proposal.cumulativeTotal);
        assertEq(rewards.totalClaimed(), paid);
        assertEq(address(rewards).balance, 100 ether - paid);
    }

    function test_claimMany_refusesOtherAllocations() public {
        RewardsTree.Leaf[] memory leaves = _three(100, 200, 300);
        uint64 settlement = postActive(leaves);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
        batch.allocations[1].cumulative += 1;
        _expectInvalid(settlement, batch);

        batch = RewardTree.batchOf(leaves);
        batch.allocations[0].operator = STRANGER;
        _expectInvalid(settlement, batch);

        batch = RewardTree.batchOf(leaves);
        batch.allocations[2].rest = ~batch.allocations[2].rest;
        _expectInvalid(settlement, batch);

        batch = RewardTree.batchOf(leaves);
        (batch.allocations[0], batch.allocations[2]) = (batch.allocations[2], batch.allocations[0]);
        _expectInvalid(settlement, batch);

        // Passed over, but another leaf.
        batch = RewardTree.batchOf(leaves);
        RewardTree.passOver(batch, leaves, 1);
        batch.allocations[1].rest = RewardTree.hashOf(leaves[0]);
        _expectInvalid(settlement, batch);
        assertEq(rewards.totalClaimed(), 0);
    }

    function test_claimMany_refusesOtherRanges() public {
        RewardsTree.Leaf[] memory leaves = _random(1, 7, BUDGET);
        uint64 settlement = postActive(leaves);
        for (uint32 start = 0; start < 9; ++start) {
            RewardTree.Batch memory batch = RewardTree.batchOf(leaves, 3, 6);
            batch.start = start;
            if (start != 3) _expectInvalid(settlement, batch);
        }
        RewardTree.Batch memory wrong = RewardTree.batchOf(leaves, 3, 6);
        wrong.siblings[0] = ~wrong.siblings[0];
        _expectInvalid(settlement, wrong);
        wrong.siblings = new bytes32[](0);
        _expectInvalid(settlement, wrong);
        wrong = RewardTree.batchOf(leaves);
        wrong.siblings = new bytes32[](wrong.siblings.length + 1);
        _expectInvalid(settlement, wrong);
        wrong = RewardTree.batchOf(leaves);
        wrong.start = type(uint32).max;
        _expectInvalid(settlement, wrong);
    }

    /// @dev The padding after the last leaf is not a leaf, not even a skipped one.
    function test_claimMany_refusesThePadding() public {
        RewardsTree.Leaf[] memory leaves = _three(100, 200, 300);
        uint64 settlement = postActive(leaves);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
        IRewards.Allocation[] memory four = new IRewards.Allocation[](4);
        for (uint256 i = 0; i < 3; ++i) {
            four[i] = batch.allocations[i];
        }
        batch.allocations = four;
        batch.siblings = new bytes32[](0);
        _expectInvalid(settlement, batch);
    }

    function test_claimMany_refusesProofsOfAnotherSettlement() public {
        RewardsTree.Leaf[] memory leaves = _three(100, 200, 300);
        uint64 first = postActive(leaves);
        playRound();
        RewardsTree.Leaf[] memory more = _three(150, 250, 350);
        uint64 second = postActive(more);
        _expectInvalid(first, RewardTree.batchOf(more));
        _expectInvalid(second, RewardTree.batchOf(leaves));
        assertEq(claimMany(second, more), 750);
    }

    /// @dev An operator with two leaves gets the greater, whatever their order; the Court would void such a settlement.
    function test_claimMany_paysTheGreaterOfTwoLeaves() public {
        RewardsTree.Leaf[] memory leaves = new RewardsTree.Leaf[](2);
        (leaves[0], leaves[1]) = (RewardTree.leafOf(alice, 150), RewardTree.leafOf(alice, 100));
        uint64 settlement = postActive(leaves);
        assertEq(claimMany(settlement, leaves), 150);
        assertEq(alice.balance, 150);
        assertEq(rewards.totalClaimed(), 150);
    }

    /// @dev Two leaves below one node, given as one leaf passed over: the tree is deeper than that.
    function test_claimMany_takesNoInnerNodeForALeaf() public {
        RewardsTree.Leaf[] memory leaves = _three(100, 200, 300);
        uint64 settlement = postActive(leaves);
        bytes32[] memory hashes = RewardTree.hashesOf(leaves);
        RewardTree.Batch memory batch;
        batch.allocations = new IRewards.Allocation[](2);
        batch.allocations[0].rest = PositionalTrees.parentOf(hashes[0], hashes[1]);
        batch.allocations[1].rest = PositionalTrees.parentOf(hashes[2], 0);
        _expectInvalid(settlement, batch);
        batch.siblings = new bytes32[](1);
        _expectInvalid(settlement, batch);
    }

    function test_claimMany_needsAnActiveSettlement() public {
        RewardsTree.Leaf[] memory leaves = _three(100, 200, 300);
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

    function test_claimMany_takesAtLeastOne() public {
        uint64 settlement = postActive(_three(100, 200, 300));
        RewardTree.Batch memory batch;
        _expectInvalid(settlement, batch);
        batch.siblings = new bytes32[](1);
        batch.siblings[0] = rewards.getSettlement(settlement).proposal.root;
        _expectInvalid(settlement, batch);
    }

    function _expectInvalid(uint64 settlement, RewardTree.Batch memory batch) private {
        bytes32 root = rewards.getSettlement(settlement).proposal.root;
        vm.expectRevert(abi.encodeWithSelector(IRewards.InvalidRange.selector, root));
        claimMany(settlement, batch);
    }

    function _three(uint256 a, uint256 b, uint256 c) private view returns (RewardsTree.Leaf[] memory leaves) {
        leaves = new RewardsTree.Leaf[](3);
        leaves[0] = RewardTree.leafOf(alice, a);
        leaves[1] = RewardTree.leafOf(bob, b);
        leaves[2] = RewardTree.leafOf(carol, c);
        return RewardTree.summed(leaves);
    }

    /// @dev The first has something, so that the tree is not of nothing.
    function _random(uint256 seed, uint256 count, uint256 total) private returns (RewardsTree.Leaf[] memory leaves) {
        leaves = new RewardsTree.Leaf[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 cumulative = uint256(keccak256(abi.encode(seed, i))) % (total / count);
            leaves[i] = RewardTree.leafOf(makeAddr(vm.toString(i)), i == 0 ? cumulative + 1 : cumulative);
        }
        return RewardTree.summed(leaves);
    }
}
