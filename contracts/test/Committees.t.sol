// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {Committees} from "../src/libraries/Committees.sol";

contract CommitteesTest is Test {
    function test_count_none() public pure {
        assertEq(Committees.count(0, 10, 100), 0);
        assertEq(Committees.count(10, 0, 100), 0);
        assertEq(Committees.tasksPerCommittee(0, 0, 10, 250_000, 100), 0);
    }

    function test_count_examples() public pure {
        assertEq(Committees.count(1, 1, 100), 1);
        assertEq(Committees.count(100, 1, 100), 1);
        assertEq(Committees.count(101, 1, 100), 2);
        assertEq(Committees.count(300, 2000, 100), 3);
    }

    function test_tasksPerCommittee_examples() public pure {
        // 250 000 measurements over 300 stations would be 833 each.
        assertEq(Committees.tasksPerCommittee(3, 300, 2000, 250_000, 100), 100);
        assertEq(Committees.tasksPerCommittee(100, 10_000, 10_000, 250_000, 100), 25);
        // More stations than target measurements: one task nevertheless.
        assertEq(Committees.tasksPerCommittee(10_000, 1_000_000, 22_000_000, 250_000, 100), 1);
        // A short list is divided; a list shorter than the number of committees gives one task each.
        assertEq(Committees.tasksPerCommittee(3, 300, 61, 250_000, 100), 20);
        assertEq(Committees.tasksPerCommittee(3, 300, 2, 250_000, 100), 1);
    }

    /// @dev docs/protocol.md §5: the slice of seats, sizes that differ by at most one, and the bounds of the size.
    function testFuzz_ofSeat_isTheSliceThatHoldsIt(uint256 stations, uint256 maxSize, uint256 seat) public pure {
        stations = bound(stations, 1, type(uint32).max);
        maxSize = bound(maxSize, 1, 1000);
        seat = bound(seat, 0, stations - 1);
        uint256 committees = Committees.count(stations, 1, maxSize);
        uint256 committee = Committees.ofSeat(seat, stations, committees);
        uint256 start = stations * committee / committees;
        uint256 end = stations * (committee + 1) / committees;
        assertLt(committee, committees);
        assertLe(start, seat);
        assertLt(seat, end);
        assertLe(end - start, maxSize);
        assertGe(end - start, stations / committees);
        assertLe(end - start, stations / committees + 1);
    }

    function testFuzz_tasksPerCommittee_keepsBounds(
        uint256 stations,
        uint256 tasks,
        uint256 target,
        uint256 maxTasks,
        uint256 maxSize
    ) public pure {
        stations = bound(stations, 1, type(uint32).max);
        tasks = bound(tasks, 1, type(uint32).max);
        target = bound(target, 1, 100_000_000);
        maxTasks = bound(maxTasks, 1, 10_000);
        uint256 committees = Committees.count(stations, tasks, bound(maxSize, 1, 1000));
        uint256 perCommittee = Committees.tasksPerCommittee(committees, stations, tasks, target, maxTasks);
        assertGe(perCommittee, 1);
        assertLe(perCommittee, maxTasks);
        if (perCommittee > 1) {
            assertLe(perCommittee * committees, tasks, "no task is given to two committees");
            assertLe(perCommittee * stations, target, "no more measurements than aimed at");
        }
    }

    /// @dev Seeds by an independent SHA-256 (Python's hashlib) of a seed of 32 zero bytes.
    function test_seeds() public pure {
        assertEq(Committees.rosterSeed(0), 0xd705dc01b00beadad801a6427b2d596cb7a1139cf6ba6db10d32601280e3100d);
        assertEq(Committees.taskSeed(0), 0x536967e9dcac3b98f3fabde6f0895fb13c3f1776a7e691c21402a172e596a884);
    }
}
