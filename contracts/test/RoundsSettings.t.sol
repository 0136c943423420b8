// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Rounds} from "../src/Rounds.sol";
import {IBeacon} from "../src/beacon/IBeacon.sol";
import {IRoles} from "../src/interfaces/IRoles.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {RoundsFixture} from "./RoundsFixture.sol";
import {TrustingBeacon} from "./mocks/TrustingBeacon.sol";

/// @notice Parameters and the coordinator: announced, cancelled, suspended.
contract RoundsSettingsTest is RoundsFixture {
    /* CONSTRUCTION */

    function test_constructor_setsEverything() public {
        TrustingBeacon beacon = new TrustingBeacon();
        address at = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.expectEmit(at);
        emit IRounds.ParametersChanged(defaultParameters(), uint64(START));
        vm.expectEmit(at);
        emit IRounds.CoordinatorChanged(address(0), COORDINATOR, uint64(START));
        vm.expectEmit(at);
        emit IRounds.PublisherChanged(PUBLISHER, true, uint64(START));
        Rounds deployed = new Rounds(roles, beacon, COORDINATOR, publishers(), defaultParameters());
        assertEq(address(deployed.ROLES()), address(roles));
        assertEq(address(deployed.BEACON()), address(beacon));
        assertEq(deployed.coordinator(), COORDINATOR);
        assertTrue(deployed.isPublisher(PUBLISHER));
        assertEq(abi.encode(deployed.getParameters()), abi.encode(defaultParameters()));
        assertEq(deployed.latestRound(), 0);
        assertEq(deployed.listsAsBefore(), 0);
    }

    function test_constructor_refusesNobody() public {
        TrustingBeacon beacon = new TrustingBeacon();
        vm.expectRevert(IRounds.ZeroAddress.selector);
        new Rounds(IRoles(address(0)), beacon, COORDINATOR, publishers(), defaultParameters());
        vm.expectRevert(IRounds.ZeroAddress.selector);
        new Rounds(roles, IBeacon(address(0)), COORDINATOR, publishers(), defaultParameters());
        assertEq(rounds.coordinator(), COORDINATOR);
        vm.expectRevert(IRounds.ZeroAddress.selector);
        new Rounds(roles, beacon, address(0), publishers(), defaultParameters());
        vm.expectRevert(IRounds.ZeroAddress.selector);
        new Rounds(roles, beacon, COORDINATOR, new address[](1), defaultParameters());
        // Without a publisher, one can be announced.
        new Rounds(roles, beacon, COORDINATOR, new address[](0), defaultParameters());
    }

    function test_setters_areTheOwners() public {
        bytes memory reason = abi.encodeWithSelector(IRoles.NotOwner.selector, GUARDIAN, OWNER);
        vm.startPrank(GUARDIAN);
        vm.expectRevert(reason);
        rounds.setParameters(_changed());
        vm.expectRevert(reason);
        rounds.setCoordinator(STRANGER);
        vm.expectRevert(reason);
        rounds.setPublisher(STRANGER, true);
    }

    function test_suspensions_areTheGuardians() public {
        open(300, 2000);
        bytes memory reason = abi.encodeWithSelector(IRoles.NotGuardian.selector, OWNER, GUARDIAN);
        vm.startPrank(OWNER);
        vm.expectRevert(reason);
        rounds.suspendCoordinator(0);
        vm.expectRevert(reason);
        rounds.suspendPublisher(PUBLISHER);
    }

    function test_cancellations_areForOwnerAndGuardian() public {
        vm.startPrank(OWNER);
        rounds.setParameters(_changed());
        rounds.setCoordinator(STRANGER);
        rounds.setPublisher(STRANGER, true);
        vm.stopPrank();
        bytes memory reason = abi.encodeWithSelector(IRoles.NotOwnerOrGuardian.selector, COORDINATOR);
        vm.startPrank(COORDINATOR);
        vm.expectRevert(reason);
        rounds.cancelParameters();
        vm.expectRevert(reason);
        rounds.cancelCoordinator();
        vm.expectRevert(reason);
        rounds.cancelPublisher(STRANGER);
    }

    /* PARAMETERS */

    function test_setParameters_comesAfterTheWindow() public {
        uint64 at = uint64(START) + WINDOW;
        vm.expectEmit(address(rounds));
        emit IRounds.ParametersChanged(_changed(), at);
        announceParameters(_changed());
        _assertParameters(defaultParameters(), _changed(), at);
        vm.warp(at - 1);
        _assertParameters(defaultParameters(), _changed(), at);
        open(300, 2000);
        vm.warp(at);
        IRounds.Parameters memory none;
        _assertParameters(_changed(), none, 0);
        vm.warp(timesOf(1).closesAt);
        open(300, 2000);
        // Each round has those that were in force when it was opened.
        assertEq(abi.encode(rounds.getRound(1).parameters), abi.encode(defaultParameters()));
        (uint256 committees,) = rounds.committeeCount(1);
        assertEq(committees, 3);
        assertEq(abi.encode(rounds.getRound(2).parameters), abi.encode(_changed()));
        (committees,) = rounds.committeeCount(2);
        assertEq(committees, 6);
    }

    function test_setParameters_replacesWhatWasAnnounced() public {
        announceParameters(_changed());
        skip(WINDOW - 1);
        IRounds.Parameters memory third = _changed();
        third.quorum = 33;
        vm.expectEmit(address(rounds));
        emit IRounds.ParametersCancelled(OWNER);
        announceParameters(third);
        uint64 at = uint64(START) + WINDOW - 1 + WINDOW;
        _assertParameters(defaultParameters(), third, at);
        vm.warp(at);
        IRounds.Parameters memory none;
        _assertParameters(third, none, 0);
        // What is in force is the current value: the next announcement does not mention it.
        vm.recordLogs();
        announceParameters(defaultParameters());
        assertEq(vm.getRecordedLogs().length, 1);
        _assertParameters(third, defaultParameters(), at + WINDOW);
    }

    function test_setParameters_refusesWhatIsInForce() public {
        vm.expectRevert(IRounds.NothingChanged.selector);
        announceParameters(defaultParameters());
        setParameters(_changed());
        vm.expectRevert(IRounds.NothingChanged.selector);
        announceParameters(_changed());
    }

    function test_cancelParameters_comesInTimeOrNever() public {
        vm.expectRevert(IRounds.NothingChanged.selector);
        vm.prank(GUARDIAN);
        rounds.cancelParameters();
        address[2] memory may = [GUARDIAN, OWNER];
        IRounds.Parameters memory none;
        for (uint256 i = 0; i < 2; ++i) {
            announceParameters(_changed());
            skip(WINDOW - 1);
            vm.expectEmit(address(rounds));
            emit IRounds.ParametersCancelled(may[i]);
            vm.prank(may[i]);
            rounds.cancelParameters();
            skip(365 days);
            _assertParameters(defaultParameters(), none, 0);
        }
        setParameters(_changed());
        vm.expectRevert(IRounds.NothingChanged.selector);
        vm.prank(GUARDIAN);
        rounds.cancelParameters();
        _assertParameters(_changed(), none, 0);
    }

    /* COORDINATOR */

    function test_setCoordinator_comesAfterTheWindow() public {
        uint64 at = uint64(START) + WINDOW;
        vm.expectEmit(address(rounds));
        emit IRounds.CoordinatorChanged(COORDINATOR, STRANGER, at);
        _announceCoordinator(STRANGER);
        vm.warp(at - 1);
        _assertCoordinator(COORDINATOR, STRANGER, at);
        open(300, 2000);
        vm.warp(at - 1 + 1200);
        _assertCoordinator(STRANGER, address(0), 0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotCoordinator.selector, COORDINATOR, STRANGER));
        vm.prank(COORDINATOR);
        rounds.open(inputsOf(300, 2000));
        vm.prank(STRANGER);
        rounds.open(inputsOf(300, 2000));
    }

    function test_setCoordinator_replacesWhatWasAnnounced() public {
        _announceCoordinator(STRANGER);
        skip(WINDOW - 1);
        vm.expectEmit(address(rounds));
        emit IRounds.CoordinatorCancelled(STRANGER, OWNER);
        _announceCoordinator(PUBLISHER);
        uint64 at = uint64(vm.getBlockTimestamp()) + WINDOW;
        vm.warp(at - 1);
        _assertCoordinator(COORDINATOR, PUBLISHER, at);
        vm.warp(at);
        _assertCoordinator(PUBLISHER, address(0), 0);
        vm.recordLogs();
        _announceCoordinator(COORDINATOR);
        assertEq(vm.getRecordedLogs().length, 1);
        _assertCoordinator(PUBLISHER, COORDINATOR, at + WINDOW);
    }

    function test_setCoordinator_refusals() public {
        vm.expectRevert(IRounds.NothingChanged.selector);
        _announceCoordinator(COORDINATOR);
        vm.expectRevert(IRounds.ZeroAddress.selector);
        _announceCoordinator(address(0));
    }

    function test_cancelCoordinator_comesInTimeOrNever() public {
        vm.expectRevert(IRounds.NothingChanged.selector);
        vm.prank(GUARDIAN);
        rounds.cancelCoordinator();
        address[2] memory may = [GUARDIAN, OWNER];
        for (uint256 i = 0; i < 2; ++i) {
            _announceCoordinator(STRANGER);
            skip(WINDOW - 1);
            vm.expectEmit(address(rounds));
            emit IRounds.CoordinatorCancelled(STRANGER, may[i]);
            vm.prank(may[i]);
            rounds.cancelCoordinator();
            skip(365 days);
            _assertCoordinator(COORDINATOR, address(0), 0);
        }
        _announceCoordinator(STRANGER);
        skip(WINDOW);
        vm.expectRevert(IRounds.NothingChanged.selector);
        vm.prank(GUARDIAN);
        rounds.cancelCoordinator();
        _assertCoordinator(STRANGER, address(0), 0);
    }

    function test_suspendCoordinator_isAtOnce() public {
        open(300, 2000);
        vm.warp(timesOf(1).closesAt);
        vm.expectEmit(address(rounds));
        emit IRounds.CoordinatorSuspended(COORDINATOR, GUARDIAN, 1);
        _suspend(1);
        _assertCoordinator(address(0), address(0), 0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotCoordinator.selector, COORDINATOR, address(0)));
        vm.prank(COORDINATOR);
        rounds.open(inputsOf(300, 2000));
        vm.expectRevert(IRounds.NothingChanged.selector);
        _suspend(1);
        // It comes back as another would: announced.
        _announceCoordinator(COORDINATOR);
        _assertCoordinator(address(0), COORDINATOR, uint64(vm.getBlockTimestamp()) + WINDOW);
        skip(WINDOW);
        _assertCoordinator(COORDINATOR, address(0), 0);
        assertEq(open(300, 2000), 2);
    }

    /// @dev One that came by an announcement, while another is announced.
    function test_suspendCoordinator_stopsTheOneInOffice() public {
        open(300, 2000);
        _announceCoordinator(STRANGER);
        skip(WINDOW);
        vm.expectEmit(address(rounds));
        emit IRounds.CoordinatorSuspended(STRANGER, GUARDIAN, 0);
        _suspend(0);
        _assertCoordinator(address(0), address(0), 0);
        skip(365 days);
        _assertCoordinator(address(0), address(0), 0);
    }

    /// @dev What was announced still comes: the guardian may cancel it too.
    function test_suspendCoordinator_leavesTheAnnouncement() public {
        _announceCoordinator(STRANGER);
        uint64 at = uint64(START) + WINDOW;
        _suspend(0);
        _assertCoordinator(address(0), STRANGER, at);
        vm.warp(at);
        _assertCoordinator(STRANGER, address(0), 0);
    }

    function test_suspendCoordinator_namesARoundThatExists() public {
        open(300, 2000);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoSuchRound.selector, 2, 1));
        _suspend(2);
        assertEq(rounds.coordinator(), COORDINATOR);
    }

    /// @dev Whoever chose the wrong lists can choose others.
    function test_suspendCoordinator_againWithOtherLists() public {
        open(300, 2000);
        _suspend(0);
        vm.expectEmit(address(rounds));
        emit IRounds.CoordinatorSuspended(address(0), GUARDIAN, 1);
        _suspend(1);
        vm.expectRevert(IRounds.NothingChanged.selector);
        _suspend(1);
        _suspend(0);
    }

    /* HELPERS */

    function _changed() private pure returns (IRounds.Parameters memory changed) {
        changed = defaultParameters();
        (changed.maxCommitteeSize, changed.budget) = (50, 1);
    }

    function _announceCoordinator(address coordinator) private {
        vm.prank(OWNER);
        rounds.setCoordinator(coordinator);
    }

    function _suspend(uint64 listsOf) private {
        vm.prank(GUARDIAN);
        rounds.suspendCoordinator(listsOf);
    }

    function _assertCoordinator(address current, address next, uint64 at) private view {
        assertEq(rounds.coordinator(), current);
        (address announced, uint64 effectiveAt) = rounds.nextCoordinator();
        assertEq(announced, next);
        assertEq(effectiveAt, at);
    }

    function _assertParameters(IRounds.Parameters memory current, IRounds.Parameters memory next, uint64 at)
        private
        view
    {
        assertEq(abi.encode(rounds.getParameters()), abi.encode(current));
        (IRounds.Parameters memory announced, uint64 effectiveAt) = rounds.nextParameters();
        assertEq(abi.encode(announced), abi.encode(next));
        assertEq(effectiveAt, at);
    }
}
