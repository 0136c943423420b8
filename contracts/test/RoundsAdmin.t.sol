// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {Rounds} from "../src/Rounds.sol";
import {IBeacon} from "../src/beacon/IBeacon.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {RoundsFixture} from "./RoundsFixture.sol";
import {TrustingBeacon} from "./mocks/TrustingBeacon.sol";

contract RoundsAdminTest is RoundsFixture {
    function test_constructor_setsEverything() public {
        TrustingBeacon beacon = new TrustingBeacon();
        IRounds.Parameters memory none;
        vm.expectEmit();
        emit IRounds.CoordinatorChanged(address(0), COORDINATOR);
        vm.expectEmit();
        emit IRounds.ParametersChanged(none, defaultParameters());
        Rounds deployed = new Rounds(beacon, OWNER, COORDINATOR, defaultParameters());
        assertEq(address(deployed.BEACON()), address(beacon));
        assertEq(deployed.owner(), OWNER);
        assertEq(deployed.coordinator(), COORDINATOR);
        assertEq(abi.encode(deployed.getParameters()), abi.encode(defaultParameters()));
        assertEq(deployed.latestRound(), 0);
    }

    function test_constructor_refusesNobody() public {
        TrustingBeacon beacon = new TrustingBeacon();
        vm.expectRevert(IRounds.ZeroAddress.selector);
        new Rounds(IBeacon(address(0)), OWNER, COORDINATOR, defaultParameters());
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        new Rounds(beacon, address(0), COORDINATOR, defaultParameters());
        vm.expectRevert(IRounds.ZeroAddress.selector);
        new Rounds(beacon, OWNER, address(0), defaultParameters());
    }

    function test_setters_areTheOwners() public {
        bytes memory reason = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER);
        vm.startPrank(STRANGER);
        vm.expectRevert(reason);
        rounds.setParameters(defaultParameters());
        vm.expectRevert(reason);
        rounds.setCoordinator(STRANGER);
        vm.expectRevert(reason);
        rounds.setPublisher(STRANGER, true);
    }

    function test_owner_changesInTwoSteps() public {
        vm.prank(OWNER);
        rounds.transferOwnership(STRANGER);
        assertEq(rounds.owner(), OWNER);
        vm.prank(STRANGER);
        rounds.acceptOwnership();
        assertEq(rounds.owner(), STRANGER);
    }

    function test_setCoordinator() public {
        vm.startPrank(OWNER);
        vm.expectEmit(address(rounds));
        emit IRounds.CoordinatorChanged(COORDINATOR, STRANGER);
        rounds.setCoordinator(STRANGER);
        assertEq(rounds.coordinator(), STRANGER);
        vm.expectRevert(IRounds.NothingChanged.selector);
        rounds.setCoordinator(STRANGER);
        vm.expectRevert(IRounds.ZeroAddress.selector);
        rounds.setCoordinator(address(0));
    }

    function test_setPublisher() public {
        vm.startPrank(OWNER);
        vm.expectEmit(address(rounds));
        emit IRounds.PublisherChanged(PUBLISHER, false);
        rounds.setPublisher(PUBLISHER, false);
        assertFalse(rounds.isPublisher(PUBLISHER));
        vm.expectRevert(IRounds.NothingChanged.selector);
        rounds.setPublisher(PUBLISHER, false);
        vm.expectRevert(IRounds.ZeroAddress.selector);
        rounds.setPublisher(address(0), true);
    }

    function test_setParameters_emitsOldAndNew() public {
        IRounds.Parameters memory changed = defaultParameters();
        changed.quorum = 31;
        vm.expectEmit(address(rounds));
        emit IRounds.ParametersChanged(defaultParameters(), changed);
        setParameters(changed);
        assertEq(abi.encode(rounds.getParameters()), abi.encode(changed));
        vm.expectRevert(IRounds.NothingChanged.selector);
        setParameters(changed);
    }

    function test_setParameters_takesTheBounds() public {
        IRounds.Parameters memory p = defaultParameters();
        (p.roundDuration, p.beaconDelay, p.commitGrace) = (60, 15, 60);
        (p.minCommitteeSize, p.maxCommitteeSize, p.quorum) = (1, 1, 1);
        (p.maxTasksPerCommittee, p.targetMeasurements, p.budget) = (1, 1, 0);
        setParameters(p);
        (p.roundDuration, p.beaconDelay, p.commitGrace) = (7 days, 1 hours, 1 days);
        (p.minCommitteeSize, p.maxCommitteeSize, p.quorum) = (1000, 1000, 1000);
        (p.maxTasksPerCommittee, p.targetMeasurements, p.budget) = (10_000, 100_000_000, 1_000_000 ether);
        setParameters(p);
    }

    function test_setParameters_refusesWhatIsOutOfBounds() public {
        IRounds.Parameters memory p = defaultParameters();
        p.roundDuration = 59;
        _expectRefused(p, "roundDuration", 59, 60, 7 days);
        p.roundDuration = 7 days + 1;
        _expectRefused(p, "roundDuration", 7 days + 1, 60, 7 days);

        p = defaultParameters();
        p.beaconDelay = 14;
        _expectRefused(p, "beaconDelay", 14, 15, 1 hours);
        p.roundDuration = 2 hours;
        p.beaconDelay = 1 hours + 1;
        _expectRefused(p, "beaconDelay", 1 hours + 1, 15, 1 hours);
        p.roundDuration = 60;
        p.beaconDelay = 60;
        _expectRefused(p, "beaconDelay", 60, 15, 59);

        p = defaultParameters();
        p.commitGrace = 59;
        _expectRefused(p, "commitGrace", 59, 60, 1 days);
        p.commitGrace = 1 days + 1;
        _expectRefused(p, "commitGrace", 1 days + 1, 60, 1 days);

        p = defaultParameters();
        p.maxCommitteeSize = 1001;
        _expectRefused(p, "maxCommitteeSize", 1001, 1, 1000);
        p.maxCommitteeSize = 0;
        _expectRefused(p, "maxCommitteeSize", 0, 1, 1000);
        p.maxCommitteeSize = 39;
        _expectRefused(p, "minCommitteeSize", 40, 1, 39);
        p = defaultParameters();
        p.minCommitteeSize = 0;
        _expectRefused(p, "minCommitteeSize", 0, 1, 100);

        p = defaultParameters();
        p.quorum = 0;
        _expectRefused(p, "quorum", 0, 1, 100);
        p.quorum = 101;
        _expectRefused(p, "quorum", 101, 1, 100);

        p = defaultParameters();
        p.maxTasksPerCommittee = 0;
        _expectRefused(p, "maxTasksPerCommittee", 0, 1, 10_000);
        p.maxTasksPerCommittee = 10_001;
        _expectRefused(p, "maxTasksPerCommittee", 10_001, 1, 10_000);

        p = defaultParameters();
        p.targetMeasurements = 0;
        _expectRefused(p, "targetMeasurements", 0, 1, 100_000_000);
        p.targetMeasurements = 100_000_001;
        _expectRefused(p, "targetMeasurements", 100_000_001, 1, 100_000_000);

        p = defaultParameters();
        p.budget = 1_000_000 ether + 1;
        _expectRefused(p, "budget", 1_000_000 ether + 1, 0, 1_000_000 ether);
    }

    function _expectRefused(IRounds.Parameters memory p, bytes32 name, uint256 value, uint256 min, uint256 max)
        private
    {
        vm.expectRevert(abi.encodeWithSelector(IRounds.ParameterOutOfBounds.selector, name, value, min, max));
        setParameters(p);
        vm.expectRevert(abi.encodeWithSelector(IRounds.ParameterOutOfBounds.selector, name, value, min, max));
        new Rounds(IBeacon(address(1)), OWNER, COORDINATOR, p);
    }
}
