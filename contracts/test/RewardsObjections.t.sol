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

    function test_unreadable_announcesWhatEnoughObjectTo() public {
        IRewards.File memory file = _file(2, LINES, 1);
        vm.expectEmit(address(rewards));
        emit IRewards.Objected(evaluators[0], 2, LINES, 1);
        _object(0, file);
        assertFalse(isDropped(file));
        IRewards.Objection memory said = rewards.objectionsTo(file);
        assertEq(said.evaluatorSet, 1);
        assertEq(said.objectors, 1);
        assertEq(said.dropsFrom, 0);
        assertEq(rewards.objections(0, 10).length, 0);
        _expectNotObjectedTo(file);

        uint64 from = uint64(block.timestamp) + WINDOW / 4;
        vm.expectEmit(address(rewards));
        emit IRewards.Objected(evaluators[2], 2, LINES, 1);
        vm.expectEmit(address(rewards));
        emit IRewards.DropAnnounced(2, LINES, 1, from);
        _object(2, file);
        said = rewards.objectionsTo(file);
        assertEq(said.objectors, 5);
        assertEq(said.dropsFrom, from);
        assertEq(abi.encode(rewards.objections(0, 10)[0]), abi.encode(file));
        // More may follow, and put nothing off.
        skip(1);
        _object(1, file);
        assertEq(rewards.objectionsTo(file).objectors, 7);
        assertEq(rewards.objectionsTo(file).dropsFrom, from);
        assertEq(rewards.objections(0, 10).length, 1);

        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(IRewards.TooEarlyToDrop.selector, from, from - 1));
        rewards.drop(_list(file));
        assertFalse(isDropped(file));
        vm.warp(from);
        vm.expectEmit(address(rewards));
        emit IRewards.Dropped(1, 2, LINES, 1);
        vm.prank(STRANGER);
        rewards.drop(_list(file));
        assertTrue(isDropped(file));
        assertEq(rewards.dropCount(), 1);
        // Whoever comes second does no harm.
        rewards.drop(_list(file));
        assertEq(rewards.dropCount(), 1);
        assertEq(abi.encode(rewards.drops(0, 10)[0]), abi.encode(file));
        // Nothing else is.
        assertFalse(isDropped(_file(2, LINES, 0)));
        assertFalse(isDropped(_file(2, SEALS, 0)));
    }

    function test_unreadable_ofEveryKind() public {
        IRewards.File[] memory files = new IRewards.File[](5);
        (files[0], files[1]) = (_file(2, ROSTER, 0), _file(2, TASKS, 0));
        (files[2], files[3], files[4]) = (_file(2, SEALS, 0), _file(2, LINES, 0), _file(2, LINES, 1));
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(evaluators[i]);
            rewards.unreadable(files);
        }
        skip(WINDOW / 4);
        rewards.drop(files);
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
        dropDue(file);
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
        _expectRefused(1, _file(1, ROSTER, 0), abi.encodeWithSelector(IRewards.AlreadySettled.selector, 1, 2));
        // A veto lets them be evaluated again, and objected to.
        veto(2);
        _object(1, _file(2, LINES, 0));
        assertGt(rewards.objectionsTo(_file(2, LINES, 0)).dropsFrom, 0);
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
        assertTrue(isDropped(_file(2, LINES, 0)));
        post(single(operator, 1));
    }

    /* KEEPING */

    /// @dev All evaluators together cannot drop what the guardian can read.
    function test_keep_undoesObjections() public {
        IRewards.File memory file = _file(2, ROSTER, 0);
        _announce(file);
        vm.expectEmit(address(rewards));
        uint64 until = uint64(block.timestamp) + WINDOW;
        emit IRewards.Kept(GUARDIAN, 2, ROSTER, 0, until);
        _keep(GUARDIAN, file);
        IRewards.Objection memory said = rewards.objectionsTo(file);
        assertEq(said.objectors, 0);
        assertEq(said.dropsFrom, 0);
        assertEq(said.keeper, GUARDIAN);
        assertEq(said.keptUntil, until);
        skip(WINDOW - 1);
        _expectNotObjectedTo(file);
        for (uint256 i = 0; i < evaluators.length; ++i) {
            _expectRefused(i, file, abi.encodeWithSelector(IRewards.IsKept.selector, GUARDIAN, until));
        }
        vm.expectRevert(IRewards.NothingChanged.selector);
        _keep(GUARDIAN, file);
    }

    /// @dev A publisher that shows a file to the guardian alone gains one window: then evaluators object again, and the guardian, if
    /// it still has the file, keeps it again.
    function test_keep_lastsOneWindow() public {
        IRewards.File memory file = _file(2, LINES, 0);
        _announce(file);
        _keep(GUARDIAN, file);
        skip(WINDOW);
        _announce(file);
        uint256 before = vm.snapshotState();
        _keep(GUARDIAN, file);
        assertEq(rewards.objectionsTo(file).keptUntil, block.timestamp + WINDOW);
        vm.revertToState(before);
        dropDue(file);
        assertTrue(isDropped(file));
    }

    function test_keep_beforeAnybodyObjects() public {
        _keep(GUARDIAN, _file(2, LINES, 0));
        bytes memory kept = abi.encodeWithSelector(IRewards.IsKept.selector, GUARDIAN, block.timestamp + WINDOW);
        _expectRefused(0, _file(2, LINES, 0), kept);
        _announce(_file(2, LINES, 1));
    }

    function test_keep_notWhatIsDropped() public {
        _drop(_file(2, LINES, 0));
        vm.expectRevert(IRewards.NothingChanged.selector);
        _keep(GUARDIAN, _file(2, LINES, 0));
    }

    function test_keep_isForTheGuardian() public {
        address[4] memory others = [OWNER, evaluators[0], PUBLISHER, STRANGER];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IRoles.NotGuardian.selector, others[i], GUARDIAN));
            vm.prank(others[i]);
            rewards.keep(_file(2, LINES, 0));
        }
    }

    /// @dev A guardian that keeps what nobody can read halts settlement only for as long as it is the guardian.
    function test_keep_endsWithTheGuardian() public {
        IRewards.File memory file = _file(2, LINES, 0);
        _announce(file);
        _keep(GUARDIAN, file);
        vm.prank(OWNER);
        roles.setGuardian(STRANGER);
        skip(WINDOW);
        _expectNotObjectedTo(file);
        _announce(file);
        // The next guardian may keep it too.
        uint256 before = vm.snapshotState();
        _keep(STRANGER, file);
        assertEq(rewards.objectionsTo(file).keeper, STRANGER);
        vm.revertToState(before);
        dropDue(file);
        assertTrue(isDropped(file));
    }

    function test_drop_notOnceItIsSettled() public {
        _announce(_file(2, LINES, 0));
        post(single(operator, 1));
        skip(WINDOW / 4);
        vm.expectRevert(abi.encodeWithSelector(IRewards.AlreadySettled.selector, 2, 2));
        rewards.drop(_list(_file(2, LINES, 0)));
        uint64 next = playRound();
        post(single(operator, 2));
        vm.expectRevert(abi.encodeWithSelector(IRewards.AlreadySettled.selector, 2, next));
        rewards.drop(_list(_file(2, LINES, 0)));
        veto(2);
        veto(1);
        rewards.drop(_list(_file(2, LINES, 0)));
        assertEq(rewards.dropCount(), 1);
    }

    /// @dev What an earlier set announced, the present one must announce again.
    function test_drop_needsThePresentSet() public {
        IRewards.File memory file = _file(2, LINES, 0);
        _announce(file);
        _changeSet(newEvaluators("other", 3), 2);
        _expectNotObjectedTo(file);
        (address[] memory set,,) = roles.evaluators();
        vm.prank(set[0]);
        rewards.unreadable(_list(file));
        assertEq(rewards.objectionsTo(file).dropsFrom, 0);
        _expectNotObjectedTo(file);
        vm.prank(set[1]);
        rewards.unreadable(_list(file));
        dropDue(file);
        assertEq(rewards.objections(0, 10).length, 2);
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
        IRewards.Objection memory said = rewards.objectionsTo(file);
        assertEq(said.evaluatorSet, 2);
        assertEq(said.objectors, mixed[0] == evaluators[1] ? 1 : 2);
        assertFalse(isDropped(file));
        vm.expectRevert(abi.encodeWithSelector(IRoles.NotEvaluator.selector, evaluators[0]));
        vm.prank(evaluators[0]);
        rewards.unreadable(_list(file));
        vm.prank(others[0]);
        rewards.unreadable(_list(file));
        dropDue(file);
        assertTrue(isDropped(file));
    }

    /// @dev A lower threshold alone drops nothing: somebody of the new set must object.
    function test_unreadable_withALowerThreshold() public {
        IRewards.File memory file = _file(2, LINES, 0);
        _object(0, file);
        _changeSet(evaluators, 1);
        _expectNotObjectedTo(file);
        _object(0, file);
        dropDue(file);
        assertTrue(isDropped(file));
        IRewards.Objection memory said = rewards.objectionsTo(file);
        assertEq(said.evaluatorSet, 2);
        assertEq(said.objectors, 1);
    }

    /// @dev Every seat of the largest set counts.
    function test_unreadable_ofTheLargestSet() public {
        address[] memory many = newEvaluators("many", 32);
        _changeSet(many, 32);
        IRewards.File memory file = _file(2, LINES, 0);
        for (uint256 i = 0; i < 32; ++i) {
            assertFalse(isDropped(file));
            vm.prank(many[i]);
            rewards.unreadable(_list(file));
        }
        dropDue(file);
        assertTrue(isDropped(file));
        assertEq(rewards.objectionsTo(file).objectors, type(uint32).max);
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

    function _announce(IRewards.File memory file) private {
        _object(0, file);
        _object(1, file);
    }

    function _drop(IRewards.File memory file) private {
        _announce(file);
        dropDue(file);
    }

    function _keep(address guardian, IRewards.File memory file) private {
        vm.prank(guardian);
        rewards.keep(file);
    }

    function _expectNotObjectedTo(IRewards.File memory file) private {
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotObjectedTo.selector, file.round, file.kind, file.index));
        rewards.drop(_list(file));
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
