// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRounds} from "../src/interfaces/IRounds.sol";
import {RoundsFixture} from "./RoundsFixture.sol";

contract RoundsCommitTest is RoundsFixture {
    IRounds.FileKind private constant SEALS = IRounds.FileKind.Seals;
    IRounds.FileKind private constant LINES = IRounds.FileKind.Lines;

    address private immutable SECOND = makeAddr("second publisher");

    function test_commit_storesBatchesInOrder() public {
        open(300, 2000);
        reveal(1);
        vm.expectEmit(address(rounds));
        emit IRounds.Committed(1, LINES, 0, PUBLISHER, cidOf("first"), linesOf("first"), 1000);
        assertEq(commit(1, "first"), 0);
        vm.warp(block.timestamp + 7);
        bytes memory dagPb = abi.encodePacked(bytes4(0x01701220), keccak256("second"));
        vm.prank(PUBLISHER);
        assertEq(rounds.commit(1, dagPb, linesOf("second"), 100_000), 1);

        assertEq(rounds.commitmentCount(1, LINES), 2);
        assertEq(rounds.commitmentCount(1, SEALS), 0);
        IRounds.Commitment[] memory page = rounds.commitments(1, LINES, 0, 10);
        assertEq(page.length, 2);
        assertEq(page[0].publisher, PUBLISHER);
        assertEq(page[0].root, linesOf("first"));
        assertEq(page[0].cid, cidOf("first"));
        assertEq(page[0].count, 1000);
        assertEq(page[0].committedAt, START);
        assertEq(page[1].cid, dagPb);
        assertEq(page[1].count, 100_000);
        assertEq(page[1].committedAt, START + 7);
        assertTrue(rounds.isCommitted(PUBLISHER, 1, LINES, linesOf("first")));
        assertFalse(rounds.isCommitted(PUBLISHER, 1, LINES, linesOf("third")));
    }

    /// @dev From the opening on, and without the seed.
    function test_seal_storesListsInOrder() public {
        open(300, 2000);
        vm.expectEmit(address(rounds));
        emit IRounds.Committed(1, SEALS, 0, PUBLISHER, cidOf("seals"), linesOf("seals"), 1000);
        assertEq(sealAs(PUBLISHER, 1, "seals"), 0);
        assertEq(sealAs(PUBLISHER, 1, "more seals"), 1);
        IRounds.Commitment[] memory page = rounds.commitments(1, SEALS, 0, 10);
        assertEq(page.length, 2);
        assertEq(page[1].root, linesOf("more seals"));
        assertEq(rounds.commitmentCount(1, LINES), 0);
        assertFalse(rounds.isCommitted(PUBLISHER, 1, LINES, linesOf("seals")));
    }

    /* ONCE FOR EACH PUBLISHER, ROUND, KIND AND ROOT */

    function test_commit_refusesARootTwice() public {
        open(300, 2000);
        reveal(1);
        commit(1, "batch");
        bytes memory reason = abi.encodeWithSelector(IRounds.AlreadyCommitted.selector, 1, LINES, linesOf("batch"));
        vm.expectRevert(reason);
        commit(1, "batch");
        // Wherever it is said to be.
        vm.expectRevert(reason);
        vm.prank(PUBLISHER);
        rounds.commit(1, cidOf("elsewhere"), linesOf("batch"), 999);
        sealAs(PUBLISHER, 1, "batch");
        vm.expectRevert(abi.encodeWithSelector(IRounds.AlreadyCommitted.selector, 1, SEALS, linesOf("batch")));
        sealAs(PUBLISHER, 1, "batch");
    }

    /// @dev The same root of another publisher, of another round or kind is another file.
    function test_commit_takesARootOfEach() public {
        admit(SECOND);
        open(300, 2000);
        reveal(1);
        assertEq(commitAs(SECOND, 1, "batch"), 0);
        assertFalse(rounds.isCommitted(PUBLISHER, 1, LINES, linesOf("batch")));
        assertEq(commit(1, "batch"), 1);
        assertEq(sealAs(PUBLISHER, 1, "batch"), 0);
        vm.warp(timesOf(1).closesAt);
        open(300, 2000);
        reveal(2);
        assertEq(commit(2, "batch"), 0);
        IRounds.Commitment[] memory page = rounds.commitments(1, LINES, 0, 10);
        assertEq(page[0].publisher, SECOND);
        assertEq(page[1].publisher, PUBLISHER);
    }

    /// @dev One CID for two roots: the root is what counts.
    function test_commit_takesACidTwice() public {
        open(300, 2000);
        reveal(1);
        vm.startPrank(PUBLISHER);
        rounds.commit(1, cidOf("batch"), linesOf("one"), 1);
        rounds.commit(1, cidOf("batch"), linesOf("another"), 1);
    }

    /* HOW MANY */

    function test_commit_limitsBatches() public {
        // 300 stations measure 100 tasks each: 30 000 measurements fit one batch.
        _limit(300, 2000, LINES, 6);
        _limit(300, 2000, SEALS, 6);
        // 2500 · 100 = 250 000 measurements; 2500 seals.
        _limit(2500, 5000, LINES, 10);
        _limit(2500, 5000, SEALS, 6);
        // 1000 · 100 measurements are exactly one batch, 1001 · 100 one more.
        _limit(1000, 5000, LINES, 6);
        _limit(1001, 5000, LINES, 8);
        _limit(100_000, 5000, SEALS, 6);
        _limit(100_001, 5000, SEALS, 8);
        // Nobody measures: nobody has anything to commit.
        _limit(0, 0, SEALS, 4);
        _limit(0, 0, LINES, 4);
    }

    function test_commit_limitsEachPublisher() public {
        admit(SECOND);
        open(300, 2000);
        reveal(1);
        for (uint256 i = 0; i < 6; ++i) {
            commit(1, abi.encode(i));
        }
        for (uint256 i = 0; i < 6; ++i) {
            assertEq(commitAs(SECOND, 1, abi.encode(i)), 6 + i);
        }
        vm.expectRevert(abi.encodeWithSelector(IRounds.TooManyFiles.selector, 1, LINES, 6));
        commitAs(SECOND, 1, "one more");
    }

    /* WINDOWS */

    function test_seal_untilTheLastSecond() public {
        open(300, 2000);
        uint64 until = timesOf(1).sealsUntil;
        assertEq(until, START + 1200 + 180);
        vm.warp(until);
        sealAs(PUBLISHER, 1, "in the last second");
        vm.warp(until + 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.WindowOver.selector, 1, until, until + 1));
        sealAs(PUBLISHER, 1, "late");
    }

    /// @dev It overlaps the next round.
    function test_commit_untilTheLastSecond() public {
        open(300, 2000);
        reveal(1);
        vm.warp(timesOf(1).closesAt);
        open(300, 2000);
        uint64 until = timesOf(1).publishUntil;
        assertEq(until, START + 1200 + 1260);
        vm.warp(until);
        commit(1, "in the last second");
        vm.warp(until + 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.WindowOver.selector, 1, until, until + 1));
        commit(1, "late");
    }

    /* FORM */

    function test_commit_refusals() public {
        open(300, 2000);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotRevealed.selector, 1));
        commit(1, "before the seed");
        reveal(1);

        vm.expectRevert(abi.encodeWithSelector(IRounds.NotPublisher.selector, STRANGER, 1));
        commitAs(STRANGER, 1, "batch");
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotPublisher.selector, COORDINATOR, 1));
        sealAs(COORDINATOR, 1, "seals");

        bytes32 root = linesOf("batch");
        vm.startPrank(PUBLISHER);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoSuchRound.selector, 2, 1));
        rounds.commit(2, cidOf("batch"), root, 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoSuchRound.selector, 0, 1));
        rounds.seal(0, cidOf("batch"), root, 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.BatchCount.selector, 0, 100_000));
        rounds.commit(1, cidOf("batch"), root, 0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.BatchCount.selector, 100_001, 100_000));
        rounds.commit(1, cidOf("batch"), root, 100_001);
        vm.expectRevert(abi.encodeWithSelector(IRounds.BatchCount.selector, 100_001, 100_000));
        rounds.seal(1, cidOf("batch"), root, 100_001);
        vm.expectRevert(abi.encodeWithSelector(IRounds.InvalidCid.selector, bytes("batch")));
        rounds.commit(1, "batch", root, 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.EmptyRootWithEntries.selector, 1));
        rounds.commit(1, cidOf("batch"), 0, 1);
        // Nothing refused occupies anything.
        rounds.commit(1, cidOf("batch"), root, 100_000);
    }

    function testFuzz_commitments_pageThroughAll(uint8 total, uint32 start, uint32 limit) public {
        total = uint8(bound(total, 0, 10));
        // 250 000 measurements: up to ten batches.
        open(2500, 5000);
        reveal(1);
        for (uint256 i = 0; i < total; ++i) {
            commit(1, abi.encode(i));
        }
        start = uint32(bound(start, 0, 15));
        IRounds.Commitment[] memory page = rounds.commitments(1, LINES, start, limit);
        uint256 rest = start < total ? total - start : 0;
        assertEq(page.length, limit < rest ? limit : rest);
        for (uint256 i = 0; i < page.length; ++i) {
            assertEq(page[i].root, linesOf(abi.encode(start + i)));
        }
    }

    /// @dev Commits the most files of a kind, and one more.
    function _limit(uint32 stations, uint32 tasks, IRounds.FileKind kind, uint256 most) private {
        uint64 round = rounds.latestRound();
        if (round > 0) vm.warp(timesOf(round).closesAt);
        round = open(stations, tasks);
        reveal(round);
        for (uint256 i = 0; i < most; ++i) {
            bytes memory content = abi.encode(i);
            assertEq(kind == LINES ? commit(round, content) : sealAs(PUBLISHER, round, content), i);
        }
        vm.expectRevert(abi.encodeWithSelector(IRounds.TooManyFiles.selector, round, kind, most));
        if (kind == LINES) commit(round, "one more");
        else sealAs(PUBLISHER, round, "one more");
    }
}
