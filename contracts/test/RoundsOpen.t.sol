// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRounds} from "../src/interfaces/IRounds.sol";
import {RoundsFixture} from "./RoundsFixture.sol";

contract RoundsOpenTest is RoundsFixture {
    function test_open_freezesEverything() public {
        IRounds.Inputs memory inputs = inputsOf(300, 2000);
        uint64 closesAt = uint64(START) + 1200;
        IRounds.Times memory times = IRounds.Times({
            closesAt: closesAt,
            sealsUntil: closesAt + 180,
            ownSealsUntil: closesAt + 360,
            showFrom: closesAt + 660,
            publishUntil: closesAt + 1260,
            commitsUntil: closesAt + 1620,
            dedupeFrom: closesAt + 1920,
            objectionsFrom: closesAt + 8820
        });
        vm.expectEmit(address(rounds));
        emit IRounds.RoundOpened(1, 20_000_051, 20_001_041, uint64(START), times, inputs, defaultParameters());
        assertEq(open(300, 2000), 1);

        IRounds.Round memory round = rounds.getRound(1);
        assertEq(abi.encode(round.inputs), abi.encode(inputs));
        assertEq(abi.encode(round.parameters), abi.encode(defaultParameters()));
        assertEq(round.openedAt, START);
        assertEq(abi.encode(round.times), abi.encode(times));
        assertEq(round.beaconRound, 20_000_051);
        assertEq(round.dedupeBeaconRound, 20_001_041);
        assertEq(round.seed, 0);
        assertEq(rounds.latestRound(), 1);
    }

    /// @dev The beacons are published after the moments at which they must be unknown.
    function testFuzz_open_choosesUnpublishedBeacons(uint40 timestamp, uint32 duration, uint32 delay, uint32 step)
        public
    {
        vm.warp(bound(timestamp, QUICKNET_GENESIS, type(uint40).max - 40 days));
        IRounds.Parameters memory parameters = defaultParameters();
        parameters.roundDuration = uint32(bound(duration, 1 hours + 1, 7 days));
        parameters.beaconDelay = uint32(bound(delay, 15, 1 hours));
        parameters.step = uint32(bound(step, 1, 1 hours));
        setParameters(parameters);
        IRounds.Round memory round = rounds.getRound(open(300, 2000));
        assertGt(publishedAt(round.beaconRound), vm.getBlockTimestamp() + parameters.beaconDelay);
        assertGt(publishedAt(round.dedupeBeaconRound), round.times.dedupeFrom);
        assertGt(round.times.dedupeFrom, round.times.commitsUntil);
    }

    function test_open_refusesStrangers() public {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotCoordinator.selector, STRANGER, COORDINATOR));
        vm.prank(STRANGER);
        rounds.open(inputsOf(300, 2000));
    }

    function test_open_waitsForThePreviousRound() public {
        open(300, 2000);
        uint64 closesAt = timesOf(1).closesAt;
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

    function _expectOpenReverts(IRounds.Inputs memory inputs, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(COORDINATOR);
        rounds.open(inputs);
    }
}
