// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {Roles} from "../src/Roles.sol";
import {IRoles} from "../src/interfaces/IRoles.sol";
import {RewardsFixture} from "./RewardsFixture.sol";

/// @notice Construction, seats, signatures, and cancelling a shorter window.
contract RolesSignaturesTest is RewardsFixture {
    bytes32 private constant DIGEST = keccak256("digest");

    /* CONSTRUCTION */

    function test_constructor_setsEverything() public {
        uint64 time = uint64(block.timestamp);
        address at = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.expectEmit(at);
        emit IRoles.ChallengeWindowChanged(0, 2 days, time);
        vm.expectEmit(at);
        emit IRoles.GuardianChanged(address(0), GUARDIAN, time);
        vm.expectEmit(at);
        emit IRoles.EvaluatorsChanged(1, evaluators, 3, time);
        Roles deployed = new Roles(OWNER, GUARDIAN, 1 days, 2 days, evaluators, 3);
        assertEq(deployed.owner(), OWNER);
        assertEq(deployed.guardian(), GUARDIAN);
        assertEq(deployed.MIN_CHALLENGE_WINDOW(), 1 days);
        assertEq(deployed.challengeWindow(), 2 days);
        (address[] memory set, uint256 threshold, uint64 version) = deployed.evaluators();
        assertEq(set, evaluators);
        assertEq(threshold, 3);
        assertEq(version, 1);
        (, uint64 guardianAt) = deployed.nextGuardian();
        (, uint64 windowAt) = deployed.nextChallengeWindow();
        (,,, uint64 evaluatorsAt) = deployed.nextEvaluators();
        assertEq(guardianAt + windowAt + evaluatorsAt, 0);
    }

    function test_constructor_refusals() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        new Roles(address(0), GUARDIAN, WINDOW, WINDOW, evaluators, 2);
        vm.expectRevert(IRoles.ZeroAddress.selector);
        new Roles(OWNER, address(0), WINDOW, WINDOW, evaluators, 2);
        vm.expectRevert(abi.encodeWithSelector(IRoles.WindowTooShort.selector, WINDOW - 1, WINDOW));
        new Roles(OWNER, GUARDIAN, WINDOW, WINDOW - 1, evaluators, 2);
        vm.expectRevert(abi.encodeWithSelector(IRoles.WindowTooLong.selector, 30 days + 1, 30 days));
        new Roles(OWNER, GUARDIAN, WINDOW, 30 days + 1, evaluators, 2);
        vm.expectRevert(abi.encodeWithSelector(IRoles.BadThreshold.selector, 4, 3));
        new Roles(OWNER, GUARDIAN, WINDOW, WINDOW, evaluators, 4);
        new Roles(OWNER, GUARDIAN, 0, 0, evaluators, 1);
        new Roles(OWNER, GUARDIAN, 30 days, 30 days, evaluators, 3);
    }

    /* SEATS */

    function test_seatOf_isThePlaceInTheSet() public {
        for (uint256 i = 0; i < 3; ++i) {
            (uint64 version, uint256 seat, uint256 threshold) = roles.seatOf(evaluators[i]);
            assertEq(version, 1);
            assertEq(seat, i);
            assertEq(threshold, THRESHOLD);
        }
        address[4] memory others = [OWNER, GUARDIAN, STRANGER, address(0)];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IRoles.NotEvaluator.selector, others[i]));
            roles.seatOf(others[i]);
        }
    }

    function test_seatOf_changesWithTheSet() public {
        address[] memory others = newEvaluators("other", 32);
        vm.prank(OWNER);
        roles.setEvaluators(others, 20);
        vm.warp(block.timestamp + WINDOW - 1);
        vm.expectRevert(abi.encodeWithSelector(IRoles.NotEvaluator.selector, others[31]));
        roles.seatOf(others[31]);
        roles.seatOf(evaluators[0]);
        vm.warp(block.timestamp + 1);
        (uint64 version, uint256 seat, uint256 threshold) = roles.seatOf(others[31]);
        assertEq(version, 2);
        assertEq(seat, 31);
        assertEq(threshold, 20);
        vm.expectRevert(abi.encodeWithSelector(IRoles.NotEvaluator.selector, evaluators[0]));
        roles.seatOf(evaluators[0]);
    }

    /* SIGNATURES */

    function test_checkSignatures_takesTheThresholdOrMore() public {
        roles.checkSignatures(DIGEST, _signed(3));
        roles.checkSignatures(DIGEST, _signed(2));
        vm.expectRevert(abi.encodeWithSelector(IRoles.NotEnoughSignatures.selector, 1, 2));
        roles.checkSignatures(DIGEST, _signed(1));
        vm.expectRevert(abi.encodeWithSelector(IRoles.NotEnoughSignatures.selector, 0, 2));
        roles.checkSignatures(DIGEST, new bytes[](0));
    }

    function test_checkSignatures_ascend() public {
        bytes[] memory signatures = _signed(2);
        (signatures[0], signatures[1]) = (signatures[1], signatures[0]);
        vm.expectRevert(abi.encodeWithSelector(IRoles.SignersNotAscending.selector, evaluators[1], evaluators[0]));
        roles.checkSignatures(DIGEST, signatures);
        signatures[1] = signatures[0];
        vm.expectRevert(abi.encodeWithSelector(IRoles.SignersNotAscending.selector, evaluators[1], evaluators[1]));
        roles.checkSignatures(DIGEST, signatures);
    }

    /// @dev Each of them must be good, even those beyond the threshold.
    function test_checkSignatures_areAllGood() public {
        bytes[] memory signatures = _signed(3);
        signatures[2] = "";
        vm.expectRevert(abi.encodeWithSelector(IRoles.BadSignature.selector, 2));
        roles.checkSignatures(DIGEST, signatures);
        signatures = _signed(3);
        (bytes32 r, bytes32 s) = (bytes32(uint256(1)), bytes32(uint256(1)));
        signatures[0] = abi.encodePacked(r, s, uint8(29));
        vm.expectRevert(abi.encodeWithSelector(IRoles.BadSignature.selector, 0));
        roles.checkSignatures(DIGEST, signatures);
    }

    function testFuzz_checkSignatures_areOfTheDigest(bytes32 digest) public {
        vm.assume(digest != DIGEST);
        bytes[] memory signatures = _signed(2);
        vm.expectRevert();
        roles.checkSignatures(digest, signatures);
    }

    /* CANCELLING A SHORTER WINDOW */

    function test_cancelChallengeWindow_isForOwnerAndGuardian() public {
        _setWindow(10 days);
        address[2] memory may = [GUARDIAN, OWNER];
        for (uint256 i = 0; i < 2; ++i) {
            _setWindow(2 days);
            skip(10 days - 1);
            vm.expectEmit(address(roles));
            emit IRoles.ChallengeWindowCancelled(2 days, may[i]);
            vm.prank(may[i]);
            roles.cancelChallengeWindow();
            (, uint64 at) = roles.nextChallengeWindow();
            assertEq(at, 0);
            skip(365 days);
            assertEq(roles.challengeWindow(), 10 days);
        }
        _setWindow(2 days);
        vm.expectRevert(abi.encodeWithSelector(IRoles.NotOwnerOrGuardian.selector, STRANGER));
        vm.prank(STRANGER);
        roles.cancelChallengeWindow();
    }

    function test_cancelChallengeWindow_comesInTimeOrNever() public {
        vm.expectRevert(IRoles.NothingChanged.selector);
        vm.prank(GUARDIAN);
        roles.cancelChallengeWindow();
        // A longer window holds at once, so there is nothing to cancel.
        _setWindow(10 days);
        vm.expectRevert(IRoles.NothingChanged.selector);
        vm.prank(GUARDIAN);
        roles.cancelChallengeWindow();
        _setWindow(2 days);
        skip(10 days);
        vm.expectRevert(IRoles.NothingChanged.selector);
        vm.prank(GUARDIAN);
        roles.cancelChallengeWindow();
        assertEq(roles.challengeWindow(), 2 days);
    }

    /// @dev So the owner's key alone shortens no window against an active guardian.
    function test_owner_cannotShortenTheWindowAgainstTheGuardian() public {
        _setWindow(10 days);
        for (uint256 i = 0; i < 5; ++i) {
            _setWindow(WINDOW);
            skip(5 days);
            vm.prank(GUARDIAN);
            roles.cancelChallengeWindow();
        }
        skip(365 days);
        assertEq(roles.challengeWindow(), 10 days);
    }

    function test_checkMayCancel() public {
        roles.checkMayCancel(OWNER);
        roles.checkMayCancel(GUARDIAN);
        vm.expectRevert(abi.encodeWithSelector(IRoles.NotOwnerOrGuardian.selector, evaluators[0]));
        roles.checkMayCancel(evaluators[0]);
    }

    function _setWindow(uint64 window) private {
        vm.prank(OWNER);
        roles.setChallengeWindow(window);
    }

    function _signed(uint256 count) private view returns (bytes[] memory signatures) {
        signatures = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            signatures[i] = signDigest(DIGEST, evaluators[i]);
        }
    }
}
