// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRounds} from "../src/interfaces/IRounds.sol";
import {RoundsFixture} from "./RoundsFixture.sol";

/// @notice What settlements and objections ask `Rounds`.
contract RoundsBudgetTest is RoundsFixture {
    function test_budgetOf_countsRevealedRounds() public {
        playRound();
        open(300, 2000);
        passRound(2);
        playRound();
        assertEq(rounds.budgetOf(1, 1), BUDGET);
        assertEq(rounds.budgetOf(2, 2), 0);
        assertEq(rounds.budgetOf(1, 3), 2 * BUDGET);
    }

    function test_budgetOf_waitsForEveryRound() public {
        IRounds.Parameters memory parameters = defaultParameters();
        parameters.step = 1 hours;
        setParameters(parameters);
        uint64 slow = open(300, 2000);
        parameters.step = 1;
        announceParameters(parameters);
        skip(WINDOW);
        uint64 fast = open(300, 2000);
        // The older round has the longer steps.
        assertGt(timesOf(slow).dedupeFrom, timesOf(fast).dedupeFrom);
        uint64 over = timesOf(fast).dedupeFrom;
        vm.warp(over);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotOver.selector, fast, over, over));
        rounds.budgetOf(fast, fast);
        vm.warp(over + 1);
        rounds.budgetOf(fast, fast);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotOver.selector, slow, timesOf(slow).dedupeFrom, over + 1));
        rounds.budgetOf(slow, fast);
    }

    function test_budgetOf_refusesRanges() public {
        playRound();
        vm.expectRevert(abi.encodeWithSelector(IRounds.BadRange.selector, 0, 1));
        rounds.budgetOf(0, 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.BadRange.selector, 2, 1));
        rounds.budgetOf(2, 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoSuchRound.selector, 2, 1));
        rounds.budgetOf(1, 2);
    }

    function test_objectionsFrom_ofEachKind() public {
        open(300, 2000);
        reveal(1);
        sealAs(PUBLISHER, 1, "seals");
        commit(1, "one");
        commit(1, "two");
        IRounds.Times memory times = timesOf(1);
        assertEq(rounds.objectionsFrom(1, IRounds.FileKind.Roster, 0), times.objectionsFrom);
        assertEq(rounds.objectionsFrom(1, IRounds.FileKind.Tasks, 0), times.objectionsFrom);
        assertEq(rounds.objectionsFrom(1, IRounds.FileKind.Seals, 0), times.showFrom);
        assertEq(rounds.objectionsFrom(1, IRounds.FileKind.Lines, 1), times.objectionsFrom);
        _expectNoFile(1, IRounds.FileKind.Roster, 1);
        _expectNoFile(1, IRounds.FileKind.Tasks, 1);
        _expectNoFile(1, IRounds.FileKind.Seals, 1);
        _expectNoFile(1, IRounds.FileKind.Lines, 2);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoSuchRound.selector, 2, 1));
        rounds.objectionsFrom(2, IRounds.FileKind.Roster, 0);
    }

    function _expectNoFile(uint64 round, IRounds.FileKind kind, uint32 index) private {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoSuchFile.selector, round, kind, index));
        rounds.objectionsFrom(round, kind, index);
    }
}
