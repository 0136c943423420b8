// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {Committees} from "../src/libraries/Committees.sol";

/// @notice The arithmetic of slices and task places, each property twice: as a fuzz test over all that `Rounds` can
/// store, and as a `check_` that halmos proves for every value of the widths in its signature.
contract CommitteesProofsTest is Test {
    uint256 private constant MAX_COUNT = type(uint32).max;
    uint256 private constant MAX_TASKS = type(uint16).max;

    /* A SEAT'S COMMITTEE IS THE SLICE THAT HOLDS IT */

    function testFuzz_ofSeat_liesInItsSlice(uint256 stations, uint256 committees, uint256 seat) public pure {
        stations = bound(stations, 1, MAX_COUNT);
        _ofSeatLiesInItsSlice(stations, bound(committees, 1, stations), bound(seat, 0, stations - 1));
    }

    function check_ofSeat_liesInItsSlice8(uint8 stations, uint8 committees, uint8 seat) public pure {
        vm.assume(seat < stations && committees > 0 && committees <= stations);
        _ofSeatLiesInItsSlice(stations, committees, seat);
    }

    function check_ofSeat_liesInItsSlice16(uint16 stations, uint16 committees, uint16 seat) public pure {
        vm.assume(seat < stations && committees > 0 && committees <= stations);
        _ofSeatLiesInItsSlice(stations, committees, seat);
    }

    function check_ofSeat_liesInItsSlice32(uint32 stations, uint32 committees, uint32 seat) public pure {
        vm.assume(seat < stations && committees > 0 && committees <= stations);
        _ofSeatLiesInItsSlice(stations, committees, seat);
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

    function check_ofSeat_isTheOnlySlice8(uint8 stations, uint8 committees, uint8 committee, uint8 seat) public pure {
        vm.assume(committee < committees && committees <= stations);
        _ofSeatIsTheOnlySlice(stations, committees, committee, seat);
    }

    function check_ofSeat_isTheOnlySlice16(uint16 stations, uint16 committees, uint16 committee, uint16 seat)
        public
        pure
    {
        vm.assume(committee < committees && committees <= stations);
        _ofSeatIsTheOnlySlice(stations, committees, committee, seat);
    }

    function check_ofSeat_isTheOnlySlice32(uint32 stations, uint32 committees, uint32 committee, uint32 seat)
        public
        pure
    {
        vm.assume(committee < committees && committees <= stations);
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

    function check_slices_areEven8(uint8 stations, uint8 committees, uint8 committee) public pure {
        vm.assume(committee < committees && committees <= stations);
        _slicesAreEven(stations, committees, committee);
    }

    function check_slices_areEven16(uint16 stations, uint16 committees, uint16 committee) public pure {
        vm.assume(committee < committees && committees <= stations);
        _slicesAreEven(stations, committees, committee);
    }

    function check_slices_areEven32(uint32 stations, uint32 committees, uint32 committee) public pure {
        vm.assume(committee < committees && committees <= stations);
        _slicesAreEven(stations, committees, committee);
    }

    /// @dev Each slice begins where the one before it ends, by definition; so the first and the last remain to be seen.
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

    function check_slices_keepTheLargestSize8(uint8 stations, uint8 maxSize, uint8 committee) public pure {
        vm.assume(stations > 0 && maxSize > 0);
        _slicesKeepTheLargestSize(stations, maxSize, committee);
    }

    function check_slices_keepTheLargestSize16(uint16 stations, uint16 maxSize, uint16 committee) public pure {
        vm.assume(stations > 0 && maxSize > 0);
        _slicesKeepTheLargestSize(stations, maxSize, committee);
    }

    function check_slices_keepTheLargestSize32(uint32 stations, uint16 maxSize, uint32 committee) public pure {
        vm.assume(stations > 0 && maxSize > 0);
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

    function check_taskPlace_isInTheList32(uint32 committee, uint16 k, uint16 perCommittee, uint32 tasks) public pure {
        vm.assume(tasks > 0);
        _taskPlaceIsInTheList(committee, k, perCommittee, tasks);
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
        // Neighbours, which differ least: the committee's next task, and the next committee's of the same number.
        _taskPlaceIsGivenOnce(tasks, committees, perCommittee, [c[0], c[0]], [k[0], (k[0] + 1) % perCommittee]);
        _taskPlaceIsGivenOnce(tasks, committees, perCommittee, [c[0], (c[0] + 1) % committees], [k[0], k[1]]);
    }

    function check_taskPlace_isGivenOnce8(
        uint8 tasks,
        uint8 committees,
        uint8 perCommittee,
        uint8 c,
        uint8 k,
        uint8 otherC,
        uint8 otherK
    ) public pure {
        vm.assume(c < committees && otherC < committees && k < perCommittee && otherK < perCommittee);
        vm.assume(uint256(committees) * perCommittee <= tasks);
        _taskPlaceIsGivenOnce(tasks, committees, perCommittee, [uint256(c), otherC], [uint256(k), otherK]);
    }

    function check_taskPlace_isGivenOnce32(
        uint32 tasks,
        uint32 committees,
        uint16 perCommittee,
        uint32 c,
        uint16 k,
        uint32 otherC,
        uint16 otherK
    ) public pure {
        vm.assume(c < committees && otherC < committees && k < perCommittee && otherK < perCommittee);
        vm.assume(uint256(committees) * perCommittee <= tasks);
        _taskPlaceIsGivenOnce(tasks, committees, perCommittee, [uint256(c), otherC], [uint256(k), otherK]);
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

    /// @dev First seat of a committee, and so the end of the one before it.
    function _start(uint256 stations, uint256 committees, uint256 committee) private pure returns (uint256) {
        return stations * committee / committees;
    }
}
