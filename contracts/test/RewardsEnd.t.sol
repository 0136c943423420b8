// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../src/interfaces/IRewards.sol";
import {IRoles} from "../src/interfaces/IRoles.sol";
import {RewardsFixture} from "./RewardsFixture.sol";

/// @notice Two ends: the owner's, and that of an abandoned programme. The earlier one holds.
contract RewardsEndTest is RewardsFixture {
    uint64 private constant END_NOTICE = 30 days;
    uint64 private constant ABANDONED_AFTER = 90 days;

    address private operator = makeAddr("operator");

    function test_cancelEnd_isForOwnerAndGuardian() public {
        uint64 at = uint64(block.timestamp) + END_NOTICE;
        vm.expectRevert(IRewards.NothingChanged.selector);
        vm.prank(GUARDIAN);
        rewards.cancelEnd();
        address[2] memory may = [GUARDIAN, OWNER];
        for (uint256 i = 0; i < 2; ++i) {
            _setEnd(at);
            vm.expectEmit(address(rewards));
            emit IRewards.EndChanged(at, 0, may[i]);
            vm.prank(may[i]);
            rewards.cancelEnd();
            assertEq(rewards.endsAt(), 0);
        }
        _setEnd(at);
        vm.expectRevert(abi.encodeWithSelector(IRoles.NotOwnerOrGuardian.selector, TREASURY));
        vm.prank(TREASURY);
        rewards.cancelEnd();
    }

    function test_cancelEnd_comesInTimeOrNever() public {
        uint64 at = uint64(block.timestamp) + END_NOTICE;
        _setEnd(at);
        vm.warp(at - 1);
        uint256 before = vm.snapshotState();
        vm.prank(GUARDIAN);
        rewards.cancelEnd();
        vm.warp(at);
        deposit(1);
        vm.revertToState(before);
        vm.warp(at);
        vm.expectRevert(abi.encodeWithSelector(IRewards.Ended.selector, at));
        vm.prank(GUARDIAN);
        rewards.cancelEnd();
    }

    /// @dev The guardian undoes what the owner announced, not what nobody's settlements brought about.
    function test_cancelEnd_leavesAnAbandonedEnd() public {
        uint64 end = _abandon();
        vm.expectRevert(IRewards.NothingChanged.selector);
        vm.prank(GUARDIAN);
        rewards.cancelEnd();
        assertEq(rewards.endsAt(), end);
    }

    function test_cancelEnd_ofBoth() public {
        _setEnd(type(uint64).max);
        skip(ABANDONED_AFTER + 1);
        rewards.endAbandoned();
        uint64 end = rewards.endsAt();
        vm.prank(GUARDIAN);
        rewards.cancelEnd();
        assertEq(rewards.endsAt(), end);
        _becomeActive(post(single(operator, 1)));
        assertEq(rewards.endsAt(), 0);
    }

    /// @dev Whatever evaluators do, the end that the owner announced comes.
    function test_setEnd_survivesAbandonmentAndSettlements() public {
        uint64 announced = uint64(block.timestamp) + 200 days;
        _setEnd(announced);
        skip(ABANDONED_AFTER + 1);
        rewards.endAbandoned();
        uint64 abandoned = rewards.endsAt();
        assertEq(abandoned, vm.getBlockTimestamp() + END_NOTICE);
        post(single(operator, 1));
        assertEq(rewards.endsAt(), abandoned);
        skip(WINDOW);
        vm.expectEmit(address(rewards));
        emit IRewards.EndChanged(abandoned, announced, address(this));
        rewards.noteActive();
        assertEq(rewards.endsAt(), announced);
        // Again.
        skip(ABANDONED_AFTER + 1);
        vm.expectRevert(IRewards.NothingChanged.selector);
        rewards.endAbandoned();
        playRound();
        post(single(operator, 2));
        assertEq(rewards.endsAt(), announced);
        vm.warp(announced);
        assertEq(rewards.withdrawSurplus(), 100 ether - 2);
    }

    function testFuzz_endsAt_isTheEarlier(uint64 announced) public {
        uint64 start = uint64(block.timestamp);
        announced = uint64(bound(announced, start + END_NOTICE, start + 400 days));
        _setEnd(announced);
        vm.warp(start + ABANDONED_AFTER + 1);
        uint64 abandoned = start + ABANDONED_AFTER + 1 + END_NOTICE;
        if (announced <= abandoned) {
            vm.expectRevert(IRewards.NothingChanged.selector);
            rewards.endAbandoned();
            assertEq(rewards.endsAt(), announced);
        } else {
            rewards.endAbandoned();
            assertEq(rewards.endsAt(), abandoned);
            _becomeActive(post(single(operator, 1)));
            assertEq(rewards.endsAt(), announced);
        }
    }

    /// @dev Otherwise an owner could keep the money of an abandoned programme for ever.
    function test_setEnd_leavesAnAbandonedEnd() public {
        uint64 end = _abandon();
        _setEnd(end + 1);
        assertEq(rewards.endsAt(), end);
        _setEnd(0);
        assertEq(rewards.endsAt(), end);
        vm.expectRevert(IRewards.NothingChanged.selector);
        _setEnd(0);
        // An earlier one holds.
        skip(1);
        vm.expectRevert(abi.encodeWithSelector(IRewards.EndTooSoon.selector, end, end + 1));
        _setEnd(end);
    }

    function _becomeActive(uint64 settlement) private {
        vm.warp(rewards.getSettlement(settlement).activeAt);
        rewards.noteActive();
    }

    function _setEnd(uint64 at) private {
        vm.prank(OWNER);
        rewards.setEnd(at);
    }

    function _abandon() private returns (uint64) {
        vm.warp(START + ABANDONED_AFTER + 1);
        rewards.endAbandoned();
        return rewards.endsAt();
    }
}
