// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {Committees} from "../../src/libraries/Committees.sol";

/// @notice The arithmetic of slices and task places: fuzzed over all values that `Rounds` can store, exhaustive for short
/// lists, and proved where a solver finds a proof. halmos runs the `check_` functions, for every value of the bit widths
/// in their names. With the error codes, those of 32 bits also prove that nothing overflows:
///   halmos --contract CommitteesProofsTest --match-test '8\('
///   halmos --contract CommitteesProofsTest --match-test '32\(' --panic-error-codes 0x01,0x11,0x12
///     --solver-command 'cvc5 --produce-models --solve-bv-as-int=sum --nl-ext-tplanes'
/// Properties without a `check_` function were not decided by yices and cvc5 within seconds.
contract CommitteesProofsTest is Test {
    uint256 private constant MAX_COUNT = type(uint32).max;
    uint256 private constant MAX_TASKS = type(uint16).max;

    /* A SEAT'S COMMITTEE IS THE SLICE THAT HOLDS IT */

    function testFuzz_ofSeat_liesInItsSlice(uint256 stations, uint256 committees, uint256 seat) public pure {
        stations = bound(stations, 1, MAX_COUNT);
        _ofSeatLiesInItsSlice(stations, bound(committees, 1, stations), bound(seat, 0, stations - 1));
    }

    function _ofSeatLiesInItsSlice(uint256 stations, uint256 committees, uint256 seat) private pure {
        uint256 committee = Committees.ofSeat(seat, stations, committees);
        assert(committee < committees);
        assert(_start(stations, committees, committee) <= seat);
        assert(seat < _start(stations, committees, committee + 1));
    }

    /* NO OTHER SLICE HOLDS IT */

    function testFuzz_ofSeat_isTheOnlySlice(uint256 stations, uint256 committees, uint256 committee, uint256 seat)
        public
        pure
    {
        stations = bound(stations, 1, MAX_COUNT);
        committees = bound(committees, 1, stations);
        committee = bound(committee, 0, committees - 1);
        uint256 start = _start(stations, committees, committee);
        seat = bound(seat, start, _start(stations, committees, committee + 1) - 1);
        _ofSeatIsTheOnlySlice(stations, committees, committee, seat);
    }

    function _ofSeatIsTheOnlySlice(uint256 stations, uint256 committees, uint256 committee, uint256 seat) private pure {
        vm.assume(_start(stations, committees, committee) <= seat);
        vm.assume(seat < _start(stations, committees, committee + 1));
        assert(Committees.ofSeat(seat, stations, committees) == committee);
    }

    /* SLICES COVER ALL SEATS, IN SIZES THAT DIFFER BY ONE AT MOST */

    function testFuzz_slices_areEven(uint256 stations, uint256 committees, uint256 committee) public pure {
        stations = bound(stations, 1, MAX_COUNT);
        committees = bound(committees, 1, stations);
        _slicesAreEven(stations, committees, bound(committee, 0, committees - 1));
    }

    /// @dev Each slice begins where the previous one ends, by definition; so only the first and the last remain to be
    /// checked.
    function _slicesAreEven(uint256 stations, uint256 committees, uint256 committee) private pure {
        assert(_start(stations, committees, 0) == 0);
        assert(_start(stations, committees, committees) == stations);
        uint256 start = _start(stations, committees, committee);
        uint256 end = _start(stations, committees, committee + 1);
        assert(end - start >= stations / committees);
        assert(end - start <= stations / committees + 1);
    }

    /* NO SLICE EXCEEDS THE LARGEST SIZE */

    function testFuzz_slices_keepTheLargestSize(uint256 stations, uint256 maxSize, uint256 committee) public pure {
        stations = bound(stations, 1, MAX_COUNT);
        maxSize = bound(maxSize, 1, MAX_TASKS);
        committee = bound(committee, 0, Committees.count(stations, 1, maxSize) - 1);
        _slicesKeepTheLargestSize(stations, maxSize, committee);
    }

    function _slicesKeepTheLargestSize(uint256 stations, uint256 maxSize, uint256 committee) private pure {
        uint256 committees = Committees.count(stations, 1, maxSize);
        assert(committees > 0 && committees <= stations);
        vm.assume(committee < committees);
        uint256 start = _start(stations, committees, committee);
        assert(_start(stations, committees, committee + 1) - start <= maxSize);
    }

    /* TASK PLACES */

    function testFuzz_taskPlace_isInTheList(uint256 committee, uint256 k, uint256 perCommittee, uint256 tasks)
        public
        pure
    {
        tasks = bound(tasks, 1, MAX_COUNT);
        perCommittee = bound(perCommittee, 1, MAX_TASKS);
        _taskPlaceIsInTheList(bound(committee, 0, MAX_COUNT), bound(k, 0, perCommittee - 1), perCommittee, tasks);
    }

    function _taskPlaceIsInTheList(uint256 committee, uint256 k, uint256 perCommittee, uint256 tasks) private pure {
        assert(Committees.taskPlace(committee, k, perCommittee, tasks) < tasks);
    }

    /// @dev Two tasks of a round: equal places are equal tasks.
    function testFuzz_taskPlace_isGivenOnce(
        uint256 tasks,
        uint256 perCommittee,
        uint256[2] memory c,
        uint256[2] memory k
    ) public pure {
        tasks = bound(tasks, 1, MAX_COUNT);
        perCommittee = bound(perCommittee, 1, tasks < MAX_TASKS ? tasks : MAX_TASKS);
        uint256 committees = tasks / perCommittee;
        for (uint256 i = 0; i < 2; ++i) {
            c[i] = bound(c[i], 0, committees - 1);
            k[i] = bound(k[i], 0, perCommittee - 1);
        }
        _taskPlaceIsGivenOnce(tasks, committees, perCommittee, c, k);
        // Neighbours, which differ least: the committee's next task, and the next committee's task with the same
        // number.
        _taskPlaceIsGivenOnce(tasks, committees, perCommittee, [c[0], c[0]], [k[0], (k[0] + 1) % perCommittee]);
        _taskPlaceIsGivenOnce(tasks, committees, perCommittee, [c[0], (c[0] + 1) % committees], [k[0], k[1]]);
    }

    function _taskPlaceIsGivenOnce(
        uint256 tasks,
        uint256 committees,
        uint256 perCommittee,
        uint256[2] memory c,
        uint256[2] memory k
    ) private pure {
        assert(committees * perCommittee <= tasks);
        uint256 place = Committees.taskPlace(c[0], k[0], perCommittee, tasks);
        uint256 other = Committees.taskPlace(c[1], k[1], perCommittee, tasks);
        assert((place == other) == (c[0] == c[1] && k[0] == k[1]));
    }

    /* EVERY CASE OF SHORT LISTS */

    function test_slices_everyCase() public pure {
        for (uint256 stations = 1; stations <= 40; ++stations) {
            for (uint256 committees = 1; committees <= stations; ++committees) {
                for (uint256 seat = 0; seat < stations; ++seat) {
                    _ofSeatLiesInItsSlice(stations, committees, seat);
                }
                for (uint256 committee = 0; committee < committees; ++committee) {
                    _slicesAreEven(stations, committees, committee);
                }
            }
        }
    }

    function test_slices_everyLargestSize() public pure {
        for (uint256 stations = 1; stations <= 40; ++stations) {
            for (uint256 maxSize = 1; maxSize <= stations + 1; ++maxSize) {
                uint256 committees = Committees.count(stations, 1, maxSize);
                for (uint256 committee = 0; committee < committees; ++committee) {
                    _slicesKeepTheLargestSize(stations, maxSize, committee);
                }
            }
        }
    }

    /// @dev All tasks of a round at once: as many places as tasks, so none is assigned twice.
    function test_taskPlace_everyCase() public pure {
        for (uint256 tasks = 1; tasks <= 40; ++tasks) {
            for (uint256 perCommittee = 1; perCommittee <= tasks; ++perCommittee) {
                uint256 given;
                for (uint256 i = 0; i < tasks / perCommittee * perCommittee; ++i) {
                    uint256 place = Committees.taskPlace(i / perCommittee, i % perCommittee, perCommittee, tasks);
                    assert(place < tasks);
                    assert(given & (1 << place) == 0);
                    given |= 1 << place;
                }
            }
        }
    }

    /* PROOFS */

    function check_ofSeat_isACommittee32(uint32 stations, uint32 committees, uint32 seat) public pure {
        vm.assume(seat < stations && committees > 0 && committees <= stations);
        assert(Committees.ofSeat(seat, stations, committees) < committees);
    }

    /// @dev N·c < (seat + 1)·C, which is `floor(N·c/C) ≤ seat` by `check_floor8`.
    function check_ofSeat_isNotBeforeItsSlice32(uint32 stations, uint32 committees, uint32 seat) public pure {
        vm.assume(seat < stations && committees > 0 && committees <= stations);
        uint256 committee = Committees.ofSeat(seat, stations, committees);
        unchecked {
            assert(committee * stations < (uint256(seat) + 1) * committees);
        }
    }

    function check_floor8(uint8 number, uint8 divisor, uint8 limit) public pure {
        vm.assume(divisor > 0);
        assert((number / divisor <= limit) == (number < (uint256(limit) + 1) * divisor));
    }

    function check_count_isTheLeastThatIsEnough8(uint8 stations, uint8 maxSize) public pure {
        vm.assume(stations > 0 && maxSize > 0);
        uint256 committees = Committees.count(stations, 1, maxSize);
        assert(committees > 0 && committees <= stations);
        unchecked {
            assert(committees * maxSize >= stations);
            assert((committees - 1) * maxSize < stations);
        }
    }

    function check_taskPlace_isInTheList8(uint8 committee, uint8 k, uint8 perCommittee, uint8 tasks) public pure {
        vm.assume(tasks > 0);
        assert(Committees.taskPlace(committee, k, perCommittee, tasks) < tasks);
    }

    /// @dev First seat of a committee, and so the end of the one before it.
    function _start(uint256 stations, uint256 committees, uint256 committee) private pure returns (uint256) {
        return stations * committee / committees;
    }
}
