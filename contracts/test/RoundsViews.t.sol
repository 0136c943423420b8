// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRounds} from "../src/interfaces/IRounds.sol";
import {Shuffle} from "../src/libraries/Shuffle.sol";
import {RoundsFixture} from "./RoundsFixture.sol";

/// @notice The contract's views against a verifier's derivation off chain.
contract RoundsViewsTest is RoundsFixture {
    function test_committees_holdEveryStationOnce() public {
        uint32 stations = 130;
        open(stations, 2000);
        reveal(1);
        (uint256 committees, uint256 tasks) = rounds.committeeCount(1);
        assertEq(committees, 2);
        assertEq(tasks, 100);
        bool[] memory seated = new bool[](stations);
        for (uint256 seat = 0; seat < stations; ++seat) {
            uint256 committee = seat < 65 ? 0 : 1;
            uint256 station = rounds.memberAt(1, committee, seat);
            assertFalse(seated[station]);
            seated[station] = true;
            (uint256 foundCommittee, uint256 foundSeat) = rounds.committeeOf(1, station);
            assertEq(foundCommittee, committee);
            assertEq(foundSeat, seat);
        }
    }

    function testFuzz_committeeOf_isUndoneByMemberAt(
        uint32 stations,
        uint32 tasks,
        uint16 maxSize,
        uint256 station,
        bytes calldata signature
    ) public {
        stations = uint32(bound(stations, 1, type(uint32).max));
        tasks = uint32(bound(tasks, 1, type(uint32).max));
        IRounds.Parameters memory parameters = defaultParameters();
        parameters.maxCommitteeSize = uint16(bound(maxSize, 40, 1000));
        if (parameters.maxCommitteeSize != 100) setParameters(parameters);
        open(stations, tasks);
        rounds.reveal(1, signature);
        station = bound(station, 0, stations - 1);
        (uint256 committee, uint256 seat) = rounds.committeeOf(1, station);
        (uint256 committees,) = rounds.committeeCount(1);
        assertLt(committee, committees);
        assertEq(rounds.memberAt(1, committee, seat), station);
    }

    /// @dev docs/protocol.md §5, literally: task k of committee c is entry shuffled((c·T + k) mod M).
    function testFuzz_taskAt_followsTheDefinition(uint32 stations, uint32 tasks, uint256 committee, uint256 k) public {
        stations = uint32(bound(stations, 1, 1_000_000));
        tasks = uint32(bound(tasks, 1, 22_000_000));
        open(stations, tasks);
        bytes32 seed = reveal(1);
        (uint256 committees, uint256 perCommittee) = rounds.committeeCount(1);
        committee = bound(committee, 0, committees - 1);
        k = bound(k, 0, perCommittee - 1);
        uint256 place = (committee * perCommittee + k) % tasks;
        bytes32 taskSeed = sha256(abi.encodePacked("assize/tasks/v1", seed));
        assertEq(rounds.taskAt(1, committee, k), Shuffle.shuffled(place, tasks, taskSeed));
    }

    function test_taskAt_givesEachTaskOnce() public {
        open(300, 300);
        reveal(1);
        (uint256 committees, uint256 perCommittee) = rounds.committeeCount(1);
        assertEq(committees, 3);
        assertEq(perCommittee, 100);
        bool[] memory given = new bool[](300);
        for (uint256 c = 0; c < committees; ++c) {
            for (uint256 k = 0; k < perCommittee; ++k) {
                uint256 task = rounds.taskAt(1, c, k);
                assertFalse(given[task]);
                given[task] = true;
            }
        }
    }

    function test_views_needTheSeed() public {
        open(300, 2000);
        bytes memory reason = abi.encodeWithSelector(IRounds.NotRevealed.selector, 1);
        vm.expectRevert(reason);
        rounds.committeeOf(1, 0);
        vm.expectRevert(reason);
        rounds.memberAt(1, 0, 0);
        vm.expectRevert(reason);
        rounds.taskAt(1, 0, 0);
    }

    /// @dev The error states the requested value and the limit.
    function test_views_sayWhatIsOutOfRange() public {
        open(300, 2000);
        reveal(1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.OutOfRange.selector, 301, 300));
        rounds.committeeOf(1, 301);
        vm.expectRevert(abi.encodeWithSelector(IRounds.OutOfRange.selector, 4, 3));
        rounds.memberAt(1, 4, 0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.OutOfRange.selector, 301, 300));
        rounds.memberAt(1, 2, 301);
        vm.expectRevert(abi.encodeWithSelector(IRounds.OutOfRange.selector, 4, 3));
        rounds.taskAt(1, 4, 0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.OutOfRange.selector, 101, 100));
        rounds.taskAt(1, 0, 101);
    }

    function test_views_refuseWhatIsOutOfRange() public {
        open(300, 2000);
        reveal(1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.OutOfRange.selector, 300, 300));
        rounds.committeeOf(1, 300);
        vm.expectRevert(abi.encodeWithSelector(IRounds.OutOfRange.selector, 3, 3));
        rounds.memberAt(1, 3, 0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.OutOfRange.selector, 300, 300));
        rounds.memberAt(1, 2, 300);
        vm.expectRevert(abi.encodeWithSelector(IRounds.SeatOutsideCommittee.selector, 100, 0));
        rounds.memberAt(1, 0, 100);
        vm.expectRevert(abi.encodeWithSelector(IRounds.OutOfRange.selector, 3, 3));
        rounds.taskAt(1, 3, 0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.OutOfRange.selector, 100, 100));
        rounds.taskAt(1, 0, 100);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoSuchRound.selector, 2, 1));
        rounds.committeeCount(2);
    }

    function test_committeeOf_gas() public {
        open(1_000_000, 22_000_000);
        reveal(1);
        uint256 before = gasleft();
        rounds.committeeOf(1, 777_777);
        assertLe(before - gasleft(), 100_000);
    }
}
