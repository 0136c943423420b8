// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IRewards} from "../src/interfaces/IRewards.sol";
import {IRoles} from "../src/interfaces/IRoles.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {RewardsFixture} from "./RewardsFixture.sol";
import {Reentrant, Refuser} from "./mocks/Recipients.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice Deposits, the end of the programme, and the surplus.
contract RewardsPoolTest is RewardsFixture {
    uint64 private constant END_NOTICE = 30 days;
    uint64 private constant ABANDONED_AFTER = 90 days;

    address private alice = makeAddr("alice");

    /* DEPOSITS */

    function testFuzz_deposit_countsEverythingSent(uint96 first, uint96 second) public {
        first = uint96(bound(first, 1, type(uint96).max - 101 ether));
        second = uint96(bound(second, 1, type(uint96).max - 100 ether - first));
        vm.deal(STRANGER, uint256(first) + second);
        vm.startPrank(STRANGER);
        vm.expectEmit(address(rewards));
        emit IRewards.Deposited(STRANGER, first, 100 ether + uint256(first));
        rewards.deposit{value: first}();
        vm.expectEmit(address(rewards));
        emit IRewards.Deposited(STRANGER, second, 100 ether + uint256(first) + second);
        (bool success,) = address(rewards).call{value: second}("");
        assertTrue(success);
        assertEq(rewards.totalDeposited(), 100 ether + uint256(first) + second);
        assertEq(rewards.surplus(), rewards.totalDeposited());
        assertEq(address(rewards).balance, rewards.totalDeposited());
    }

    function test_deposit_refusesNothing() public {
        vm.expectRevert(IRewards.ZeroAmount.selector);
        rewards.deposit();
        (bool success, bytes memory reason) = address(rewards).call("");
        assertFalse(success);
        assertEq(bytes4(reason), IRewards.ZeroAmount.selector);
    }

    /// @dev Forty times all FIL that will ever exist, plus one.
    function test_deposit_refusesMoreThanThereIs() public {
        vm.deal(STRANGER, 2 ** 97);
        vm.startPrank(STRANGER);
        vm.expectRevert();
        rewards.deposit{value: 2 ** 96 - 100 ether}();
        vm.expectRevert();
        rewards.deposit{value: 2 ** 96}();
        rewards.deposit{value: 2 ** 96 - 100 ether - 1}();
        assertEq(rewards.totalDeposited(), type(uint96).max);
    }

    /* THE END */

    function test_setEnd_announcesTheEnd() public {
        uint64 at = uint64(block.timestamp) + END_NOTICE;
        vm.expectEmit(address(rewards));
        emit IRewards.EndChanged(0, at, OWNER);
        _setEnd(at);
        assertEq(rewards.endsAt(), at);
        vm.expectEmit(address(rewards));
        emit IRewards.EndChanged(at, at + 1, OWNER);
        _setEnd(at + 1);
        vm.expectEmit(address(rewards));
        emit IRewards.EndChanged(at + 1, 0, OWNER);
        _setEnd(0);
        assertEq(rewards.endsAt(), 0);
    }

    function test_setEnd_refusals() public {
        uint64 earliest = uint64(block.timestamp) + END_NOTICE;
        vm.expectRevert(IRewards.NothingChanged.selector);
        _setEnd(0);
        vm.expectRevert(abi.encodeWithSelector(IRewards.EndTooSoon.selector, earliest - 1, earliest));
        _setEnd(earliest - 1);
        vm.expectRevert(abi.encodeWithSelector(IRoles.NotOwner.selector, GUARDIAN, OWNER));
        vm.prank(GUARDIAN);
        rewards.setEnd(earliest);
        _setEnd(earliest);
        vm.expectRevert(IRewards.NothingChanged.selector);
        _setEnd(earliest);
        // The end is final.
        vm.warp(earliest);
        vm.expectRevert(abi.encodeWithSelector(IRewards.Ended.selector, earliest));
        _setEnd(0);
    }

    function test_end_stopsDepositsAndSettlements() public {
        uint64 end = _end();
        vm.warp(end - 1);
        deposit(1);
        post(single(alice, 1));
        vm.warp(end);
        vm.deal(STRANGER, 1);
        bytes memory reason = abi.encodeWithSelector(IRewards.Ended.selector, end);
        vm.expectRevert(reason);
        rewards.deposit{value: 1}();
        playRound();
        IRewards.Proposal memory proposal = proposalOf(single(alice, 2));
        bytes[] memory signatures = signaturesOf(proposal);
        vm.expectRevert(reason);
        rewards.post(proposal, signatures);
    }

    /// @dev Claims remain possible forever: activated before or after the end, before or after the surplus was
    /// withdrawn.
    function test_end_stopsNoClaims() public {
        RewardsTree.Leaf[] memory leaves = single(alice, 100);
        uint64 first = postActive(leaves);
        playRound();
        uint64 end = _end();
        vm.warp(end - 1);
        RewardsTree.Leaf[] memory more = single(alice, 300);
        uint64 second = post(more);
        vm.warp(end);
        rewards.withdrawSurplus();
        assertEq(claim(first, leaves, 0), 100);
        vm.warp(end + 10 * 365 days);
        assertEq(claim(second, more, 0), 200);
        assertEq(address(rewards).balance, 0);
    }

    /* AN ABANDONED PROGRAMME */

    function test_endAbandoned_isAnyones() public {
        uint64 abandonedAt = uint64(START) + ABANDONED_AFTER;
        vm.warp(abandonedAt);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotAbandoned.selector, abandonedAt));
        rewards.endAbandoned();
        vm.warp(abandonedAt + 1);
        vm.expectEmit(address(rewards));
        emit IRewards.EndChanged(0, abandonedAt + 1 + END_NOTICE, STRANGER);
        vm.prank(STRANGER);
        rewards.endAbandoned();
        assertEq(rewards.endsAt(), abandonedAt + 1 + END_NOTICE);
        vm.expectRevert(IRewards.NothingChanged.selector);
        rewards.endAbandoned();
    }

    function test_endAbandoned_countsFromTheLastActivation() public {
        vm.warp(START + 60 days);
        post(single(alice, 1));
        uint64 abandonedAt = uint64(START) + 60 days + WINDOW + ABANDONED_AFTER;
        vm.warp(abandonedAt);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotAbandoned.selector, abandonedAt));
        rewards.endAbandoned();
    }

    function test_endAbandoned_isTakenBackByASettlementThatBecomesActive() public {
        uint64 end = _abandon();
        vm.warp(end - WINDOW - 1);
        post(single(alice, 1));
        skip(WINDOW - 1);
        rewards.noteActive();
        assertEq(rewards.endsAt(), end);
        skip(1);
        vm.expectEmit(address(rewards));
        emit IRewards.EndChanged(end, 0, STRANGER);
        vm.prank(STRANGER);
        rewards.noteActive();
        assertEq(rewards.endsAt(), 0);
        // Nothing is left to note.
        vm.recordLogs();
        rewards.noteActive();
        assertEq(vm.getRecordedLogs().length, 0);
    }

    /// @dev Posting notes too, and neither a void settlement nor one of nothing counts.
    function test_endAbandoned_isTakenBackByWhatGrants() public {
        uint64 end = _abandon();
        veto(post(single(alice, 1)));
        skip(WINDOW);
        playRound();
        post(single(alice, 1));
        assertEq(rewards.endsAt(), end);
        skip(WINDOW);
        playRound();
        post(single(alice, 1));
        assertEq(rewards.endsAt(), 0);
        // The third grants nothing.
        uint64 abandonedAt = rewards.getSettlement(2).activeAt + ABANDONED_AFTER;
        vm.warp(abandonedAt);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotAbandoned.selector, abandonedAt));
        rewards.endAbandoned();
        skip(1);
        rewards.endAbandoned();
    }

    /// @dev What ended does not begin again.
    function test_noteActive_afterTheEnd() public {
        uint64 end = _abandon();
        vm.warp(end - 1);
        post(single(alice, 1));
        skip(WINDOW);
        rewards.noteActive();
        assertEq(rewards.endsAt(), end);
    }

    /// @dev Each posting notes some, and goes on where the last one ended.
    function test_post_notesWhatBecameActive() public {
        uint64 settlement;
        for (uint256 i = 1; i <= 6; ++i) {
            settlement = post(single(alice, i));
            playRound();
        }
        vm.warp(rewards.getSettlement(settlement).activeAt + ABANDONED_AFTER + 1);
        rewards.endAbandoned();
        uint64 end = rewards.endsAt();
        playRound();
        settlement = post(single(alice, 7));
        assertEq(rewards.endsAt(), end);
        vm.warp(rewards.getSettlement(settlement).activeAt);
        playRound();
        vm.recordLogs();
        post(single(alice, 8));
        assertEq(rewards.endsAt(), 0);
        assertEq(vm.getRecordedLogs().length, 2);
        // Without an end to cancel, noting says nothing.
        skip(WINDOW);
        vm.recordLogs();
        rewards.noteActive();
        assertEq(vm.getRecordedLogs().length, 0);
    }

    /// @dev However many wait to be noted.
    function test_post_afterManyBecameActive() public {
        for (uint256 i = 1; i <= 7; ++i) {
            post(single(alice, i));
            playRound();
        }
        skip(WINDOW);
        playRound();
        assertEq(post(single(alice, 8)), 8);
    }

    /// @dev More than are noted at a posting.
    function test_noteActive_catchesUp() public {
        for (uint256 i = 1; i <= 7; ++i) {
            post(single(alice, i));
            playRound();
        }
        skip(WINDOW);
        uint64 activeAt = rewards.getSettlement(7).activeAt;
        vm.warp(activeAt + ABANDONED_AFTER);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotAbandoned.selector, activeAt + ABANDONED_AFTER));
        rewards.endAbandoned();
        skip(1);
        rewards.endAbandoned();
    }

    /// @dev A settlement does not cancel an end that the owner set, only the earlier one of an abandoned programme.
    function test_setEnd_isNotTakenBackByASettlement() public {
        uint64 end = _abandon();
        _setEnd(end + 1);
        assertEq(rewards.endsAt(), end);
        post(single(alice, 1));
        skip(WINDOW);
        rewards.noteActive();
        assertEq(rewards.endsAt(), end + 1);
    }

    function test_endAbandoned_ends() public {
        uint64 end = _abandon();
        vm.warp(end);
        assertEq(rewards.withdrawSurplus(), 100 ether);
        vm.expectRevert(IRewards.NothingChanged.selector);
        rewards.endAbandoned();
    }

    /// @dev Otherwise an owner who announced an end in a thousand years and left would lock the surplus forever.
    function test_endAbandoned_bringsAFarEndCloser() public {
        _setEnd(type(uint64).max);
        vm.warp(block.timestamp + ABANDONED_AFTER + 1);
        rewards.endAbandoned();
        assertEq(rewards.endsAt(), vm.getBlockTimestamp() + END_NOTICE);
    }

    /// @dev Never later, and never again.
    function test_endAbandoned_putsNoEndOff() public {
        uint64 end = uint64(block.timestamp) + ABANDONED_AFTER + 1 + END_NOTICE;
        _setEnd(end);
        vm.warp(end - END_NOTICE);
        vm.expectRevert(IRewards.NothingChanged.selector);
        rewards.endAbandoned();
        vm.warp(end - 1);
        vm.expectRevert(IRewards.NothingChanged.selector);
        rewards.endAbandoned();
    }

    /* SURPLUS */

    function test_withdrawSurplus_paysTheTreasury() public {
        RewardsTree.Leaf[] memory leaves = single(alice, 100);
        postActive(leaves);
        claim(1, leaves, 0);
        playRound();
        post(single(alice, 300));
        assertEq(rewards.surplus(), 100 ether - 300);
        vm.warp(_end());
        vm.expectEmit(address(rewards));
        emit IRewards.SurplusWithdrawn(TREASURY, 100 ether - 300);
        vm.prank(STRANGER);
        assertEq(rewards.withdrawSurplus(), 100 ether - 300);
        assertEq(TREASURY.balance, 100 ether - 300);
        assertEq(rewards.totalWithdrawn(), 100 ether - 300);
        assertEq(rewards.surplus(), 0);
        vm.expectRevert(IRewards.ZeroAmount.selector);
        rewards.withdrawSurplus();
    }

    /// @dev What a void settlement had promised becomes surplus again, also after the end.
    function test_withdrawSurplus_takesWhatAVetoFreed() public {
        uint64 end = _end();
        vm.warp(end - 1);
        post(single(alice, 1));
        vm.warp(end);
        assertEq(rewards.withdrawSurplus(), 100 ether - 1);
        veto(1);
        assertEq(rewards.withdrawSurplus(), 1);
        assertEq(rewards.totalWithdrawn(), 100 ether);
        assertEq(address(rewards).balance, 0);
    }

    function test_withdrawSurplus_waitsForTheEnd() public {
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotEnded.selector, 0));
        rewards.withdrawSurplus();
        uint64 end = _end();
        vm.warp(end - 1);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotEnded.selector, end));
        rewards.withdrawSurplus();
    }

    /// @dev A plain transfer on Filecoin (method 0) runs no code of the contract.
    function test_sync_booksWhatCameByAPlainTransfer() public {
        RewardsTree.Leaf[] memory leaves = single(alice, 100);
        claim(postActive(leaves), leaves, 0);
        vm.expectRevert(IRewards.ZeroAmount.selector);
        rewards.sync();
        vm.deal(address(rewards), address(rewards).balance + 7 ether);
        vm.expectEmit(address(rewards));
        emit IRewards.Deposited(address(0), 7 ether, 107 ether);
        assertEq(rewards.sync(), 7 ether);
        assertEq(rewards.totalDeposited(), 107 ether);
        vm.expectRevert(IRewards.ZeroAmount.selector);
        rewards.sync();
        vm.warp(_end());
        assertEq(rewards.withdrawSurplus(), 107 ether - 100);
        vm.expectRevert(IRewards.ZeroAmount.selector);
        rewards.sync();
    }

    /// @dev After the end as well: it is the treasury's then.
    function test_sync_afterTheEnd() public {
        vm.warp(_end());
        rewards.withdrawSurplus();
        vm.deal(address(rewards), 1 ether);
        assertEq(rewards.sync(), 1 ether);
        assertEq(rewards.withdrawSurplus(), 1 ether);
    }

    /// @dev What is being paid has not left yet, and is not counted again.
    function test_sync_notDuringAPayment() public {
        Reentrant attacker = new Reentrant(rewards);
        attacker.setCall(abi.encodeCall(rewards.sync, ()));
        RewardsTree.Leaf[] memory leaves = single(address(attacker), 100);
        assertEq(claimMany(postActive(leaves), leaves), 100);
        _assertGuarded(attacker);
    }

    /// @dev FIL that was not deposited belongs to nobody until it is booked.
    function test_withdrawSurplus_leavesWhatWasForcedIn() public {
        vm.deal(address(rewards), address(rewards).balance + 1 ether);
        assertEq(rewards.surplus(), 100 ether);
        vm.warp(_end());
        rewards.withdrawSurplus();
        assertEq(address(rewards).balance, 1 ether);
    }

    function test_withdrawSurplus_revertsIfTheTreasuryRefuses() public {
        Refuser refuser = new Refuser();
        vm.prank(TREASURY);
        rewards.setTreasury(address(refuser));
        vm.warp(_end());
        vm.expectRevert(
            abi.encodeWithSelector(IRewards.PaymentFailed.selector, address(refuser), address(refuser), 100 ether)
        );
        rewards.withdrawSurplus();
        assertEq(rewards.totalWithdrawn(), 0);
        refuser.setAccepts(true);
        assertEq(rewards.withdrawSurplus(), 100 ether);
    }

    function test_withdrawSurplus_cannotBeReentered() public {
        Reentrant attacker = new Reentrant(rewards);
        vm.prank(TREASURY);
        rewards.setTreasury(address(attacker));
        RewardsTree.Leaf[] memory leaves = single(alice, 100);
        uint64 settlement = postActive(leaves);
        vm.warp(_end());
        uint256 before = vm.snapshotState();
        attacker.setCall(abi.encodeCall(rewards.withdrawSurplus, ()));
        rewards.withdrawSurplus();
        _assertGuarded(attacker);
        vm.revertToState(before);
        attacker.setCall(claimCall(settlement, leaves, 0));
        rewards.withdrawSurplus();
        _assertGuarded(attacker);
        assertEq(address(attacker).balance, 100 ether - 100);
    }

    /* TREASURY */

    function test_setTreasury_isTheTreasurys() public {
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotTreasury.selector, OWNER, TREASURY));
        vm.prank(OWNER);
        rewards.setTreasury(OWNER);
        vm.startPrank(TREASURY);
        vm.expectRevert(IRewards.ZeroAddress.selector);
        rewards.setTreasury(address(0));
        vm.expectRevert(IRewards.NothingChanged.selector);
        rewards.setTreasury(TREASURY);
        vm.expectEmit(address(rewards));
        emit IRewards.TreasuryChanged(TREASURY, alice);
        rewards.setTreasury(alice);
        assertEq(rewards.treasury(), alice);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotTreasury.selector, TREASURY, alice));
        rewards.setTreasury(TREASURY);
    }

    function _assertGuarded(Reentrant attacker) private view {
        assertFalse(attacker.reentered());
        assertEq(bytes4(attacker.reason()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
    }

    function _setEnd(uint64 at) private {
        vm.prank(OWNER);
        rewards.setEnd(at);
    }

    function _end() private returns (uint64 at) {
        at = uint64(block.timestamp) + END_NOTICE;
        _setEnd(at);
    }

    function _abandon() private returns (uint64 endsAt) {
        vm.warp(START + ABANDONED_AFTER + 1);
        rewards.endAbandoned();
        return rewards.endsAt();
    }
}
