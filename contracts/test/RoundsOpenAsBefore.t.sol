// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRounds} from "../src/interfaces/IRounds.sol";
import {RoundsFixture} from "./RoundsFixture.sol";

/// @notice Rounds that anyone opens while the coordinator is late or suspended.
contract RoundsOpenAsBeforeTest is RoundsFixture {
    function test_openAsBefore_letsAnyoneGoOn() public {
        open(300, 2000);
        reveal(1);
        commit(1, "batch");
        uint64 opensForAnyoneAt = timesOf(1).closesAt + 1200;
        vm.warp(opensForAnyoneAt - 1);
        _expectTooEarly(opensForAnyoneAt);
        vm.warp(opensForAnyoneAt);
        assertEq(_openAsBefore(), 2);
        IRounds.Round memory round = rounds.getRound(2);
        assertEq(abi.encode(round.inputs), abi.encode(inputsOf(300, 2000)));
        assertEq(round.openedAt, opensForAnyoneAt);
        assertEq(round.seed, 0);
        assertGt(publishedAt(round.beaconRound), opensForAnyoneAt + 150);
        assertGt(publishedAt(round.dedupeBeaconRound), round.times.dedupeFrom);
    }

    function test_openAsBefore_needsARound() public {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoSuchRound.selector, 0, 0));
        rounds.openAsBefore();
    }

    /// @dev Lists that nobody could use get no batches, and are not used again.
    function test_openAsBefore_needsUsableLists() public {
        open(300, 2000);
        reveal(1);
        vm.warp(timesOf(1).closesAt + 1200);
        vm.expectRevert(IRounds.NoUsableLists.selector);
        _openAsBefore();
        // A list of seals does not show that tasks could be measured.
        vm.warp(timesOf(1).sealsUntil);
        sealAs(PUBLISHER, 1, "seals");
        vm.warp(timesOf(1).closesAt + 1200);
        vm.expectRevert(IRounds.NoUsableLists.selector);
        _openAsBefore();
        commit(1, "batch");
        assertEq(_openAsBefore(), 2);
    }

    function test_openAsBefore_takesTheListsOfTheNewestRoundWithABatch() public {
        open(300, 2000);
        reveal(1);
        vm.warp(timesOf(1).closesAt);
        open(400, 3000);
        reveal(2);
        commit(2, "of the second");
        assertEq(rounds.listsAsBefore(), 2);
        // A late batch of an older round changes nothing.
        commit(1, "of the first");
        assertEq(rounds.listsAsBefore(), 2);
        vm.warp(timesOf(2).closesAt);
        open(0, 0);
        vm.warp(timesOf(3).closesAt + 1200);
        assertEq(_openAsBefore(), 4);
        assertEq(abi.encode(rounds.getRound(4).inputs), abi.encode(inputsOf(400, 3000)));
    }

    /// @dev Each waits for the one before; its own batches count as others' do.
    function test_openAsBefore_goesOn() public {
        open(300, 2000);
        reveal(1);
        commit(1, "batch");
        for (uint64 round = 2; round < 6; ++round) {
            uint64 from = timesOf(round - 1).closesAt + 1200;
            _expectTooEarly(from);
            vm.warp(from);
            assertEq(_openAsBefore(), round);
            assertEq(rounds.listsAsBefore(), round - 1);
            reveal(round);
            commit(round, abi.encode(round));
            assertEq(rounds.listsAsBefore(), round);
        }
        // The coordinator is back.
        vm.warp(timesOf(5).closesAt);
        assertEq(open(300, 2000), 6);
    }

    /// @dev Parameters are those in force now, not those of the round whose lists are used.
    function test_openAsBefore_hasTheParametersInForce() public {
        open(300, 2000);
        reveal(1);
        commit(1, "batch");
        IRounds.Parameters memory changed = defaultParameters();
        changed.roundDuration = 600;
        setParameters(changed);
        _openAsBefore();
        assertEq(abi.encode(rounds.getRound(2).parameters), abi.encode(changed));
    }

    /* WITHOUT A COORDINATOR */

    function test_openAsBefore_atOnceIfTheCoordinatorIsSuspended() public {
        open(300, 2000);
        reveal(1);
        commit(1, "batch");
        _suspend(0);
        uint64 closesAt = timesOf(1).closesAt;
        vm.warp(closesAt - 1);
        _expectTooEarly(closesAt);
        vm.warp(closesAt);
        assertEq(_openAsBefore(), 2);
        assertEq(rounds.listsAsBefore(), 1);
    }

    function test_openAsBefore_takesTheListsThatTheGuardianChose() public {
        open(300, 2000);
        reveal(1);
        commit(1, "batch");
        vm.warp(timesOf(1).closesAt);
        open(400, 3000);
        reveal(2);
        commit(2, "batch");
        // The second has bad lists.
        _suspend(1);
        assertEq(rounds.listsAsBefore(), 1);
        for (uint64 round = 3; round < 6; ++round) {
            vm.warp(timesOf(round - 1).closesAt);
            assertEq(_openAsBefore(), round);
            assertEq(abi.encode(rounds.getRound(round).inputs), abi.encode(inputsOf(300, 2000)));
            reveal(round);
            commit(round, abi.encode(round));
            assertEq(rounds.listsAsBefore(), 1);
        }
        // Until a coordinator opens a round again.
        vm.prank(OWNER);
        rounds.setCoordinator(COORDINATOR);
        skip(WINDOW);
        open(500, 4000);
        assertEq(rounds.listsAsBefore(), 5);
    }

    /// @dev The guardian may name a round that has no batch yet.
    function test_openAsBefore_takesAChosenRoundWithoutABatch() public {
        open(300, 2000);
        _suspend(1);
        vm.warp(timesOf(1).closesAt);
        assertEq(_openAsBefore(), 2);
    }

    function _suspend(uint64 listsOf) private {
        vm.prank(GUARDIAN);
        rounds.suspendCoordinator(listsOf);
    }

    function _openAsBefore() private returns (uint64) {
        vm.prank(STRANGER);
        return rounds.openAsBefore();
    }

    function _expectTooEarly(uint64 from) private {
        vm.expectRevert(abi.encodeWithSelector(IRounds.TooEarlyForAnyone.selector, from, vm.getBlockTimestamp()));
        _openAsBefore();
    }
}
