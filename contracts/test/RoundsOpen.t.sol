// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRounds} from "../src/interfaces/IRounds.sol";
import {RoundsFixture} from "./RoundsFixture.sol";

contract RoundsOpenTest is RoundsFixture {
    function test_open_freezesEverything() public {
        IRounds.Inputs memory inputs = inputsOf(300, 2000);
        uint64 closesAt = uint64(START) + 1200;
        vm.expectEmit(address(rounds));
        emit IRounds.RoundOpened(1, 20_000_011, 20_000_401, uint64(START), closesAt, inputs, defaultParameters());
        assertEq(open(300, 2000), 1);

        IRounds.Round memory round = rounds.getRound(1);
        assertEq(abi.encode(round.inputs), abi.encode(inputs));
        assertEq(abi.encode(round.parameters), abi.encode(defaultParameters()));
        assertEq(round.openedAt, START);
        assertEq(round.closesAt, closesAt);
        assertEq(round.commitsUntil, closesAt + 1200);
        assertEq(round.beaconRound, 20_000_011);
        assertEq(round.dedupeBeaconRound, 20_000_401);
        assertEq(round.seed, 0);
        assertEq(rounds.latestRound(), 1);
    }

    /// @dev The beacons are published after the moments at which they must be unknown.
    function testFuzz_open_choosesUnpublishedBeacons(uint40 timestamp, uint32 duration, uint32 delay) public {
        vm.warp(bound(timestamp, QUICKNET_GENESIS, type(uint40).max));
        IRounds.Parameters memory parameters = defaultParameters();
        parameters.roundDuration = uint32(bound(duration, 1 hours + 1, 7 days));
        parameters.beaconDelay = uint32(bound(delay, 15, 1 hours));
        vm.assume(parameters.roundDuration != 1200 || parameters.beaconDelay != 30);
        setParameters(parameters);
        IRounds.Round memory round = rounds.getRound(open(300, 2000));
        assertGt(publishedAt(round.beaconRound), block.timestamp + parameters.beaconDelay);
        assertGt(publishedAt(round.dedupeBeaconRound), round.closesAt);
    }

    function test_open_refusesStrangers() public {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotCoordinator.selector, STRANGER, COORDINATOR));
        vm.prank(STRANGER);
        rounds.open(inputsOf(300, 2000));
    }

    function test_open_waitsForThePreviousRound() public {
        open(300, 2000);
        uint64 closesAt = rounds.getRound(1).closesAt;
        vm.warp(closesAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.PreviousRoundOpen.selector, closesAt, closesAt - 1));
        vm.prank(COORDINATOR);
        rounds.open(inputsOf(300, 2000));
        vm.warp(closesAt);
        assertEq(open(300, 2000), 2);
    }

    function test_open_refusesRootsThatContradictCounts() public {
        IRounds.Inputs memory inputs = inputsOf(300, 2000);
        inputs.rosterRoot = 0;
        _expectOpenReverts(inputs, abi.encodeWithSelector(IRounds.EmptyRootWithEntries.selector, 300));
        inputs = inputsOf(300, 2000);
        inputs.tasksRoot = 0;
        _expectOpenReverts(inputs, abi.encodeWithSelector(IRounds.EmptyRootWithEntries.selector, 2000));
        inputs = inputsOf(300, 2000);
        inputs.rosterCount = 0;
        _expectOpenReverts(inputs, abi.encodeWithSelector(IRounds.RootWithoutEntries.selector, inputs.rosterRoot));
        inputs = inputsOf(300, 2000);
        inputs.taskCount = 0;
        _expectOpenReverts(inputs, abi.encodeWithSelector(IRounds.RootWithoutEntries.selector, inputs.tasksRoot));
    }

    function test_open_refusesOtherCids() public {
        IRounds.Inputs memory inputs = inputsOf(300, 2000);
        inputs.rosterCid = hex"1220";
        _expectOpenReverts(inputs, abi.encodeWithSelector(IRounds.InvalidCid.selector, inputs.rosterCid));
        inputs = inputsOf(300, 2000);
        inputs.tasksCid[1] = 0x71;
        _expectOpenReverts(inputs, abi.encodeWithSelector(IRounds.InvalidCid.selector, inputs.tasksCid));
    }

    function test_open_takesEmptyLists() public {
        open(0, 0);
        (uint256 committees, uint256 tasks) = rounds.committeeCount(1);
        assertEq(committees, 0);
        assertEq(tasks, 0);
        reveal(1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoCommittees.selector, 1));
        rounds.committeeOf(1, 0);
    }

    /// @dev Later changes never touch an open round.
    function test_open_keepsItsOwnParameters() public {
        open(300, 2000);
        IRounds.Parameters memory changed = defaultParameters();
        changed.maxCommitteeSize = 50;
        changed.budget = 1;
        setParameters(changed);
        assertEq(abi.encode(rounds.getRound(1).parameters), abi.encode(defaultParameters()));
        (uint256 committees,) = rounds.committeeCount(1);
        assertEq(committees, 3);
        vm.warp(rounds.getRound(1).closesAt);
        open(300, 2000);
        assertEq(abi.encode(rounds.getRound(2).parameters), abi.encode(changed));
        (committees,) = rounds.committeeCount(2);
        assertEq(committees, 6);
    }

    function test_openAsBefore_letsAnyoneGoOn() public {
        open(300, 2000);
        uint64 opensForAnyoneAt = rounds.getRound(1).closesAt + 1200;
        vm.warp(opensForAnyoneAt - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.TooEarlyForAnyone.selector, opensForAnyoneAt, opensForAnyoneAt - 1)
        );
        vm.prank(STRANGER);
        rounds.openAsBefore();

        vm.warp(opensForAnyoneAt);
        vm.prank(STRANGER);
        assertEq(rounds.openAsBefore(), 2);
        IRounds.Round memory round = rounds.getRound(2);
        assertEq(abi.encode(round.inputs), abi.encode(inputsOf(300, 2000)));
        assertEq(round.openedAt, opensForAnyoneAt);
        assertGt(publishedAt(round.beaconRound), opensForAnyoneAt + 30);
    }

    function test_openAsBefore_needsARound() public {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoSuchRound.selector, 0, 0));
        rounds.openAsBefore();
    }

    function _expectOpenReverts(IRounds.Inputs memory inputs, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(COORDINATOR);
        rounds.open(inputs);
    }
}
