// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Rounds} from "../src/Rounds.sol";
import {IBeacon} from "../src/beacon/IBeacon.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {ResolveAddressPrecompile} from "./mocks/FilecoinPrecompiles.sol";
import {RoundsFixture} from "./RoundsFixture.sol";

/// @notice Bounds of the round parameters.
contract RoundsParametersTest is RoundsFixture {
    function test_setParameters_takesTheBounds() public {
        IRounds.Parameters memory p = defaultParameters();
        (p.roundDuration, p.beaconDelay, p.step) = (60, 15, 1);
        (p.minCommitteeSize, p.maxCommitteeSize, p.quorum) = (1, 1, 1);
        (p.maxTasksPerCommittee, p.targetMeasurements, p.budget) = (1, 1, 0);
        setParameters(p);
        assertEq(abi.encode(rounds.getParameters()), abi.encode(p));
        (p.roundDuration, p.beaconDelay, p.step) = (7 days, 1 hours, 1 hours);
        (p.minCommitteeSize, p.maxCommitteeSize, p.quorum) = (1000, 1000, 1000);
        (p.maxTasksPerCommittee, p.targetMeasurements, p.budget) = (256, 100_000_000, 1_000_000 ether);
        setParameters(p);
        assertEq(abi.encode(rounds.getParameters()), abi.encode(p));
    }

    function test_setParameters_refusesTimesOutOfBounds() public {
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
        p.step = 0;
        _expectRefused(p, "step", 0, 1, 1 hours);
        p.step = 1 hours + 1;
        _expectRefused(p, "step", 1 hours + 1, 1, 1 hours);
    }

    function test_setParameters_refusesSizesOutOfBounds() public {
        IRounds.Parameters memory p = defaultParameters();
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
        _expectRefused(p, "maxTasksPerCommittee", 0, 1, 256);
        p.maxTasksPerCommittee = 257;
        _expectRefused(p, "maxTasksPerCommittee", 257, 1, 256);

        p = defaultParameters();
        p.targetMeasurements = 0;
        _expectRefused(p, "targetMeasurements", 0, 1, 100_000_000);
        p.targetMeasurements = 100_000_001;
        _expectRefused(p, "targetMeasurements", 100_000_001, 1, 100_000_000);

        p = defaultParameters();
        p.budget = 1_000_000 ether + 1;
        _expectRefused(p, "budget", 1_000_000 ether + 1, 0, 1_000_000 ether);
    }

    /// @dev There a block is made up to a minute after the beacon that orders its messages.
    function test_setParameters_needsALongerDelayOnFilecoin() public {
        vm.etch(0xFE00000000000000000000000000000000000001, type(ResolveAddressPrecompile).runtimeCode);
        IRounds.Parameters memory p = defaultParameters();
        p.beaconDelay = 149;
        _expectRefused(p, "beaconDelay", 149, 150, 1 hours);
        p.beaconDelay = 151;
        announceParameters(p);
    }

    function _expectRefused(IRounds.Parameters memory p, bytes32 name, uint256 value, uint256 min, uint256 max)
        private
    {
        vm.expectRevert(abi.encodeWithSelector(IRounds.ParameterOutOfBounds.selector, name, value, min, max));
        announceParameters(p);
        vm.expectRevert(abi.encodeWithSelector(IRounds.ParameterOutOfBounds.selector, name, value, min, max));
        new Rounds(roles, IBeacon(address(1)), COORDINATOR, publishers(), p);
    }
}
