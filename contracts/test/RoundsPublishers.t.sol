// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRounds} from "../src/interfaces/IRounds.sol";
import {RoundsFixture} from "./RoundsFixture.sol";

/// @notice Whose batches count: admissions of publishers, for whole rounds.
contract RoundsPublishersTest is RoundsFixture {
    uint64 private constant NEVER = type(uint40).max;

    address private immutable SECOND = makeAddr("second publisher");

    /* ADMISSION */

    function test_setPublisher_admitsForRoundsOpenedAfterTheWindow() public {
        uint64 at = uint64(START) + WINDOW;
        vm.expectEmit(address(rounds));
        emit IRounds.PublisherChanged(SECOND, true, at);
        _announce(SECOND, true);
        _assertAdmission(SECOND, at, NEVER);
        vm.warp(at - 1);
        assertFalse(rounds.isPublisher(SECOND));
        open(300, 2000);
        reveal(1);
        vm.warp(at);
        assertTrue(rounds.isPublisher(SECOND));
        // The round was opened a second too early.
        _expectNotPublisher(SECOND, 1);
        vm.warp(timesOf(1).closesAt);
        open(300, 2000);
        reveal(2);
        assertEq(commitAs(SECOND, 2, "batch"), 0);
        assertEq(commit(2, "batch"), 1);
    }

    function test_setPublisher_admitsInTheFirstSecond() public {
        uint64 at = uint64(START) + WINDOW;
        _announce(SECOND, true);
        vm.warp(at);
        open(300, 2000);
        reveal(1);
        commitAs(SECOND, 1, "batch");
        sealAs(SECOND, 1, "seals");
    }

    function test_setPublisher_dismissesForRoundsOpenedAfterTheWindow() public {
        uint64 at = uint64(START) + WINDOW;
        vm.expectEmit(address(rounds));
        emit IRounds.PublisherChanged(PUBLISHER, false, at);
        _announce(PUBLISHER, false);
        _assertAdmission(PUBLISHER, uint64(START), at);
        vm.warp(at - 1);
        assertTrue(rounds.isPublisher(PUBLISHER));
        open(300, 2000);
        reveal(1);
        vm.warp(timesOf(1).publishUntil);
        assertFalse(rounds.isPublisher(PUBLISHER));
        // It finishes what it began.
        commit(1, "batch");
        open(300, 2000);
        reveal(2);
        _expectNotPublisher(PUBLISHER, 2);
    }

    function test_setPublisher_refusals() public {
        vm.expectRevert(IRounds.NothingChanged.selector);
        _announce(PUBLISHER, true);
        vm.expectRevert(IRounds.NothingChanged.selector);
        _announce(SECOND, false);
        vm.expectRevert(IRounds.ZeroAddress.selector);
        _announce(address(0), true);
        _announce(PUBLISHER, false);
        vm.expectRevert(IRounds.NothingChanged.selector);
        _announce(PUBLISHER, false);
    }

    /// @dev After its end, for rounds from one window later on.
    function test_setPublisher_readmits() public {
        _announce(PUBLISHER, false);
        skip(2 * WINDOW);
        assertFalse(rounds.isPublisher(PUBLISHER));
        _announce(PUBLISHER, true);
        uint64 from = uint64(vm.getBlockTimestamp()) + WINDOW;
        _assertAdmission(PUBLISHER, from, NEVER);
        vm.warp(from);
        assertTrue(rounds.isPublisher(PUBLISHER));
    }

    /// @dev Otherwise the owner could stop a publisher at once: one admitted anew may not commit to rounds that are open.
    function test_setPublisher_doesNotReadmitBeforeTheEnd() public {
        open(300, 2000);
        reveal(1);
        _announce(PUBLISHER, false);
        vm.expectRevert(IRounds.NothingChanged.selector);
        _announce(PUBLISHER, true);
        commit(1, "batch");
        _cancel(OWNER, PUBLISHER);
        _assertAdmission(PUBLISHER, uint64(START), NEVER);
    }

    /// @dev Announced and dismissed before it came: it never comes.
    function test_setPublisher_dismissesOneThatIsToCome() public {
        _announce(SECOND, true);
        _announce(SECOND, false);
        uint64 at = uint64(START) + WINDOW;
        _assertAdmission(SECOND, at, at);
        vm.warp(at);
        assertFalse(rounds.isPublisher(SECOND));
    }

    /* CANCELLATION */

    function test_cancelPublisher_ofAnAdmission() public {
        address[2] memory may = [GUARDIAN, OWNER];
        for (uint256 i = 0; i < 2; ++i) {
            _announce(SECOND, true);
            skip(WINDOW - 1);
            vm.expectEmit(address(rounds));
            emit IRounds.PublisherChangeCancelled(SECOND, may[i]);
            _cancel(may[i], SECOND);
            _assertAdmission(SECOND, 0, 0);
            skip(365 days);
            assertFalse(rounds.isPublisher(SECOND));
        }
    }

    function test_cancelPublisher_ofADismissal() public {
        _announce(PUBLISHER, false);
        skip(WINDOW - 1);
        _cancel(GUARDIAN, PUBLISHER);
        _assertAdmission(PUBLISHER, uint64(START), NEVER);
        skip(365 days);
        assertTrue(rounds.isPublisher(PUBLISHER));
    }

    function test_cancelPublisher_comesInTimeOrNever() public {
        _expectNothingToCancel(SECOND);
        _expectNothingToCancel(PUBLISHER);
        _announce(SECOND, true);
        _announce(PUBLISHER, false);
        skip(WINDOW);
        _expectNothingToCancel(SECOND);
        _expectNothingToCancel(PUBLISHER);
        assertTrue(rounds.isPublisher(SECOND));
        assertFalse(rounds.isPublisher(PUBLISHER));
    }

    /* SUSPENSION */

    function test_suspendPublisher_isAtOnce() public {
        admit(SECOND);
        open(300, 2000);
        reveal(1);
        commit(1, "before");
        vm.expectEmit(address(rounds));
        emit IRounds.PublisherSuspended(PUBLISHER, GUARDIAN);
        _suspend(PUBLISHER);
        _assertAdmission(PUBLISHER, 0, 0);
        assertFalse(rounds.isPublisher(PUBLISHER));
        // Of open rounds too; what it committed before stays, and others go on.
        _expectNotPublisher(PUBLISHER, 1);
        vm.prank(PUBLISHER);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotPublisher.selector, PUBLISHER, 1));
        rounds.seal(1, cidOf("seals"), linesOf("seals"), 1);
        assertEq(commitAs(SECOND, 1, "batch"), 1);
        vm.expectRevert(IRounds.NothingChanged.selector);
        _suspend(PUBLISHER);
    }

    /// @dev Not for the rounds that were open, and not before one window has passed.
    function test_suspendPublisher_isUndoneByTheOwnerForLaterRounds() public {
        open(300, 2000);
        reveal(1);
        _suspend(PUBLISHER);
        _announce(PUBLISHER, true);
        _assertAdmission(PUBLISHER, uint64(START) + WINDOW, NEVER);
        _expectNotPublisher(PUBLISHER, 1);
        skip(WINDOW);
        open(300, 2000);
        reveal(2);
        commit(2, "batch");
    }

    function test_suspendPublisher_ofOneThatIsToCome() public {
        _announce(SECOND, true);
        _suspend(SECOND);
        skip(WINDOW);
        assertFalse(rounds.isPublisher(SECOND));
        vm.expectRevert(IRounds.NothingChanged.selector);
        _suspend(SECOND);
    }

    /* HELPERS */

    function _announce(address publisher, bool allowed) private {
        vm.prank(OWNER);
        rounds.setPublisher(publisher, allowed);
    }

    function _cancel(address by, address publisher) private {
        vm.prank(by);
        rounds.cancelPublisher(publisher);
    }

    function _suspend(address publisher) private {
        vm.prank(GUARDIAN);
        rounds.suspendPublisher(publisher);
    }

    function _expectNothingToCancel(address publisher) private {
        vm.expectRevert(IRounds.NothingChanged.selector);
        _cancel(GUARDIAN, publisher);
    }

    function _expectNotPublisher(address publisher, uint64 round) private {
        bytes memory cid = cidOf("batch");
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotPublisher.selector, publisher, round));
        vm.prank(publisher);
        rounds.commit(round, cid, linesOf("batch"), 1);
    }

    function _assertAdmission(address publisher, uint64 from, uint64 until) private view {
        (uint64 actualFrom, uint64 actualUntil) = rounds.admissionOf(publisher);
        assertEq(actualFrom, from);
        assertEq(actualUntil, until);
    }
}
