// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ICourt} from "../src/interfaces/ICourt.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {CourtFixture} from "./CourtFixture.sol";
import {ForeignRewards} from "./mocks/ForeignRewards.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice The Court serves any contract that calls itself `Rewards`: one that lies harms nobody but who deals with it.
contract CourtForeignTest is CourtFixture {
    address private immutable WATCHER = makeAddr("watcher");

    ForeignRewards private foreign;
    IRewards private asRewards;
    RewardsTree.Leaf[] private tree;
    uint64 private settlement;

    /// @dev Somebody's bond of 5 FIL lies in the Court.
    function setUp() public override {
        super.setUp();
        tree.push(RewardTree.single(STRANGER, 100)[0]);
        settlement = post(tree);
        vm.deal(WATCHER, 5 ether);
        bytes32 root = RewardTree.rootOf(tree);
        vm.prank(WATCHER);
        court.demand{value: 5 ether}(rewards, settlement, root, 0);
        foreign = new ForeignRewards();
        asRewards = IRewards(address(foreign));
    }

    /// @dev What it is paid is what was given for it, however often it changes its mind.
    function test_foreignRewards_takeNobodysBond() public {
        _say(true, type(uint40).max);
        foreign.demand{value: 1 ether}(court, RewardTree.rootOf(tree), 0);
        // Not pending: the demander may have its bond back.
        _say(false, 0);
        court.lapse(asRewards, 1, 0);
        assertEq(court.owed(address(foreign)), 1 ether);
        // Pending again: neither an answer nor a lapse pays a second time, and the place cannot be demanded again.
        _say(true, type(uint40).max);
        ICourt.Place memory shown = placeOf(tree, 0);
        bytes memory none = abi.encodeWithSelector(ICourt.NoDemand.selector, 1, 0);
        vm.expectRevert(none);
        court.answer(asRewards, 1, shown);
        vm.expectRevert(none);
        court.lapse(asRewards, 1, 0);
        bytes32 root = RewardTree.rootOf(tree);
        vm.deal(address(this), 1 ether);
        vm.expectRevert(abi.encodeWithSelector(ICourt.DemandedBefore.selector, 1, 0));
        foreign.demand{value: 1 ether}(court, root, 0);
        court.withdraw(payable(address(foreign)));
        assertEq(address(court).balance, 5 ether);
    }

    /// @dev While it is asked to void, it calls back: everything is settled by then.
    function test_foreignRewards_cannotCallBack() public {
        bytes[4] memory calls = [
            abi.encodeCall(court.lapse, (asRewards, 1, 0)),
            abi.encodeCall(court.answer, (asRewards, 1, placeOf(tree, 0))),
            abi.encodeCall(court.demand, (asRewards, 1, RewardTree.rootOf(tree), 0)),
            abi.encodeCall(court.lapse, (rewards, settlement, 0))
        ];
        _say(true, type(uint40).max);
        foreign.demand{value: 1 ether}(court, RewardTree.rootOf(tree), 0);
        vm.warp(block.timestamp + ANSWER_WINDOW);
        uint256 before = vm.snapshotState();
        for (uint256 i = 0; i < calls.length; ++i) {
            foreign.setCall(address(court), calls[i]);
            if (i < 3) vm.warp(block.timestamp + 1);
            court.lapse(asRewards, 1, 0);
            assertEq(foreign.voided(), 1);
            // The last is anybody's right, once it is due.
            assertEq(foreign.reentered(), i == 3 && vm.getBlockTimestamp() > _dueAt(), vm.toString(i));
            if (i < 3) assertEq(court.owed(address(foreign)), 1 ether);
            assertLe(court.owed(address(foreign)) + court.owed(WATCHER), address(court).balance);
            vm.revertToState(before);
            vm.warp(block.timestamp + 1);
        }
    }

    function test_foreignRewards_cannotWithdrawTwice() public {
        _say(true, type(uint40).max);
        foreign.demand{value: 1 ether}(court, RewardTree.rootOf(tree), 0);
        _say(false, 0);
        court.lapse(asRewards, 1, 0);
        foreign.setCall(address(court), abi.encodeCall(court.withdraw, (payable(address(foreign)))));
        assertEq(court.withdraw(payable(address(foreign))), 1 ether);
        assertFalse(foreign.reentered());
        assertEq(address(foreign).balance, 1 ether);
        assertEq(address(court).balance, 5 ether);
    }

    /// @dev The Court voids where it was asked to, and nowhere else.
    function test_foreignRewards_voidNothingElsewhere() public {
        RewardsTree.Leaf[] memory lie = single(STRANGER, 100);
        lie[0].running = 99;
        IRewards.Facts memory facts;
        (facts.root, facts.operators, facts.cumulativeTotal) = (RewardTree.rootOf(lie), 1, 100);
        (facts.activeAt, facts.pending) = (type(uint40).max, true);
        foreign.setFacts(facts);
        court.challengeOrder(asRewards, settlement, placeOf(lie, 0), lie[0], new bytes32[](0));
        assertEq(foreign.voided(), settlement);
        assertStatus(settlement, IRewards.Status.Pending);
        // Nor with what is true elsewhere.
        ICourt.Place memory place = placeOf(lie, 0);
        vm.expectRevert(abi.encodeWithSelector(ICourt.NotInTree.selector, 0));
        court.challengeOrder(rewards, settlement, place, lie[0], new bytes32[](0));
    }

    /// @dev Another court has no power over this one's rewards.
    function test_rewards_obeyTheirOwnCourt() public {
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotCourt.selector, address(foreign), address(court)));
        vm.prank(address(foreign));
        rewards.voidByCourt(settlement);
    }

    /// @dev At the end, everybody has what is theirs.
    function test_foreignRewards_leaveTheBondsOfOthers() public {
        test_foreignRewards_takeNobodysBond();
        vm.warp(_dueAt() + 1);
        court.lapse(rewards, settlement, 0);
        assertEq(court.withdraw(payable(WATCHER)), 5 ether);
        assertEq(address(court).balance, 0);
    }

    function _dueAt() private view returns (uint64) {
        return court.demandOf(rewards, settlement, 0).dueAt;
    }

    function _say(bool pending, uint40 activeAt) private {
        IRewards.Facts memory facts;
        (facts.root, facts.operators) = (RewardTree.rootOf(tree), 1);
        (facts.pending, facts.activeAt) = (pending, activeAt);
        foreign.setFacts(facts);
    }
}
