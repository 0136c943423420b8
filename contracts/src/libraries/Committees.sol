// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Committees and tasks of a round
/// @notice The arithmetic of docs/protocol.md §5. Seats are positions over the whole shuffled roster of N stations;
/// committee `c` of C holds the seats `floor(N·c/C) ≤ p < floor(N·(c+1)/C)`.
library Committees {
    /// @notice C: number of committees for N stations and M tasks; zero if either list is empty.
    function count(uint256 stations, uint256 tasks, uint256 maxCommitteeSize) internal pure returns (uint256) {
        return tasks == 0 ? 0 : Math.ceilDiv(stations, maxCommitteeSize);
    }

    /// @notice T: number of tasks per committee; zero if there are no committees.
    function tasksPerCommittee(
        uint256 committees,
        uint256 stations,
        uint256 tasks,
        uint256 targetMeasurements,
        uint256 maxTasksPerCommittee
    ) internal pure returns (uint256) {
        if (committees == 0) return 0;
        uint256 wanted = Math.min(Math.max(targetMeasurements / stations, 1), maxTasksPerCommittee);
        return Math.min(wanted, Math.max(tasks / committees, 1));
    }

    /// @notice The committee that holds `seat`: the largest `c` with `floor(N·c/C) ≤ seat`.
    function ofSeat(uint256 seat, uint256 stations, uint256 committees) internal pure returns (uint256) {
        return ((seat + 1) * committees - 1) / stations;
    }

    /// @notice Position, before the shuffle, of task `k` of a committee in the task list.
    function taskPlace(uint256 committee, uint256 k, uint256 perCommittee, uint256 tasks)
        internal
        pure
        returns (uint256)
    {
        return (committee * perCommittee + k) % tasks;
    }

    /// @notice Seed of the roster's shuffle.
    function rosterSeed(bytes32 seed) internal pure returns (bytes32) {
        return sha256(bytes.concat("assize/roster/v1", seed));
    }

    /// @notice Seed of the task list's shuffle.
    function taskSeed(bytes32 seed) internal pure returns (bytes32) {
        return sha256(bytes.concat("assize/tasks/v1", seed));
    }
}
