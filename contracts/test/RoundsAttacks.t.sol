// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRounds} from "../src/interfaces/IRounds.sol";
import {RoundsFixture} from "./RoundsFixture.sol";

/// @notice Attacks that once succeeded against rounds. None of them does.
contract RoundsAttacksTest is RoundsFixture {
    IRounds.FileKind private constant LINES = IRounds.FileKind.Lines;

    address private immutable OUTSIDER = makeAddr("outsider");
    address private immutable THIEF = makeAddr("thief");
    address private immutable EVIL = makeAddr("evil publisher");

    /// @dev Seen in the mempool: committed first, to an older round, under the other codec, or with another number of lines.
    function test_attack_publisherSquatsAnothersBatch() public {
        admit(EVIL);
        uint64 before = open(300, 2000);
        reveal(before);
        vm.warp(timesOf(before).closesAt);
        uint64 round = open(300, 2000);
        reveal(round);

        bytes memory cid = cidOf("honest batch");
        bytes32 root = linesOf("honest batch");
        bytes memory twisted = cidOf("honest batch");
        twisted[1] = 0x70;
        vm.startPrank(EVIL);
        rounds.commit(before, cid, root, 1);
        rounds.commit(round, twisted, root, 1);
        rounds.commit(round, cid, linesOf("a lie about it"), 999);
        vm.stopPrank();
        assertEq(commit(round, "honest batch"), 2);
        IRounds.Commitment memory honest = rounds.commitments(round, LINES, 2, 1)[0];
        assertEq(honest.publisher, PUBLISHER);
        assertEq(honest.root, root);
        assertEq(honest.cid, cid);
        assertEq(honest.count, 1000);
    }

    /// @dev Nor by committing so many that nobody else has room.
    function test_attack_publisherFillsTheRound() public {
        admit(EVIL);
        uint64 round = open(300, 2000);
        reveal(round);
        uint256 most;
        for (;; ++most) {
            vm.prank(EVIL);
            try rounds.commit(round, cidOf(abi.encode(most)), linesOf(abi.encode(most)), 100_000) {}
            catch {
                break;
            }
        }
        assertEq(most, 6);
        commit(round, "honest batch");
    }

    /// @dev Committees of one, a quorum of one, all of the pool as a budget, friends as coordinator and publisher.
    function test_attack_ownerChangesRoundsAtOnce() public {
        IRounds.Parameters memory p = defaultParameters();
        (p.minCommitteeSize, p.maxCommitteeSize, p.quorum) = (1, 1, 1);
        p.budget = 1_000_000 ether;
        vm.startPrank(OWNER);
        rounds.setParameters(p);
        rounds.setCoordinator(THIEF);
        rounds.setPublisher(PUBLISHER, false);
        rounds.setPublisher(THIEF, true);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotCoordinator.selector, THIEF, COORDINATOR));
        vm.prank(THIEF);
        rounds.open(inputsOf(3, 3));
        uint64 round = open(300, 2000);
        reveal(round);
        assertEq(abi.encode(rounds.getRound(round).parameters), abi.encode(defaultParameters()));
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotPublisher.selector, THIEF, round));
        commitAs(THIEF, round, "batch");
        commit(round, "batch");
        // The guardian has a window to cancel all of it.
        skip(WINDOW - 1);
        vm.startPrank(GUARDIAN);
        rounds.cancelParameters();
        rounds.cancelCoordinator();
        rounds.cancelPublisher(PUBLISHER);
        rounds.cancelPublisher(THIEF);
        vm.stopPrank();
        skip(365 days);
        assertEq(abi.encode(rounds.getParameters()), abi.encode(defaultParameters()));
        assertEq(rounds.coordinator(), COORDINATOR);
        assertTrue(rounds.isPublisher(PUBLISHER));
        assertFalse(rounds.isPublisher(THIEF));
    }

    /// @dev Nothing that the owner can send takes away what a publisher may commit to a round that is open.
    function test_attack_ownerVoidsWorkUnderWay() public {
        uint64 round = open(300, 2000);
        reveal(round);
        bytes[4] memory calls = [
            abi.encodeCall(rounds.setPublisher, (PUBLISHER, false)),
            abi.encodeCall(rounds.setPublisher, (PUBLISHER, true)),
            abi.encodeCall(rounds.cancelPublisher, (PUBLISHER)),
            abi.encodeCall(rounds.suspendPublisher, (PUBLISHER))
        ];
        for (uint256 first = 0; first < 4; ++first) {
            for (uint256 second = 0; second < 4; ++second) {
                vm.startPrank(OWNER);
                (bool success,) = address(rounds).call(calls[first]);
                (success,) = address(rounds).call(calls[second]);
                vm.stopPrank();
                uint256 before = vm.snapshotState();
                commit(round, "all that 300 stations measured");
                vm.revertToState(before);
            }
        }
    }

    /// @dev A last round without stations, or with lists that nobody can read: no batch came of it, so it is not repeated.
    function test_attack_fallbackInheritsAnEmptyOrPoisonedRound() public {
        uint64 good = open(300, 2000);
        reveal(good);
        commit(good, "batch");
        vm.warp(timesOf(good).closesAt);
        uint64 round = open(0, 0);
        reveal(round);
        vm.warp(timesOf(round).closesAt);
        IRounds.Inputs memory poisoned = inputsOf(300, 2000);
        poisoned.rosterCid = cidOf("nothing");
        vm.prank(COORDINATOR);
        round = rounds.open(poisoned);
        for (uint256 i = 0; i < 3; ++i) {
            vm.warp(timesOf(round).closesAt + 1200);
            vm.prank(OUTSIDER);
            round = rounds.openAsBefore();
            assertEq(abi.encode(rounds.getRound(round).inputs), abi.encode(inputsOf(300, 2000)));
        }
    }
}
