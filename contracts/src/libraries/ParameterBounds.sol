// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRounds} from "../interfaces/IRounds.sol";
import {Fvm} from "./Fvm.sol";

/// @title Bounds of the round parameters
/// @notice The owner's settings can slow the network down or starve it, but cannot stop a running round or make a
/// beacon known before its round opens.
library ParameterBounds {
    uint256 internal constant MIN_ROUND_DURATION = 1 minutes;
    uint256 internal constant MAX_ROUND_DURATION = 7 days;
    /// @dev A block's timestamp may lag some seconds behind its creation.
    uint256 internal constant MIN_BEACON_DELAY = 15 seconds;
    uint256 internal constant MAX_BEACON_DELAY = 1 hours;
    /// @dev On Filecoin a block is made up to a minute after the beacon that orders its messages.
    uint256 internal constant MIN_BEACON_DELAY_ON_FILECOIN = 150 seconds;
    uint256 internal constant MIN_STEP = 1 seconds;
    uint256 internal constant MAX_STEP = 1 hours;
    uint256 internal constant MAX_COMMITTEE_SIZE = 1000;
    /// @dev What was accepted of a station's report is a bitmap of one word (docs/protocol.md §8.2).
    uint256 internal constant MAX_TASKS_PER_COMMITTEE = 256;
    uint256 internal constant MAX_TARGET_MEASUREMENTS = 100_000_000;
    uint256 internal constant MAX_BUDGET = 1_000_000 ether;

    /// @notice Reverts with the first parameter that is out of bounds.
    function check(IRounds.Parameters memory parameters) internal view {
        _check("roundDuration", parameters.roundDuration, MIN_ROUND_DURATION, MAX_ROUND_DURATION);
        uint256 minDelay = Fvm.isHere() ? MIN_BEACON_DELAY_ON_FILECOIN : MIN_BEACON_DELAY;
        _check("beaconDelay", parameters.beaconDelay, minDelay, MAX_BEACON_DELAY);
        // A beacon after closing would leave no time for measurements.
        _check("beaconDelay", parameters.beaconDelay, minDelay, parameters.roundDuration - 1);
        _check("step", parameters.step, MIN_STEP, MAX_STEP);
        _check("maxCommitteeSize", parameters.maxCommitteeSize, 1, MAX_COMMITTEE_SIZE);
        _check("minCommitteeSize", parameters.minCommitteeSize, 1, parameters.maxCommitteeSize);
        _check("quorum", parameters.quorum, 1, parameters.maxCommitteeSize);
        _check("maxTasksPerCommittee", parameters.maxTasksPerCommittee, 1, MAX_TASKS_PER_COMMITTEE);
        _check("targetMeasurements", parameters.targetMeasurements, 1, MAX_TARGET_MEASUREMENTS);
        _check("budget", parameters.budget, 0, MAX_BUDGET);
    }

    function _check(bytes32 parameter, uint256 value, uint256 min, uint256 max) private pure {
        require(min <= value && value <= max, IRounds.ParameterOutOfBounds(parameter, value, min, max));
    }
}
