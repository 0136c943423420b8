// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRounds} from "../src/interfaces/IRounds.sol";
import {Timetable} from "../src/libraries/Timetable.sol";
import {RoundsFixture} from "./RoundsFixture.sol";

/// @notice The table of docs/protocol.md §3.1.
contract TimetableTest is RoundsFixture {
    /// @dev The third column of the table: seconds with the default step.
    function test_times_byDefault() public pure {
        assertEq(Timetable.sealsUntil(1000, 60), 1180);
        assertEq(Timetable.ownSealsUntil(1000, 60), 1360);
        assertEq(Timetable.showFrom(1000, 60), 1660);
        assertEq(Timetable.publishUntil(1000, 60), 2260);
        assertEq(Timetable.commitsUntil(1000, 60), 2620);
        assertEq(Timetable.dedupeFrom(1000, 60), 2920);
        assertEq(Timetable.objectionsFrom(1000, 60), 9820);
    }

    /// @dev The second column.
    function testFuzz_times_areSteps(uint40 closesAt, uint32 step) public pure {
        assertEq(Timetable.sealsUntil(closesAt, step), uint256(closesAt) + 3 * uint256(step));
        assertEq(Timetable.ownSealsUntil(closesAt, step), uint256(closesAt) + 6 * uint256(step));
        assertEq(Timetable.showFrom(closesAt, step), uint256(closesAt) + 11 * uint256(step));
        assertEq(Timetable.publishUntil(closesAt, step), uint256(closesAt) + 21 * uint256(step));
        assertEq(Timetable.commitsUntil(closesAt, step), uint256(closesAt) + 27 * uint256(step));
        assertEq(Timetable.dedupeFrom(closesAt, step), uint256(closesAt) + 32 * uint256(step));
        assertEq(Timetable.objectionsFrom(closesAt, step), uint256(closesAt) + 147 * uint256(step));
    }

    /// @dev With the smallest step too, one thing happens after the other.
    function test_times_ofTheSmallestStep() public {
        IRounds.Parameters memory parameters = defaultParameters();
        parameters.step = 1;
        setParameters(parameters);
        IRounds.Times memory times = timesOf(open(300, 2000));
        assertEq(times.closesAt, vm.getBlockTimestamp() + 1200);
        assertEq(times.sealsUntil, times.closesAt + 3);
        assertEq(times.objectionsFrom, times.closesAt + 147);
    }

    /// @dev Up to three rounds are under way at once.
    function test_rounds_followWithoutAPause() public {
        open(300, 2000);
        reveal(1);
        vm.warp(timesOf(1).closesAt);
        open(300, 2000);
        reveal(2);
        vm.warp(timesOf(2).closesAt);
        open(300, 2000);
        assertLt(vm.getBlockTimestamp(), timesOf(1).publishUntil);
        commit(1, "of the first");
        commit(2, "of the second");
    }
}
