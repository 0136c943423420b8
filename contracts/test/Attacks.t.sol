// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../src/interfaces/IRewards.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {ICourt} from "../src/interfaces/ICourt.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {CourtFixture} from "./CourtFixture.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// Keeps what it got but 1 attoFIL, which goes back by a plain transfer: no code of `Rewards` runs.
contract ReturnsAUnit {
    receive() external payable {
        (bool success,) = address(0x7777).call{value: msg.value - 1}("");
        require(success);
        assembly ("memory-safe") {
            selfdestruct(caller())
        }
    }
}

/// Deposits what it got.
contract DepositsAgain {
    receive() external payable {
        IRewards(msg.sender).deposit{value: msg.value}();
    }
}

/// @notice Attacks that once succeeded against settlements and the pool. None of them does.
contract AttacksTest is CourtFixture {
    address private immutable OUTSIDER = makeAddr("outsider");
    address private immutable THIEF = makeAddr("thief");
    address private immutable HONEST = makeAddr("honest");

    /* CALL DATA OF WHAT WAS VOIDED */

    /// @dev Nobody's key was needed: the signatures of a vetoed settlement were in public call data.
    function test_attack_outsiderPostsAgainWhatWasVetoed() public {
        IRewards.Proposal memory bad = proposalOf(single(THIEF, BUDGET));
        bytes[] memory signatures = signaturesOf(bad);
        uint64 id = rewards.post(bad, signatures);
        veto(id);
        vm.expectRevert(abi.encodeWithSelector(IRewards.WrongNumber.selector, 2, 1));
        vm.prank(OUTSIDER);
        rewards.post(bad, signatures);
        // Under the next number it was not signed.
        bad.number = 2;
        vm.expectRevert();
        vm.prank(OUTSIDER);
        rewards.post(bad, signatures);
        // The right one is not late.
        RewardsTree.Leaf[] memory good = single(HONEST, BUDGET);
        assertEq(claim(postActive(good), good, 0), BUDGET);
    }

    function test_attack_outsiderPostsAgainWhatWasProvenFraud() public {
        RewardsTree.Leaf[] memory lie = single(THIEF, BUDGET);
        lie[0].running -= 1;
        IRewards.Proposal memory bad = proposalOf(lie);
        bytes[] memory signatures = signaturesOf(bad);
        rewards.post(bad, signatures);
        challengeOrder(1, lie, 0);
        assertStatus(1, IRewards.Status.Void);
        vm.expectRevert(abi.encodeWithSelector(IRewards.WrongNumber.selector, 2, 1));
        vm.prank(OUTSIDER);
        rewards.post(bad, signatures);
    }

    /// @dev They need not even be replaced: what they signed is spent.
    function test_attack_signaturesOutliveTheVetoUntilTheSetChanges() public {
        IRewards.Proposal memory bad = proposalOf(single(THIEF, BUDGET));
        bytes[] memory signatures = signaturesOf(bad);
        veto(rewards.post(bad, signatures));
        uint256[4] memory waits = [uint256(0), 1 hours, WINDOW - 1, 365 days];
        for (uint256 i = 0; i < waits.length; ++i) {
            skip(waits[i]);
            vm.expectRevert(abi.encodeWithSelector(IRewards.WrongNumber.selector, 2, 1));
            rewards.post(bad, signatures);
        }
        post(single(HONEST, BUDGET));
        vm.expectRevert(abi.encodeWithSelector(IRewards.WrongNumber.selector, 3, 1));
        rewards.post(bad, signatures);
    }

    /* WITHHELD FILES */

    /// @dev No roster is needed to show fraud, and a tree that is withheld is demanded.
    function test_attack_withheldFilesDisarmTheChallenge() public {
        RewardsTree.Leaf[] memory before = single(HONEST, BUDGET);
        post(before);
        playRound();
        // The thief gets what was promised, in a tree that nobody is shown.
        uint64 id = post(single(THIEF, 2 * BUDGET));
        bytes32 root = rewards.getSettlement(id).proposal.root;
        vm.deal(OUTSIDER, 1 ether);
        vm.prank(OUTSIDER);
        court.demand{value: 1 ether}(rewards, id, root, 0);
        uint256 asked = vm.snapshotState();
        // Either its evaluators are silent …
        skip(ANSWER_WINDOW + 1);
        court.lapse(rewards, id, 0);
        assertStatus(id, IRewards.Status.Void);
        vm.revertToState(asked);
        // … or what they show proves the fraud.
        RewardsTree.Leaf[] memory lie = single(THIEF, 2 * BUDGET);
        court.answer(rewards, id, placeOf(lie, 0));
        challengeGrowth(id, before, lie, HONEST);
        assertStatus(id, IRewards.Status.Void);
        vm.warp(rewards.getSettlement(1).activeAt);
        assertEq(claim(1, before, 0), BUDGET);
    }

    /// @dev An amount that comes from nowhere, not even from what the settlement says that was earned.
    function test_attack_grantsWithoutAnythingAccepted() public {
        RewardsTree.Leaf[] memory lie = single(THIEF, BUDGET);
        assertEq(lie[0].grown, 0);
        uint64 id = post(lie);
        challengeGrowth(id, new RewardsTree.Leaf[](0), lie, THIEF);
        assertStatus(id, IRewards.Status.Void);
        vm.warp(rewards.getSettlement(id).activeAt);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotActive.selector, id, IRewards.Status.Void));
        this.externalClaim(id, lie);
    }

    /// @dev A publisher's commitment to nothing, or a coordinator's unusable list, halted settlement, and 120 days later the
    /// treasury had everything.
    function test_attack_unreadableFileHaltsSettlement() public {
        uint64 round = open(300, 2000);
        reveal(round);
        commit(round, "a digest of nothing");
        vm.warp(timesOf(round).closesAt);
        uint64 next = open(300, 2000);
        reveal(next);
        vm.warp(timesOf(next).objectionsFrom);
        IRewards.File[] memory files = new IRewards.File[](2);
        files[0] = IRewards.File({round: round, kind: IRounds.FileKind.Lines, index: 0});
        files[1] = IRewards.File({round: next, kind: IRounds.FileKind.Roster, index: 0});
        for (uint256 i = 0; i < THRESHOLD; ++i) {
            vm.prank(evaluators[i]);
            rewards.unreadable(files);
        }
        skip(WINDOW / 4);
        rewards.drop(files);
        assertEq(rewards.dropCount(), 2);
        RewardsTree.Leaf[] memory leaves = single(HONEST, BUDGET);
        assertEq(claim(postActive(leaves), leaves, 0), BUDGET);
        vm.expectPartialRevert(IRewards.NotAbandoned.selector);
        rewards.endAbandoned();
    }

    /* ROUNDS IN WHICH NOBODY EARNED */

    function test_attack_aWeekOfNothingBricksTheChainOfSettlements() public {
        while (rounds.latestRound() < 513) playRound();
        IRewards.Proposal memory proposal = proposalOf(new RewardsTree.Leaf[](0));
        proposal.lastRound = 512;
        post(proposal);
        RewardsTree.Leaf[] memory leaves = single(HONEST, BUDGET);
        proposal = proposalOf(leaves);
        assertEq(proposal.firstRound, 513);
        assertEq(claim(postActive(leaves), leaves, 0), BUDGET);
    }

    /// @dev While the coordinator pauses: idle rounds are settled as nothing, whoever opened them.
    function test_attack_outsiderBricksAPausedNetwork() public {
        uint64 round = open(300, 2000);
        reveal(round);
        commit(round, "batch");
        while (rounds.latestRound() < 512) {
            vm.warp(timesOf(rounds.latestRound()).closesAt + 1200);
            vm.prank(OUTSIDER);
            rounds.openAsBefore();
        }
        passRound(512);
        post(new RewardsTree.Leaf[](0));
        playRound();
        RewardsTree.Leaf[] memory leaves = single(HONEST, BUDGET);
        assertEq(claim(postActive(leaves), leaves, 0), BUDGET);
    }

    /* THE POOL */

    function test_attack_announcedEndIsLost() public {
        uint64 at = uint64(block.timestamp + 200 days);
        vm.prank(OWNER);
        rewards.setEnd(at);
        vm.warp(block.timestamp + 90 days + 1);
        vm.prank(OUTSIDER);
        rewards.endAbandoned();
        post(single(HONEST, 1));
        skip(WINDOW);
        rewards.noteActive();
        assertEq(rewards.endsAt(), at);
    }

    /// @dev What was signed beyond the leaves was nobody's: neither operators nor treasury ever got it.
    function test_attack_totalAboveTheLeavesIsLockedForEver() public {
        RewardsTree.Leaf[] memory leaves = single(HONEST, 1);
        leaves[0].grown = 1;
        IRewards.Proposal memory proposal = proposalOf(leaves);
        proposal.cumulativeTotal = BUDGET;
        uint64 id = post(proposal);
        vm.prank(OUTSIDER);
        this.externalOrder(id, leaves);
        assertStatus(id, IRewards.Status.Void);
        assertEq(rewards.surplus(), 100 ether);
        // Nor as growth of a tree that is its parent's, where the Court would have nothing to judge.
        post(leaves);
        playRound();
        proposal = proposalOf(leaves);
        proposal.cumulativeTotal = BUDGET;
        expectRefused(
            proposal, abi.encodeWithSelector(IRewards.NotTheParentsTree.selector, proposal.root, proposal.operators)
        );
    }

    /// @dev It paid nothing then, and is refused now.
    function test_attack_proofOfNoLeaves() public {
        uint64 id = postActive(single(HONEST, 1 ether / 10));
        RewardTree.Batch memory batch;
        batch.siblings = new bytes32[](1);
        batch.siblings[0] = rewards.getSettlement(id).proposal.root;
        vm.expectRevert(abi.encodeWithSelector(IRewards.InvalidRange.selector, batch.siblings[0]));
        claimMany(id, batch);
        vm.expectRevert(abi.encodeWithSelector(ICourt.NotPending.selector, id));
        this.externalOrder(id, single(HONEST, 1 ether / 10));
    }

    function externalClaim(uint64 settlement, RewardsTree.Leaf[] calldata leaves) external {
        claim(settlement, leaves, 0);
    }

    function externalOrder(uint64 settlement, RewardsTree.Leaf[] calldata leaves) external {
        challengeOrder(settlement, leaves, 0);
    }

    /* THE WAY OUT */

    /// @dev A guardian that vetoed each settlement kept the money: honest evaluators posted again, which counted as life.
    function test_attack_aVetoingGuardianClosesTheWayOut() public {
        uint256 start = vm.getBlockTimestamp();
        while (vm.getBlockTimestamp() <= start + 90 days) {
            veto(post(single(HONEST, 1)));
            skip(1 days);
        }
        rewards.endAbandoned();
        vm.expectRevert(IRewards.NothingChanged.selector);
        vm.prank(GUARDIAN);
        rewards.cancelEnd();
        vm.warp(rewards.endsAt());
        assertEq(rewards.withdrawSurplus(), 100 ether);
    }

    /// @dev An owner that announced an end every 89 days kept the money of an abandoned programme.
    function test_attack_anOwnerPostponesAbandonmentForEver() public {
        skip(89 days);
        vm.prank(OWNER);
        rewards.setEnd(uint64(vm.getBlockTimestamp()) + 3650 days);
        skip(1 days + 1);
        rewards.endAbandoned();
        uint64 end = rewards.endsAt();
        vm.prank(OWNER);
        rewards.setEnd(0);
        assertEq(rewards.endsAt(), end);
    }

    /// @dev All evaluators dropped a roster that everybody could read, and neither a veto nor new evaluators restored it.
    function test_attack_evaluatorsDropWhatCanBeRead() public {
        uint64 round = open(300, 2000);
        reveal(round);
        vm.warp(timesOf(round).objectionsFrom);
        IRewards.File[] memory files = new IRewards.File[](1);
        files[0] = IRewards.File({round: round, kind: IRounds.FileKind.Roster, index: 0});
        for (uint256 i = 0; i < evaluators.length; ++i) {
            vm.prank(evaluators[i]);
            rewards.unreadable(files);
        }
        skip(WINDOW / 4 - 1);
        vm.prank(GUARDIAN);
        rewards.keep(files[0]);
        skip(1);
        vm.expectPartialRevert(IRewards.NotObjectedTo.selector);
        rewards.drop(files);
    }

    /// @dev An operator whose address is the id of an actor sent a unit back by a plain transfer, so that the payment counted as
    /// not made, and took it again until the pool was empty.
    function test_attack_anIdTakesEverythingForAUnitEachTime() public {
        address thief = address(bytes20(abi.encodePacked(bytes1(0xff), bytes11(0), uint64(8378))));
        vm.etch(thief, type(ReturnsAUnit).runtimeCode);
        RewardsTree.Leaf[] memory leaves = single(thief, 0.1 ether);
        uint64 settlement = postActive(leaves);
        assertEq(claimMany(settlement, leaves), 0.1 ether);
        assertEq(rewards.claimed(thief), 0.1 ether);
        assertEq(claimMany(settlement, leaves), 0);
        assertEq(address(rewards).balance, 100 ether - 0.1 ether + 1);
        assertEq(rewards.sync(), 1);
    }

    /// @dev What comes back as a deposit was paid: it is booked already.
    function test_attack_anIdDepositsWhatItGets() public {
        address thief = address(bytes20(abi.encodePacked(bytes1(0xff), bytes11(0), uint64(8378))));
        vm.etch(thief, type(DepositsAgain).runtimeCode);
        RewardsTree.Leaf[] memory leaves = single(thief, 0.1 ether);
        uint64 settlement = postActive(leaves);
        assertEq(claimMany(settlement, leaves), 0.1 ether);
        assertEq(rewards.claimed(thief), 0.1 ether);
        assertEq(rewards.totalDeposited(), 100.1 ether);
        assertEq(address(rewards).balance, 100 ether);
    }
}
