// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {RewardsFixture} from "./RewardsFixture.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice Settlements of rounds in which nobody earned anything, and the numbers of settlements.
contract RewardsPostNothingTest is RewardsFixture {
    address private operator = makeAddr("operator");

    /* NOTHING WAS EVER EARNED */

    function test_post_takesNothing() public {
        IRewards.Proposal memory proposal = proposalOf(_none());
        assertEq(proposal.root, 0);
        uint64 settlement = postActive(_none());
        assertStatus(settlement, IRewards.Status.Active);
        assertEq(abi.encode(rewards.getSettlement(settlement).proposal), abi.encode(proposal));
        assertEq(rewards.surplus(), 100 ether);
        // It pays nobody, not even what hashes to nothing.
        vm.expectRevert(abi.encodeWithSelector(IRewards.InvalidProof.selector, operator, 1));
        this.externalClaim(settlement, single(operator, 1), 0);
        RewardTree.Batch memory batch;
        batch.allocations = new IRewards.Allocation[](1);
        vm.expectRevert(abi.encodeWithSelector(IRewards.InvalidRange.selector, bytes32(0)));
        claimMany(settlement, batch);
    }

    /// @dev Two ranges of idle rounds, then one in which somebody earns.
    function test_post_paysAfterMoreIdleRoundsThanOneRangeHolds() public {
        while (rounds.latestRound() < 600) playRound();
        IRewards.Proposal memory proposal = proposalOf(_none());
        expectRefused(proposal, abi.encodeWithSelector(IRewards.TooManyRounds.selector, 600, 512));
        proposal.lastRound = 512;
        post(proposal);
        proposal = proposalOf(_none());
        proposal.lastRound = 599;
        assertEq(proposal.firstRound, 513);
        post(proposal);
        RewardsTree.Leaf[] memory leaves = single(operator, BUDGET);
        assertEq(claim(postActive(leaves), leaves, 0), BUDGET);
    }

    function test_post_refusesHalfEmptyTrees() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        (bytes32 root, uint32 operators) = (proposal.root, proposal.operators);
        proposal.root = 0;
        _expectEmptyTree(proposal);
        (proposal.root, proposal.operators) = (root, 0);
        _expectEmptyTree(proposal);
        (proposal.root, proposal.operators) = (0, 0);
        _expectEmptyTree(proposal);

        proposal.cumulativeTotal = 0;
        (proposal.root, proposal.operators) = (root, operators);
        _expectEmptyTree(proposal);
        proposal.operators = 0;
        _expectEmptyTree(proposal);
        (proposal.root, proposal.operators) = (0, operators);
        _expectEmptyTree(proposal);
        proposal.operators = 0;
        post(proposal);
    }

    /* NOTHING WAS EARNED SINCE */

    function test_post_repeatsTheParentsTree() public {
        RewardsTree.Leaf[] memory leaves = single(operator, 100);
        uint64 first = postActive(leaves);
        playRound();
        uint64 second = postActive(leaves);
        // Either pays, once.
        assertEq(claim(second, leaves, 0), 100);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NothingToClaim.selector, operator, 100, 100));
        this.externalClaim(first, leaves, 0);
        playRound();
        leaves = single(operator, 150);
        assertEq(claim(postActive(leaves), leaves, 0), 50);
    }

    function test_post_refusesAnotherTreeForNothing() public {
        post(single(operator, 100));
        playRound();
        IRewards.Proposal memory proposal = proposalOf(single(operator, 100));
        proposal.root = RewardTree.rootOf(single(STRANGER, 100));
        _expectNotTheParents(proposal);
        proposal = proposalOf(single(operator, 100));
        proposal.operators = 2;
        _expectNotTheParents(proposal);
        proposal = proposalOf(_none());
        expectRefused(proposal, abi.encodeWithSelector(IRewards.TotalDecreases.selector, 100, 0));
        proposal.cumulativeTotal = 100;
        _expectEmptyTree(proposal);
        post(single(operator, 100));
    }

    /// @dev A total that has grown needs a tree that has, or the Court would have nothing to judge.
    function test_post_refusesTheParentsTreeForSomething() public {
        post(single(operator, 100));
        playRound();
        IRewards.Proposal memory proposal = proposalOf(single(operator, 100));
        proposal.cumulativeTotal = 101;
        _expectNotTheParents(proposal);
        proposal.operators = 2;
        _expectNotTheParents(proposal);
    }

    /// @dev It is its parent's descendant like any other.
    function test_post_nothingFallsWithItsParent() public {
        post(single(operator, 100));
        playRound();
        post(single(operator, 100));
        veto(1);
        assertStatus(2, IRewards.Status.Void);
        assertEq(rewards.head(), 0);
        assertEq(rewards.surplus(), 100 ether);
        IRewards.Proposal memory proposal = proposalOf(_none());
        assertEq(proposal.firstRound, 1);
        post(proposal);
    }

    /* ALIVE OR NOT */

    /// @dev Evaluators who settle nothing for 90 days do not keep the programme from its end.
    function test_post_nothingIsNoSignOfLife() public {
        uint64 abandonedAt = uint64(START) + 90 days;
        vm.warp(START + 60 days);
        post(_none());
        vm.warp(abandonedAt - 1 hours);
        playRound();
        post(_none());
        vm.warp(abandonedAt);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotAbandoned.selector, abandonedAt));
        rewards.endAbandoned();
        vm.warp(abandonedAt + 1);
        rewards.endAbandoned();
        uint64 end = rewards.endsAt();
        assertEq(end, vm.getBlockTimestamp() + 30 days);
        playRound();
        post(_none());
        assertEq(rewards.endsAt(), end);
        // What grants something does take it back.
        playRound();
        post(single(operator, 1));
        skip(WINDOW);
        rewards.noteActive();
        assertEq(rewards.endsAt(), 0);
    }

    function test_post_repeatingTheParentIsNoSignOfLife() public {
        uint64 activeAt = rewards.getSettlement(post(single(operator, 1))).activeAt;
        uint64 abandonedAt = activeAt + 90 days;
        vm.warp(abandonedAt - 10 days);
        playRound();
        post(single(operator, 1));
        vm.warp(abandonedAt + 1);
        rewards.endAbandoned();
        assertEq(rewards.endsAt(), abandonedAt + 1 + 30 days);
    }

    /* NUMBERS */

    function test_post_numbersEverySettlement() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        proposal.number = 0;
        expectRefused(proposal, abi.encodeWithSelector(IRewards.WrongNumber.selector, 1, 0));
        proposal.number = 2;
        expectRefused(proposal, abi.encodeWithSelector(IRewards.WrongNumber.selector, 1, 2));
        proposal.number = 1;
        post(proposal);
        assertEq(rewards.getSettlement(1).proposal.number, 1);
        expectRefused(proposal, abi.encodeWithSelector(IRewards.WrongNumber.selector, 2, 1));
    }

    /// @dev The signatures of what was voided are in public call data, and worth nothing.
    function test_post_refusesWhatWasVoided() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        bytes[] memory signatures = signaturesOf(proposal);
        rewards.post(proposal, signatures);
        veto(1);
        vm.expectRevert(abi.encodeWithSelector(IRewards.WrongNumber.selector, 2, 1));
        rewards.post(proposal, signatures);
        // Signed again it is another settlement, if the evaluators insist.
        proposal.number = 2;
        assertEq(post(proposal), 2);
        vm.prank(address(court));
        rewards.voidByCourt(2);
        signatures = signaturesOf(proposal);
        vm.expectRevert(abi.encodeWithSelector(IRewards.WrongNumber.selector, 3, 2));
        rewards.post(proposal, signatures);
    }

    /// @dev Of two that were signed with one number, the first is posted and the other never.
    function test_post_takesOneOfEachNumber() public {
        IRewards.Proposal memory one = proposalOf(single(operator, 1));
        IRewards.Proposal memory other = proposalOf(single(operator, 2));
        bytes[] memory signatures = signaturesOf(other);
        post(one);
        veto(1);
        vm.expectRevert(abi.encodeWithSelector(IRewards.WrongNumber.selector, 2, 1));
        rewards.post(other, signatures);
    }

    /* THE COURT'S WORD */

    function test_voidByCourt_isTheCourts() public {
        post(single(operator, 1));
        playRound();
        post(single(operator, 2));
        address[3] memory others = [GUARDIAN, OWNER, STRANGER];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IRewards.NotCourt.selector, others[i], address(court)));
            vm.prank(others[i]);
            rewards.voidByCourt(1);
        }
        vm.expectEmit(address(rewards));
        emit IRewards.SettlementDisproved(1, 2);
        vm.prank(address(court));
        rewards.voidByCourt(1);
        assertEq(rewards.head(), 0);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotPending.selector, 1, IRewards.Status.Void));
        vm.prank(address(court));
        rewards.voidByCourt(1);
        uint64 third = postActive(single(operator, 1));
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotPending.selector, third, IRewards.Status.Active));
        vm.prank(address(court));
        rewards.voidByCourt(third);
    }

    function test_factsOf_areWhatTheCourtJudgesBy() public {
        RewardsTree.Leaf[] memory leaves = single(operator, 100);
        uint64 first = post(leaves);
        IRewards.Facts memory facts = rewards.factsOf(first);
        assertEq(facts.root, RewardTree.rootOf(leaves));
        assertEq(facts.operators, 1);
        assertEq(facts.cumulativeTotal, 100);
        assertEq(facts.parentRoot, 0);
        assertEq(facts.parentOperators, 0);
        assertEq(facts.activeAt, vm.getBlockTimestamp() + WINDOW);
        assertTrue(facts.pending);
        vm.warp(facts.activeAt);
        assertFalse(rewards.factsOf(first).pending);
        playRound();
        facts = rewards.factsOf(post(single(operator, 300)));
        assertEq(facts.cumulativeTotal, 300);
        assertEq(facts.parentRoot, RewardTree.rootOf(leaves));
        assertEq(facts.parentOperators, 1);
        veto(2);
        assertFalse(rewards.factsOf(2).pending);
        facts = rewards.factsOf(3);
        assertEq(facts.root, 0);
        assertFalse(facts.pending);
    }

    /* HELPERS */

    function externalClaim(uint64 settlement, RewardsTree.Leaf[] calldata leaves, uint256 index) external {
        claim(settlement, leaves, index);
    }

    function _none() private pure returns (RewardsTree.Leaf[] memory) {
        return new RewardsTree.Leaf[](0);
    }

    function _expectEmptyTree(IRewards.Proposal memory proposal) private {
        expectRefused(
            proposal,
            abi.encodeWithSelector(
                IRewards.EmptyTree.selector, proposal.root, proposal.operators, proposal.cumulativeTotal
            )
        );
    }

    function _expectNotTheParents(IRewards.Proposal memory proposal) private {
        expectRefused(
            proposal, abi.encodeWithSelector(IRewards.NotTheParentsTree.selector, proposal.root, proposal.operators)
        );
    }
}
