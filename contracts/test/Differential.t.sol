// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {Committees} from "../src/libraries/Committees.sol";
import {Shuffle} from "../src/libraries/Shuffle.sol";

/// @notice The libraries against `assize-protocol`: random cases that the Rust crate derived, a thousand a file.
/// `make differential` writes them; without them the tests are skipped, unless ASSIZE_DIFFERENTIAL=required.
contract DifferentialTest is Test {
    /// @dev One line of a file, by ABI. N stations, M tasks, C committees of T tasks; `seat` and `committee` are those
    /// of `station`, `task` is that of `(taskCommittee, k)`.
    struct Case {
        bytes32 seed;
        uint256 stations;
        uint256 tasks;
        uint256 maxCommitteeSize;
        uint256 targetMeasurements;
        uint256 maxTasksPerCommittee;
        uint256 committees;
        uint256 tasksPerCommittee;
        uint256 station;
        uint256 committee;
        uint256 seat;
        uint256 taskCommittee;
        uint256 k;
        uint256 task;
    }

    string private constant DIRECTORY = "cache/differential/";
    uint256 private constant LINES = 1000;

    function test_differential_cases0() public {
        _checkFile(0);
    }

    function test_differential_cases1() public {
        _checkFile(1);
    }

    function test_differential_cases2() public {
        _checkFile(2);
    }

    function test_differential_cases3() public {
        _checkFile(3);
    }

    function test_differential_cases4() public {
        _checkFile(4);
    }

    function test_differential_cases5() public {
        _checkFile(5);
    }

    function test_differential_cases6() public {
        _checkFile(6);
    }

    function test_differential_cases7() public {
        _checkFile(7);
    }

    function test_differential_cases8() public {
        _checkFile(8);
    }

    function test_differential_cases9() public {
        _checkFile(9);
    }

    function _checkFile(uint256 number) private {
        if (!_isPresent()) {
            bool required = keccak256(bytes(vm.envOr("ASSIZE_DIFFERENTIAL", string("")))) == keccak256("required");
            assertFalse(required, "no cases: run `make differential`");
            vm.skip(true, "no cases: `make differential` writes them");
        }
        string memory path = string.concat(DIRECTORY, "cases-", vm.toString(number), ".txt");
        for (uint256 line = 1; line <= LINES; ++line) {
            // A separate call releases the memory. A failed assertion in it fails this test.
            this.checkLine(path, line);
        }
        // Past the end of a file, `readLine` reads nothing.
        assertEq(vm.readLine(path), "", string.concat(path, ": more lines than expected"));
        vm.closeFile(path);
    }

    /// @notice Reads the next line of a file, the `line`th, and checks it.
    function checkLine(string calldata path, uint256 line) external view {
        string memory where = string.concat(path, ":", vm.toString(line));
        // forge-lint: disable-next-line(unsafe-cheatcode) foundry.toml permits reading only
        string memory text = vm.readLine(path);
        assertEq(bytes(text).length, 2 + 2 * 14 * 32, string.concat(where, ": not a line of 14 words"));
        Case memory item;
        try vm.parseBytes(text) returns (bytes memory words) {
            item = abi.decode(words, (Case));
        } catch {
            revert(string.concat(where, ": not hexadecimal"));
        }

        uint256 committees = Committees.count(item.stations, item.tasks, item.maxCommitteeSize);
        assertEq(committees, item.committees, string.concat(where, ": committees"));
        uint256 perCommittee = Committees.tasksPerCommittee(
            committees, item.stations, item.tasks, item.targetMeasurements, item.maxTasksPerCommittee
        );
        assertEq(perCommittee, item.tasksPerCommittee, string.concat(where, ": tasks per committee"));

        bytes32 rosterSeed = Committees.rosterSeed(item.seed);
        uint256 seat = Shuffle.unshuffled(item.station, item.stations, rosterSeed);
        assertEq(seat, item.seat, string.concat(where, ": seat"));
        uint256 station = Shuffle.shuffled(seat, item.stations, rosterSeed);
        assertEq(station, item.station, string.concat(where, ": station"));
        uint256 committee = Committees.ofSeat(seat, item.stations, committees);
        assertEq(committee, item.committee, string.concat(where, ": committee"));

        uint256 place = Committees.taskPlace(item.taskCommittee, item.k, perCommittee, item.tasks);
        uint256 task = Shuffle.shuffled(place, item.tasks, Committees.taskSeed(item.seed));
        assertEq(task, item.task, string.concat(where, ": task"));
    }

    function _isPresent() private view returns (bool) {
        return vm.exists(DIRECTORY);
    }
}
