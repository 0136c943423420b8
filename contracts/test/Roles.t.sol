// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {Roles} from "../src/Roles.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {IRoles} from "../src/interfaces/IRoles.sol";
import {RewardsFixture} from "./RewardsFixture.sol";

/// @notice Permissions, and that changes never take effect before their announced time.
contract RolesTest is RewardsFixture {
    address[] private others;

    function setUp() public override {
        super.setUp();
        others = newEvaluators("other", 4);
    }

    function test_constructor_refusals() public {
        vm.expectRevert(IRoles.ZeroAddress.selector);
        new Roles(OWNER, address(0), WINDOW, WINDOW, evaluators, THRESHOLD);
        vm.expectRevert(abi.encodeWithSelector(IRoles.WindowTooShort.selector, WINDOW - 1, WINDOW));
        new Roles(OWNER, GUARDIAN, WINDOW, WINDOW - 1, evaluators, THRESHOLD);
        assertEq(roles.guardian(), GUARDIAN);
    }

    function test_setters_areTheOwners() public {
        bytes memory reason = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, GUARDIAN);
        vm.startPrank(GUARDIAN);
        vm.expectRevert(reason);
        roles.setEvaluators(evaluators, 1);
        vm.expectRevert(reason);
        roles.setGuardian(STRANGER);
        vm.expectRevert(reason);
        roles.setChallengeWindow(2 days);
    }

    /* EVALUATORS */

    function test_setEvaluators_comesAfterTheWindow() public {
        uint64 at = uint64(block.timestamp) + WINDOW;
        vm.expectEmit(address(roles));
        emit IRoles.EvaluatorsChanged(2, others, 4, at);
        _setEvaluators(others, 4);
        _assertEvaluators(evaluators, THRESHOLD, 1);
        _assertNextEvaluators(others, 4, 2, at);
        vm.warp(at - 1);
        _assertEvaluators(evaluators, THRESHOLD, 1);
        _assertNextEvaluators(others, 4, 2, at);
        vm.warp(at);
        _assertEvaluators(others, 4, 2);
        _assertNextEvaluators(new address[](0), 0, 0, 0);
    }

    function test_setEvaluators_replacesWhatWasAnnounced() public {
        address[] memory third = newEvaluators("third", 1);
        _setEvaluators(others, 4);
        vm.warp(block.timestamp + WINDOW - 1);
        vm.expectEmit(address(roles));
        emit IRoles.EvaluatorsCancelled(2, OWNER);
        _setEvaluators(third, 1);
        uint64 at = uint64(vm.getBlockTimestamp()) + WINDOW;
        _assertNextEvaluators(third, 1, 3, at);
        vm.warp(at - 1);
        _assertEvaluators(evaluators, THRESHOLD, 1);
        vm.warp(at);
        _assertEvaluators(third, 1, 3);
    }

    /// @dev A set in effect is the current one: the next announcement does not mention it.
    function test_setEvaluators_followsOneThatHasCome() public {
        _setEvaluators(others, 4);
        vm.warp(block.timestamp + WINDOW);
        vm.recordLogs();
        _setEvaluators(evaluators, THRESHOLD);
        assertEq(vm.getRecordedLogs().length, 1);
        _assertEvaluators(others, 4, 2);
        _cancelEvaluators(OWNER, 3);
        _assertEvaluators(others, 4, 2);
    }

    function test_setEvaluators_refusals() public {
        _expectRefused(evaluators, THRESHOLD, abi.encodeWithSelector(IRoles.NothingChanged.selector));
        _expectRefused(evaluators, 0, abi.encodeWithSelector(IRoles.BadThreshold.selector, 0, 3));
        _expectRefused(evaluators, 4, abi.encodeWithSelector(IRoles.BadThreshold.selector, 4, 3));
        _expectRefused(new address[](0), 0, abi.encodeWithSelector(IRoles.BadThreshold.selector, 0, 0));
        _expectRefused(newEvaluators("other", 33), 1, abi.encodeWithSelector(IRoles.TooManyEvaluators.selector, 33, 32));
        address[] memory pair = new address[](2);
        (pair[0], pair[1]) = (address(2), address(1));
        _expectRefused(pair, 1, abi.encodeWithSelector(IRoles.EvaluatorsNotAscending.selector, address(2), address(1)));
        pair[1] = address(2);
        _expectRefused(pair, 1, abi.encodeWithSelector(IRoles.EvaluatorsNotAscending.selector, address(2), address(2)));
        pair[0] = address(0);
        _expectRefused(pair, 1, abi.encodeWithSelector(IRoles.EvaluatorsNotAscending.selector, address(0), address(0)));
        // The maximum number of members, all of whom must sign.
        _setEvaluators(newEvaluators("other", 32), 32);
        // The same members with another threshold are a change; the maximum threshold is all.
        _setEvaluators(evaluators, 3);
        _setEvaluators(evaluators, 1);
    }

    function test_cancelEvaluators_isForOwnerAndGuardian() public {
        _setEvaluators(others, 4);
        _cancelEvaluators(GUARDIAN, 2);
        _assertNextEvaluators(new address[](0), 0, 0, 0);
        _setEvaluators(others, 4);
        _cancelEvaluators(OWNER, 3);
        _setEvaluators(others, 4);
        vm.expectRevert(abi.encodeWithSelector(IRoles.NotOwnerOrGuardian.selector, STRANGER));
        vm.prank(STRANGER);
        roles.cancelEvaluators();
        vm.warp(block.timestamp + 365 days);
        _assertEvaluators(others, 4, 4);
    }

    function test_cancelEvaluators_comesInTimeOrNever() public {
        vm.expectRevert(IRoles.NothingChanged.selector);
        vm.prank(GUARDIAN);
        roles.cancelEvaluators();
        _setEvaluators(others, 4);
        vm.warp(block.timestamp + WINDOW - 1);
        uint256 before = vm.snapshotState();
        _cancelEvaluators(GUARDIAN, 2);
        vm.warp(block.timestamp + 365 days);
        _assertEvaluators(evaluators, THRESHOLD, 1);
        vm.revertToState(before);
        vm.warp(block.timestamp + 1);
        vm.expectRevert(IRoles.NothingChanged.selector);
        vm.prank(GUARDIAN);
        roles.cancelEvaluators();
        _assertEvaluators(others, 4, 2);
    }

    /* GUARDIAN */

    function test_setGuardian_comesAfterTheWindow() public {
        uint64 at = uint64(block.timestamp) + WINDOW;
        vm.expectEmit(address(roles));
        emit IRoles.GuardianChanged(GUARDIAN, STRANGER, at);
        _setGuardian(STRANGER);
        vm.warp(at - 1);
        _assertGuardian(GUARDIAN, STRANGER, at);
        // The old guardian may still veto, the new one not yet.
        post(single(STRANGER, 1));
        vm.expectRevert(abi.encodeWithSelector(IRoles.NotGuardian.selector, STRANGER, GUARDIAN));
        vm.prank(STRANGER);
        rewards.veto(1, "");
        vm.warp(at);
        _assertGuardian(STRANGER, address(0), 0);
        vm.expectRevert(abi.encodeWithSelector(IRoles.NotGuardian.selector, GUARDIAN, STRANGER));
        vm.prank(GUARDIAN);
        rewards.veto(1, "");
        vm.prank(STRANGER);
        rewards.veto(1, "");
    }

    function test_setGuardian_replacesWhatWasAnnounced() public {
        _setGuardian(STRANGER);
        vm.warp(block.timestamp + WINDOW - 1);
        vm.expectEmit(address(roles));
        emit IRoles.GuardianCancelled(STRANGER, OWNER);
        _setGuardian(PUBLISHER);
        uint64 at = uint64(vm.getBlockTimestamp()) + WINDOW;
        _assertGuardian(GUARDIAN, PUBLISHER, at);
        vm.warp(at - 1);
        _assertGuardian(GUARDIAN, PUBLISHER, at);
        vm.warp(at);
        _assertGuardian(PUBLISHER, address(0), 0);
        vm.recordLogs();
        _setGuardian(GUARDIAN);
        assertEq(vm.getRecordedLogs().length, 1);
        _assertGuardian(PUBLISHER, GUARDIAN, at + WINDOW);
    }

    function test_setGuardian_refusals() public {
        vm.expectRevert(IRoles.NothingChanged.selector);
        _setGuardian(GUARDIAN);
        vm.expectRevert(IRoles.ZeroAddress.selector);
        _setGuardian(address(0));
        _setGuardian(STRANGER);
        vm.warp(block.timestamp + WINDOW);
        vm.expectRevert(IRoles.NothingChanged.selector);
        _setGuardian(STRANGER);
    }

    function test_cancelGuardian_isForOwnerAndGuardian() public {
        address[2] memory may = [OWNER, GUARDIAN];
        for (uint256 i = 0; i < 2; ++i) {
            _setGuardian(STRANGER);
            vm.expectEmit(address(roles));
            emit IRoles.GuardianCancelled(STRANGER, may[i]);
            vm.prank(may[i]);
            roles.cancelGuardian();
            _assertGuardian(GUARDIAN, address(0), 0);
        }
        _setGuardian(STRANGER);
        // Not even for the announced one.
        vm.expectRevert(abi.encodeWithSelector(IRoles.NotOwnerOrGuardian.selector, STRANGER));
        vm.prank(STRANGER);
        roles.cancelGuardian();
    }

    function test_cancelGuardian_comesInTimeOrNever() public {
        vm.expectRevert(IRoles.NothingChanged.selector);
        vm.prank(GUARDIAN);
        roles.cancelGuardian();
        _setGuardian(STRANGER);
        vm.warp(block.timestamp + WINDOW);
        vm.expectRevert(abi.encodeWithSelector(IRoles.NotOwnerOrGuardian.selector, GUARDIAN));
        vm.prank(GUARDIAN);
        roles.cancelGuardian();
        vm.expectRevert(IRoles.NothingChanged.selector);
        vm.prank(OWNER);
        roles.cancelGuardian();
        _assertGuardian(STRANGER, address(0), 0);
    }

    /* CHALLENGE WINDOW */

    function test_setChallengeWindow_raisesAtOnce() public {
        vm.expectEmit(address(roles));
        emit IRoles.ChallengeWindowChanged(WINDOW, 30 days, uint64(block.timestamp));
        _setWindow(30 days);
        _assertWindow(30 days, 0, 0);
    }

    function test_setChallengeWindow_lowersAfterTheWindowInForce() public {
        _setWindow(10 days);
        uint64 at = uint64(block.timestamp) + 10 days;
        vm.expectEmit(address(roles));
        emit IRoles.ChallengeWindowChanged(10 days, WINDOW, at);
        _setWindow(WINDOW);
        _assertWindow(10 days, WINDOW, at);
        vm.warp(at - 1);
        _assertWindow(10 days, WINDOW, at);
        vm.warp(at);
        _assertWindow(WINDOW, 0, 0);
    }

    /// @dev Any later change replaces an announcement, even the current window.
    function test_setChallengeWindow_replacesALowering() public {
        _setWindow(10 days);
        _setWindow(2 days);
        vm.warp(block.timestamp + 5 days);
        _setWindow(3 days);
        _assertWindow(10 days, 3 days, uint64(vm.getBlockTimestamp()) + 10 days);
        _setWindow(10 days);
        _assertWindow(10 days, 0, 0);
        _setWindow(2 days);
        _setWindow(20 days);
        _assertWindow(20 days, 0, 0);
        vm.warp(block.timestamp + 365 days);
        _assertWindow(20 days, 0, 0);
    }

    function test_setChallengeWindow_followsALoweringThatHasCome() public {
        _setWindow(10 days);
        _setWindow(3 days);
        vm.warp(block.timestamp + 10 days);
        vm.expectRevert(IRoles.NothingChanged.selector);
        _setWindow(3 days);
        _setWindow(2 days);
        _assertWindow(3 days, 2 days, uint64(vm.getBlockTimestamp()) + 3 days);
        _setWindow(4 days);
        _assertWindow(4 days, 0, 0);
    }

    function test_setChallengeWindow_refusals() public {
        vm.expectRevert(IRoles.NothingChanged.selector);
        _setWindow(WINDOW);
        vm.expectRevert(abi.encodeWithSelector(IRoles.WindowTooShort.selector, WINDOW - 1, WINDOW));
        _setWindow(WINDOW - 1);
        vm.expectRevert(abi.encodeWithSelector(IRoles.WindowTooLong.selector, 30 days + 1, 30 days));
        _setWindow(30 days + 1);
    }

    /// @dev An owner who lowers the window gets no change through sooner than under the old window.
    function testFuzz_changes_comeNoSoonerThanTheWindowInForce(uint64 high, uint64 low, uint64 wait) public {
        high = uint64(bound(high, WINDOW + 1, 30 days));
        low = uint64(bound(low, WINDOW, high - 1));
        wait = uint64(bound(wait, 0, 60 days));
        _setWindow(high);
        uint64 start = uint64(block.timestamp);
        _setWindow(low);
        vm.warp(start + wait);
        _setEvaluators(others, 4);
        _setGuardian(STRANGER);
        uint64 at = start + wait + (wait >= high ? low : high);
        (,,, uint64 evaluatorsAt) = roles.nextEvaluators();
        (, uint64 guardianAt) = roles.nextGuardian();
        assertEq(evaluatorsAt, at);
        assertEq(guardianAt, at);
        uint64 activeAt = rewards.getSettlement(post(single(STRANGER, 1))).activeAt;
        assertEq(activeAt, at);
    }

    /* OWNERSHIP */

    /// @dev The owner's key alone, against an active guardian, changes neither evaluators nor guardian.
    function test_owner_cannotOutpaceTheGuardian() public {
        for (uint256 i = 0; i < 5; ++i) {
            _setEvaluators(others, 1);
            _setGuardian(STRANGER);
            vm.warp(block.timestamp + WINDOW - 1);
            vm.startPrank(GUARDIAN);
            roles.cancelEvaluators();
            roles.cancelGuardian();
            vm.stopPrank();
        }
        vm.warp(block.timestamp + 365 days);
        _assertEvaluators(evaluators, THRESHOLD, 1);
        _assertGuardian(GUARDIAN, address(0), 0);
    }

    function test_ownership_isHandedOverInTwoSteps() public {
        vm.prank(OWNER);
        roles.transferOwnership(STRANGER);
        assertEq(roles.owner(), OWNER);
        vm.prank(STRANGER);
        roles.acceptOwnership();
        assertEq(roles.owner(), STRANGER);
    }

    /// @dev Without an owner, announced changes still take effect, and the guardian may still cancel them.
    function test_ownership_canBeGivenUp() public {
        _setEvaluators(others, 4);
        vm.prank(OWNER);
        roles.renounceOwnership();
        vm.expectRevert(abi.encodeWithSelector(IRoles.NotOwnerOrGuardian.selector, OWNER));
        vm.prank(OWNER);
        roles.cancelEvaluators();
        _cancelEvaluators(GUARDIAN, 2);
    }

    function _cancelEvaluators(address by, uint64 version) private {
        vm.expectEmit(address(roles));
        emit IRoles.EvaluatorsCancelled(version, by);
        vm.prank(by);
        roles.cancelEvaluators();
    }

    function _setEvaluators(address[] memory set, uint256 threshold) private {
        vm.prank(OWNER);
        roles.setEvaluators(set, threshold);
    }

    function _setGuardian(address guardian) private {
        vm.prank(OWNER);
        roles.setGuardian(guardian);
    }

    function _setWindow(uint64 window) private {
        vm.prank(OWNER);
        roles.setChallengeWindow(window);
    }

    function _expectRefused(address[] memory set, uint256 threshold, bytes memory reason) private {
        vm.expectRevert(reason);
        _setEvaluators(set, threshold);
    }

    function _assertEvaluators(address[] memory set, uint256 threshold, uint64 version) private view {
        (address[] memory actual, uint256 actualThreshold, uint64 actualVersion) = roles.evaluators();
        assertEq(actual, set);
        assertEq(actualThreshold, threshold);
        assertEq(actualVersion, version);
        assertEq(roles.evaluatorSet(), version);
    }

    function _assertNextEvaluators(address[] memory set, uint256 threshold, uint64 version, uint64 at) private view {
        (address[] memory actual, uint256 actualThreshold, uint64 actualVersion, uint64 effectiveAt) =
            roles.nextEvaluators();
        assertEq(actual, set);
        assertEq(actualThreshold, threshold);
        assertEq(actualVersion, version);
        assertEq(effectiveAt, at);
    }

    function _assertGuardian(address current, address next, uint64 at) private view {
        (address newGuardian, uint64 effectiveAt) = roles.nextGuardian();
        assertEq(roles.guardian(), current);
        assertEq(newGuardian, next);
        assertEq(effectiveAt, at);
    }

    function _assertWindow(uint64 current, uint64 next, uint64 at) private view {
        (uint64 window, uint64 effectiveAt) = roles.nextChallengeWindow();
        assertEq(roles.challengeWindow(), current);
        assertEq(window, next);
        assertEq(effectiveAt, at);
    }
}
