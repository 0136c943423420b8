// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../src/interfaces/IRewards.sol";
import {IRoles} from "../src/interfaces/IRoles.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {RewardsFixture} from "./RewardsFixture.sol";

/// @notice Files that evaluators could not get: dropped when enough of them say so, and never before.
contract RewardsObjectionsTest is RewardsFixture {
    IRounds.FileKind private constant ROSTER = IRounds.FileKind.Roster;
    IRounds.FileKind private constant TASKS = IRounds.FileKind.Tasks;
    IRounds.FileKind private constant SEALS = IRounds.FileKind.Seals;
    IRounds.FileKind private constant LINES = IRounds.FileKind.Lines;

    address private operator = makeAddr("operator");

    /// @dev Round 2 has a list of seals and two batches, and is old enough for objections.
    function setUp() public override {
        super.setUp();
        open(300, 2000);
        reveal(2);
        sealAs(PUBLISHER, 2, "seals");
        commit(2, "one");
        commit(2, "two");
        vm.warp(timesOf(2).objectionsFrom);
    }

    function test_unreadable_dropsWhatEnoughObjectTo() public {
        IRewards.File memory file = _file(2, LINES, 1);
        vm.expectEmit(address(rewards));
        emit IRewards.Objected(evaluators[0], 2, LINES, 1);
        _object(0, file);
        assertFalse(rewards.isDropped(file));
        (uint64 version, uint32 objectors) = rewards.objectionsTo(file);
        assertEq(version, 1);
        assertEq(objectors, 1);

        vm.expectEmit(address(rewards));
        emit IRewards.Objected(evaluators[2], 2, LINES, 1);
        vm.expectEmit(address(rewards));
        emit IRewards.Dropped(1, 2, LINES, 1);
        _object(2, file);
        assertTrue(rewards.isDropped(file));
        (, objectors) = rewards.objectionsTo(file);
        assertEq(objectors, 5);
        assertEq(rewards.dropCount(), 1);
        assertEq(abi.encode(rewards.drops(0, 10)[0]), abi.encode(file));
        // Nothing else is.
        assertFalse(rewards.isDropped(_file(2, LINES, 0)));
        assertFalse(rewards.isDropped(_file(2, SEALS, 0)));
    }

    function test_unreadable_ofEveryKind() public {
        IRewards.File[] memory files = new IRewards.File[](5);
        (files[0], files[1]) = (_file(2, ROSTER, 0), _file(2, TASKS, 0));
        (files[2], files[3], files[4]) = (_file(2, SEALS, 0), _file(2, LINES, 0), _file(2, LINES, 1));
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(evaluators[i]);
            rewards.unreadable(files);
        }
        assertEq(rewards.dropCount(), 5);
        assertEq(abi.encode(rewards.drops(0, 5)), abi.encode(files));
    }

    function test_unreadable_isForEvaluators() public {
        IRewards.File[] memory files = _list(_file(2, LINES, 0));
        address[4] memory others = [OWNER, GUARDIAN, PUBLISHER, STRANGER];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IRoles.NotEvaluator.selector, others[i]));
            vm.prank(others[i]);
            rewards.unreadable(files);
        }
    }

    function test_unreadable_countsEachEvaluatorOnce() public {
        IRewards.File memory file = _file(2, LINES, 0);
        _object(1, file);
        _expectRefused(1, file, abi.encodeWithSelector(IRewards.NothingChanged.selector));
        IRewards.File[] memory twice = new IRewards.File[](2);
        (twice[0], twice[1]) = (_file(2, LINES, 1), _file(2, LINES, 1));
        vm.expectRevert(IRewards.NothingChanged.selector);
        vm.prank(evaluators[0]);
        rewards.unreadable(twice);
        assertEq(rewards.dropCount(), 0);
        _object(0, file);
        // What is dropped is dropped.
        _expectRefused(2, file, abi.encodeWithSelector(IRewards.NothingChanged.selector));
        assertEq(rewards.dropCount(), 1);
    }

    function test_unreadable_refusesWhatDoesNotExist() public {
        _expectRefused(0, _file(3, ROSTER, 0), abi.encodeWithSelector(IRounds.NoSuchRound.selector, 3, 2));
        _expectRefused(0, _file(2, ROSTER, 1), abi.encodeWithSelector(IRounds.NoSuchFile.selector, 2, ROSTER, 1));
        _expectRefused(0, _file(2, TASKS, 1), abi.encodeWithSelector(IRounds.NoSuchFile.selector, 2, TASKS, 1));
        _expectRefused(0, _file(2, SEALS, 1), abi.encodeWithSelector(IRounds.NoSuchFile.selector, 2, SEALS, 1));
        _expectRefused(0, _file(2, LINES, 2), abi.encodeWithSelector(IRounds.NoSuchFile.selector, 2, LINES, 2));
        _expectRefused(0, _file(0, ROSTER, 0), abi.encodeWithSelector(IRewards.AlreadySettled.selector, 0, 0));
    }

    /* WHEN */

    function test_unreadable_notTooEarly() public {
        uint64 from = timesOf(2).objectionsFrom;
        vm.warp(from - 1);
        IRounds.FileKind[3] memory kinds = [ROSTER, TASKS, LINES];
        for (uint256 i = 0; i < kinds.length; ++i) {
            _expectRefused(
                0, _file(2, kinds[i], 0), abi.encodeWithSelector(IRewards.TooEarlyToObject.selector, from, from - 1)
            );
        }
        uint64 showFrom = timesOf(2).showFrom;
        assertLt(showFrom, from);
        vm.warp(showFrom - 1);
        _expectRefused(
            0, _file(2, SEALS, 0), abi.encodeWithSelector(IRewards.TooEarlyToObject.selector, showFrom, showFrom - 1)
        );
        vm.warp(showFrom);
        _object(0, _file(2, SEALS, 0));
    }

    function test_unreadable_notOnceItIsSettled() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        proposal.lastRound = 1;
        post(proposal);
        _expectRefused(0, _file(1, ROSTER, 0), abi.encodeWithSelector(IRewards.AlreadySettled.selector, 1, 1));
        // The next round is not.
        _object(0, _file(2, LINES, 0));
        post(single(operator, 2));
        _expectRefused(1, _file(2, LINES, 0), abi.encodeWithSelector(IRewards.AlreadySettled.selector, 2, 2));
        // A veto lets them be evaluated again, and objected to.
        veto(2);
        _object(1, _file(2, LINES, 0));
        assertEq(rewards.dropCount(), 1);
        veto(1);
        _object(1, _file(1, ROSTER, 0));
    }

    /* SETTLEMENTS */

    function test_post_needsToKnowWhatWasDropped() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        assertEq(proposal.drops, 0);
        bytes[] memory signatures = signaturesOf(proposal);
        _drop(_file(2, LINES, 0));
        vm.expectRevert(abi.encodeWithSelector(IRewards.StaleDrops.selector, 1, 0));
        rewards.post(proposal, signatures);
        // Nor can it foresee what will be dropped.
        proposal.drops = 2;
        expectRefused(proposal, abi.encodeWithSelector(IRewards.StaleDrops.selector, 1, 2));
        proposal.drops = 1;
        vm.expectEmit(true, true, true, false, address(rewards));
        emit IRewards.SettlementPosted(1, 0, 1, 2, proposal.root, 1, 1, 1, proposal.cid, 0);
        post(proposal);
        assertEq(rewards.getSettlement(1).proposal.drops, 1);
    }

    /// @dev Drops stay in force, whatever becomes of settlements that were made with them.
    function test_drops_outliveVetoes() public {
        _drop(_file(2, LINES, 0));
        post(single(operator, 1));
        veto(1);
        assertEq(rewards.dropCount(), 1);
        assertTrue(rewards.isDropped(_file(2, LINES, 0)));
        post(single(operator, 1));
    }

    /* CHANGES OF THE SET */

    function test_unreadable_forgetsObjectionsOfOtherSets() public {
        IRewards.File memory file = _file(2, LINES, 0);
        _object(0, file);
        address[] memory others = newEvaluators("other", 2);
        address[] memory mixed = new address[](2);
        (mixed[0], mixed[1]) = (evaluators[1], others[0]);
        if (mixed[0] > mixed[1]) (mixed[0], mixed[1]) = (mixed[1], mixed[0]);
        _changeSet(mixed, 2);
        // In the second set there is one objection now, not two.
        vm.prank(evaluators[1]);
        rewards.unreadable(_list(file));
        (uint64 version, uint32 objectors) = rewards.objectionsTo(file);
        assertEq(version, 2);
        assertEq(objectors, mixed[0] == evaluators[1] ? 1 : 2);
        assertFalse(rewards.isDropped(file));
        vm.expectRevert(abi.encodeWithSelector(IRoles.NotEvaluator.selector, evaluators[0]));
        vm.prank(evaluators[0]);
        rewards.unreadable(_list(file));
        vm.prank(others[0]);
        rewards.unreadable(_list(file));
        assertTrue(rewards.isDropped(file));
    }

    /// @dev A lower threshold alone drops nothing: somebody of the new set must object.
    function test_unreadable_withALowerThreshold() public {
        IRewards.File memory file = _file(2, LINES, 0);
        _object(0, file);
        _changeSet(evaluators, 1);
        assertFalse(rewards.isDropped(file));
        _object(0, file);
        assertTrue(rewards.isDropped(file));
        (uint64 version, uint32 objectors) = rewards.objectionsTo(file);
        assertEq(version, 2);
        assertEq(objectors, 1);
    }

    /// @dev Every seat of the largest set counts.
    function test_unreadable_ofTheLargestSet() public {
        address[] memory many = newEvaluators("many", 32);
        _changeSet(many, 32);
        IRewards.File memory file = _file(2, LINES, 0);
        for (uint256 i = 0; i < 32; ++i) {
            assertFalse(rewards.isDropped(file));
            vm.prank(many[i]);
            rewards.unreadable(_list(file));
        }
        assertTrue(rewards.isDropped(file));
        (, uint32 objectors) = rewards.objectionsTo(file);
        assertEq(objectors, type(uint32).max);
    }

    function testFuzz_drops_pageThroughAll(uint32 total, uint32 start, uint32 limit) public {
        IRewards.File[4] memory files =
            [_file(2, LINES, 1), _file(2, ROSTER, 0), _file(1, TASKS, 0), _file(2, SEALS, 0)];
        total = uint32(bound(total, 0, 4));
        start = uint32(bound(start, 0, 6));
        for (uint256 i = 0; i < total; ++i) {
            _drop(files[i]);
        }
        IRewards.File[] memory page = rewards.drops(start, limit);
        uint256 rest = start < total ? total - start : 0;
        assertEq(page.length, limit < rest ? limit : rest);
        for (uint256 i = 0; i < page.length; ++i) {
            assertEq(abi.encode(page[i]), abi.encode(files[start + i]));
        }
    }

    /* HELPERS */

    function _file(uint64 round, IRounds.FileKind kind, uint32 index) private pure returns (IRewards.File memory) {
        return IRewards.File({round: round, kind: kind, index: index});
    }

    function _list(IRewards.File memory file) private pure returns (IRewards.File[] memory list) {
        list = new IRewards.File[](1);
        list[0] = file;
    }

    function _object(uint256 evaluator, IRewards.File memory file) private {
        vm.prank(evaluators[evaluator]);
        rewards.unreadable(_list(file));
    }

    function _drop(IRewards.File memory file) private {
        _object(0, file);
        _object(1, file);
    }

    function _changeSet(address[] memory set, uint256 threshold) private {
        vm.prank(OWNER);
        roles.setEvaluators(set, threshold);
        skip(WINDOW);
    }

    function _expectRefused(uint256 evaluator, IRewards.File memory file, bytes memory reason) private {
        vm.expectRevert(reason);
        _object(evaluator, file);
    }
}
