// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../src/interfaces/IRewards.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {HaltingWorld} from "./handlers/HaltingWorld.sol";

/// @notice Thieves hold the owner's key, the coordinator's, one publisher's, one evaluator's, and everything that was ever
/// signed; now and then, they even get the signatures of all evaluators. Against them stand one publisher, `threshold`
/// evaluators and a guardian. Whatever the thieves do, and in whatever order: what honest stations have earned is settled
/// and paid.
/// forge-config: default.invariant.runs = 64
/// forge-config: default.invariant.depth = 64
contract RewardsHaltingTest is HaltingWorld {
    function setUp() public override {
        super.setUp();
        bytes4[] memory actions = new bytes4[](11);
        actions[0] = this.actOpen.selector;
        actions[1] = this.actOpenAsBefore.selector;
        actions[2] = this.actSquat.selector;
        actions[3] = this.actGarbage.selector;
        actions[4] = this.actObject.selector;
        actions[5] = this.actGovernRoles.selector;
        actions[6] = this.actGovernRounds.selector;
        actions[7] = this.actEnd.selector;
        actions[8] = this.actFraud.selector;
        actions[9] = this.actPostAgain.selector;
        actions[10] = this.actPass.selector;
        targetSelector(FuzzSelector(address(this), actions));
        targetContract(address(this));
    }

    /* THIEVES */

    /// @dev The coordinator opens rounds, sometimes with lists that do not exist, and sometimes with none.
    function actOpen(uint256 seed) external defended {
        IRounds.Inputs memory inputs = inputsOf(300, 2000);
        bool bad = seed % 8 == 0;
        if (bad) inputs.rosterCid = cidOf("nothing");
        if (seed % 8 == 1) inputs = inputsOf(0, 0);
        vm.prank(COORDINATOR);
        try rounds.open(inputs) returns (uint64 round) {
            _opened(round, seed % 8 < 2, bad, seed);
        } catch {}
    }

    /// @dev Anyone opens rounds when the coordinator is late or gone.
    function actOpenAsBefore(uint256 seed) external defended {
        try rounds.openAsBefore() returns (uint64 round) {
            uint64 source = sourceOf(round);
            _opened(round, isUseless[source], isBad[source], seed);
        } catch {}
    }

    /// @dev The evil publisher commits what the honest one will commit, or has committed, wherever it may.
    function actSquat(uint256 seed) external defended {
        _squat(uint64(1 + seed % rounds.latestRound()), uint64(1 + seed / 7 % (rounds.latestRound() + 1)));
    }

    function actGarbage(uint256 seed) external defended {
        _garbage(uint64(1 + seed % rounds.latestRound()), seed);
    }

    /// @dev One evaluator objects to everything.
    function actObject(uint64 round, uint8 kind, uint32 index) external defended {
        round = uint64(bound(round, 1, rounds.latestRound()));
        IRounds.FileKind what = IRounds.FileKind(bound(kind, 0, 3));
        uint256 count =
            what == IRounds.FileKind.Seals || what == IRounds.FileKind.Lines ? rounds.commitmentCount(round, what) : 1;
        if (count == 0) return;
        IRewards.File[] memory files = new IRewards.File[](1);
        files[0] = IRewards.File({round: round, kind: what, index: uint32(index % count)});
        vm.prank(evaluators[THRESHOLD]);
        try rewards.unreadable(files) {} catch {}
    }

    function actGovernRoles(uint256 seed) external defended {
        address[] memory thieves = newEvaluators("thief", 3);
        bytes[4] memory calls = [
            abi.encodeCall(roles.setEvaluators, (thieves, 1)),
            abi.encodeCall(roles.setGuardian, (OWNER)),
            abi.encodeCall(roles.setChallengeWindow, (uint64(bound(seed / 4, WINDOW, 2 days)))),
            abi.encodeCall(roles.cancelEvaluators, ())
        ];
        _try(OWNER, address(roles), calls[seed % 4]);
    }

    function actGovernRounds(uint256 seed) external defended {
        IRounds.Parameters memory parameters = defaultParameters();
        (parameters.quorum, parameters.budget) = (1, 1_000_000 ether);
        bytes[6] memory calls = [
            abi.encodeCall(rounds.setParameters, (parameters)),
            abi.encodeCall(rounds.setPublisher, (PUBLISHER, false)),
            abi.encodeCall(rounds.setPublisher, (PUBLISHER, true)),
            abi.encodeCall(rounds.setPublisher, (OWNER, true)),
            abi.encodeCall(rounds.setCoordinator, (COORDINATOR)),
            abi.encodeCall(rounds.setCoordinator, (OWNER))
        ];
        _try(OWNER, address(rounds), calls[seed % 6]);
        _try(OWNER, address(rounds), calls[seed / 6 % 6]);
    }

    /// @dev Whatever could send what was earned to the treasury.
    function actEnd(uint256 seed) external defended {
        uint64 at = uint64(block.timestamp + 30 days + seed % 1 days);
        _try(OWNER, address(rewards), abi.encodeCall(rewards.setEnd, (at)));
        _try(THIEF, address(rewards), abi.encodeCall(rewards.endAbandoned, ()));
        _try(THIEF, address(rewards), abi.encodeCall(rewards.withdrawSurplus, ()));
    }

    /// @dev With everybody's signatures: everything for the thief, or nothing for anybody.
    function actFraud(uint256 seed) external defended {
        if (!hasRoundsToSettle()) return;
        IRewards.Proposal memory proposal = proposalOf(single(THIEF, promisedTotal() + 1));
        if (seed % 2 == 0) proposal = proposalOf(treeOf(settledRound()));
        proposal.lastRound = lastRoundOver();
        bytes[] memory signatures = signaturesOf(proposal);
        uint64 id = rewards.post(proposal, signatures);
        _noteFraud(id, proposal, signatures);
    }

    /// @dev Call data of what was voided.
    function actPostAgain(uint256 seed) external defended {
        _postAgain(seed);
    }

    function actPass(uint256 time) external defended {
        skip(bound(time, 1 minutes, 3 hours));
    }

    /* WHAT MUST HOLD */

    function invariant_thievesGetNothing() public view {
        assertEq(THIEF.balance, 0);
        assertEq(TREASURY.balance, 0);
        assertEq(OWNER.balance, 0);
        assertEq(roles.guardian(), GUARDIAN);
        assertEq(roles.evaluatorSet(), 1);
        assertEq(abi.encode(rounds.getParameters()), abi.encode(defaultParameters()));
        assertTrue(rounds.isPublisher(PUBLISHER), "the honest publisher is out");
        assertFalse(rounds.isPublisher(OWNER));
        assertEq(rewards.endsAt(), 0, "the programme ends");
    }

    /// @dev Everything that was earned is settled, and paid.
    function afterInvariant() public {
        // Two days are enough for all objections, and for the longest window that the owner could set.
        for (uint256 i = 0; i < 4; ++i) {
            skip(12 hours);
            _defend();
        }
        assertEq(settledRound(), rounds.latestRound(), "not all rounds are settled");
        assertEq(promisedTotal(), earnedUpTo(rounds.latestRound()), "not what was earned");
        skip(2 days);
        uint64 head = rewards.head();
        RewardsTree.Leaf[] memory leaves = treeOf(rounds.latestRound());
        if (leaves.length > 0) claim(head, leaves, 0);
        assertEq(HONEST.balance, earnedUpTo(rounds.latestRound()), "not all that was earned is paid");
        invariant_thievesGetNothing();
    }
}
