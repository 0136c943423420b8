// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRounds} from "../src/interfaces/IRounds.sol";
import {RoundsFixture} from "./RoundsFixture.sol";

contract RoundsCommitTest is RoundsFixture {
    function test_commit_storesBatchesInOrder() public {
        open(300, 2000);
        reveal(1);
        vm.expectEmit(address(rounds));
        emit IRounds.Committed(1, 0, PUBLISHER, cidOf("first"), 1000);
        assertEq(commit(1, "first"), 0);
        vm.warp(block.timestamp + 7);
        bytes memory dagPb = abi.encodePacked(bytes4(0x01701220), keccak256("second"));
        vm.prank(PUBLISHER);
        assertEq(rounds.commit(1, dagPb, 100_000), 1);

        assertEq(rounds.commitmentCount(1), 2);
        IRounds.Commitment[] memory page = rounds.commitments(1, 0, 10);
        assertEq(page.length, 2);
        assertEq(page[0].cid, cidOf("first"));
        assertEq(page[0].count, 1000);
        assertEq(page[0].committedAt, START);
        assertEq(page[1].cid, dagPb);
        assertEq(page[1].count, 100_000);
        assertEq(page[1].committedAt, START + 7);
        assertEq(rounds.committedIn(dagPb), 1);
        assertEq(rounds.committedIn(cidOf("third")), 0);
    }

    function test_commit_refusesACidTwice() public {
        open(300, 2000);
        reveal(1);
        commit(1, "batch");
        vm.expectRevert(abi.encodeWithSelector(IRounds.AlreadyCommitted.selector, cidOf("batch"), 1));
        commit(1, "batch");

        // Not under another codec, which names the same bytes, and not in a later round.
        bytes memory otherCodec = abi.encodePacked(bytes4(0x01701220), keccak256("batch"));
        vm.expectRevert(abi.encodeWithSelector(IRounds.AlreadyCommitted.selector, otherCodec, 1));
        vm.prank(PUBLISHER);
        rounds.commit(1, otherCodec, 1000);
        vm.warp(rounds.getRound(1).closesAt);
        open(300, 2000);
        reveal(2);
        vm.expectRevert(abi.encodeWithSelector(IRounds.AlreadyCommitted.selector, cidOf("batch"), 1));
        commit(2, "batch");
    }

    /// @dev The grace period of a round overlaps the next one.
    function test_commit_staysOpenUntilTheGraceEnds() public {
        open(300, 2000);
        reveal(1);
        vm.warp(rounds.getRound(1).closesAt);
        open(300, 2000);
        uint64 commitsUntil = rounds.getRound(1).commitsUntil;
        vm.warp(commitsUntil);
        commit(1, "in the last second");
        vm.warp(commitsUntil + 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.CommitWindowOver.selector, 1, commitsUntil, commitsUntil + 1));
        commit(1, "late");
    }

    function test_commit_refusals() public {
        open(300, 2000);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotRevealed.selector, 1));
        commit(1, "before the seed");
        reveal(1);

        vm.expectRevert(abi.encodeWithSelector(IRounds.NotPublisher.selector, STRANGER));
        vm.prank(STRANGER);
        rounds.commit(1, cidOf("batch"), 1);

        vm.startPrank(PUBLISHER);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoSuchRound.selector, 2, 1));
        rounds.commit(2, cidOf("batch"), 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.BatchCount.selector, 0, 100_000));
        rounds.commit(1, cidOf("batch"), 0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.BatchCount.selector, 100_001, 100_000));
        rounds.commit(1, cidOf("batch"), 100_001);
        vm.expectRevert(abi.encodeWithSelector(IRounds.InvalidCid.selector, bytes("batch")));
        rounds.commit(1, "batch", 1);
    }

    function testFuzz_commitments_pageThroughAll(uint8 total, uint32 start, uint32 limit) public {
        total = uint8(bound(total, 0, 20));
        open(300, 2000);
        reveal(1);
        for (uint256 i = 0; i < total; ++i) {
            commit(1, abi.encode(i));
        }
        start = uint32(bound(start, 0, 25));
        IRounds.Commitment[] memory page = rounds.commitments(1, start, limit);
        uint256 rest = start < total ? total - start : 0;
        assertEq(page.length, limit < rest ? limit : rest);
        for (uint256 i = 0; i < page.length; ++i) {
            assertEq(page[i].cid, cidOf(abi.encode(start + i)));
        }
    }

    function test_budgetOf_countsRevealedRounds() public {
        playRound();
        open(300, 2000);
        vm.warp(rounds.getRound(2).commitsUntil + 1);
        playRound();
        assertEq(rounds.budgetOf(1, 1), 456_621_004_566_210_045);
        assertEq(rounds.budgetOf(2, 2), 0);
        assertEq(rounds.budgetOf(1, 3), 2 * 456_621_004_566_210_045);
    }

    function test_budgetOf_waitsForEveryWindow() public {
        IRounds.Parameters memory parameters = defaultParameters();
        parameters.commitGrace = 1 days;
        setParameters(parameters);
        open(300, 2000);
        vm.warp(rounds.getRound(1).closesAt);
        parameters.commitGrace = 60;
        setParameters(parameters);
        open(300, 2000);
        uint64 commitsUntil = rounds.getRound(2).commitsUntil;
        vm.warp(commitsUntil);
        vm.expectRevert(abi.encodeWithSelector(IRounds.CommitWindowOpen.selector, 2, commitsUntil, commitsUntil));
        rounds.budgetOf(2, 2);
        vm.warp(commitsUntil + 1);
        rounds.budgetOf(2, 2);
        // The older round has the longer grace period.
        vm.expectRevert(
            abi.encodeWithSelector(
                IRounds.CommitWindowOpen.selector, 1, rounds.getRound(1).commitsUntil, commitsUntil + 1
            )
        );
        rounds.budgetOf(1, 2);
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
}
