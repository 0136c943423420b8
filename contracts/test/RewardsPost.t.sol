// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../src/interfaces/IRewards.sol";
import {IRoles} from "../src/interfaces/IRoles.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {RewardsFixture} from "./RewardsFixture.sol";

contract RewardsPostTest is RewardsFixture {
    address private operator = makeAddr("operator");

    function test_post_storesEverything() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, BUDGET));
        bytes[] memory signatures = signaturesOf(proposal);
        uint64 activeAt = uint64(block.timestamp) + WINDOW;
        vm.expectEmit(address(rewards));
        emit IRewards.SettlementPosted(1, 0, 1, 1, proposal.root, 1, BUDGET, 0, proposal.cid, activeAt);
        vm.prank(STRANGER);
        assertEq(rewards.post(proposal, signatures), 1);

        IRewards.Settlement memory settlement = rewards.getSettlement(1);
        assertEq(abi.encode(settlement.proposal), abi.encode(proposal));
        assertEq(settlement.postedAt, block.timestamp);
        assertEq(settlement.activeAt, activeAt);
        assertEq(uint256(settlement.status), uint256(IRewards.Status.Pending));
        assertEq(rewards.head(), 1);
        assertEq(rewards.settlementCount(), 1);

        vm.warp(activeAt - 1);
        assertStatus(1, IRewards.Status.Pending);
        vm.warp(activeAt);
        assertStatus(1, IRewards.Status.Active);
    }

    function test_post_continuesTheChain() public {
        post(single(operator, 1 wei));
        playRound();
        playRound();
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1 wei + 2 * BUDGET));
        assertEq(proposal.parent, 1);
        assertEq(proposal.firstRound, 2);
        assertEq(proposal.lastRound, 3);
        assertEq(post(proposal), 2);
        assertEq(rewards.head(), 2);
    }

    /// @dev A shorter window for later settlements must not let a child overtake its parent.
    function test_post_neverActivatesBeforeTheParent() public {
        vm.startPrank(OWNER);
        roles.setChallengeWindow(10 days);
        roles.setChallengeWindow(WINDOW);
        vm.stopPrank();
        vm.warp(block.timestamp + 9 days);
        uint64 parent = post(single(operator, 1));
        vm.warp(block.timestamp + 1 days);
        assertEq(roles.challengeWindow(), WINDOW);
        playRound();
        uint64 child = post(single(operator, 2));
        assertEq(rewards.getSettlement(child).activeAt, rewards.getSettlement(parent).activeAt);
    }

    /* RANGE */

    function test_post_refusesAnotherParent() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        proposal.parent = 1;
        expectRefused(proposal, abi.encodeWithSelector(IRewards.WrongParent.selector, 0, 1));
        proposal = proposalOf(single(operator, 1));
        post(proposal);
        proposal.number = 2;
        expectRefused(proposal, abi.encodeWithSelector(IRewards.WrongParent.selector, 1, 0));
    }

    function testFuzz_post_refusesGapsAndOverlaps(uint64 first, uint64 last) public {
        vm.assume(first != 1 || last < first);
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        (proposal.firstRound, proposal.lastRound) = (first, last);
        expectRefused(proposal, abi.encodeWithSelector(IRewards.RangeDoesNotContinue.selector, 1, first, last));
    }

    function test_post_refusesAnEmptyRange() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        proposal.lastRound = 0;
        expectRefused(proposal, abi.encodeWithSelector(IRewards.RangeDoesNotContinue.selector, 1, 1, 0));
    }

    function test_post_limitsTheRange() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        proposal.lastRound = 513;
        expectRefused(proposal, abi.encodeWithSelector(IRewards.TooManyRounds.selector, 513, 512));
        proposal.lastRound = type(uint64).max;
        expectRefused(proposal, abi.encodeWithSelector(IRewards.TooManyRounds.selector, type(uint64).max, 512));
    }

    function test_post_takesTheLongestRange() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        proposal.lastRound = 512;
        vm.mockCall(address(rounds), abi.encodeCall(rounds.budgetOf, (1, 512)), abi.encode(BUDGET));
        post(proposal);
        assertEq(rewards.getSettlement(1).proposal.lastRound, 512);
    }

    function test_post_waitsUntilRoundsAreOver() public {
        uint64 round = open(300, 2000);
        uint64 dedupeFrom = timesOf(round).dedupeFrom;
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        vm.warp(dedupeFrom);
        expectRefused(proposal, abi.encodeWithSelector(IRounds.NotOver.selector, round, dedupeFrom, dedupeFrom));
        vm.warp(dedupeFrom + 1);
        proposal.lastRound = 3;
        expectRefused(proposal, abi.encodeWithSelector(IRounds.NoSuchRound.selector, 3, 2));
        proposal.lastRound = 2;
        post(proposal);
    }

    /* MONEY */

    function testFuzz_post_keepsTheBudget(uint256 growth) public {
        growth = bound(growth, 1, 90 ether);
        IRewards.Proposal memory proposal = proposalOf(single(operator, growth));
        if (growth > BUDGET) {
            expectRefused(proposal, abi.encodeWithSelector(IRewards.OverBudget.selector, growth, BUDGET));
        } else {
            post(proposal);
        }
    }

    function test_post_countsTheBudgetOfRevealedRoundsOnly() public {
        post(single(operator, BUDGET));
        uint64 round = open(300, 2000);
        passRound(round);
        IRewards.Proposal memory proposal = proposalOf(single(operator, BUDGET + 1));
        expectRefused(proposal, abi.encodeWithSelector(IRewards.OverBudget.selector, 1, 0));
        // An unrevealed round pays nothing, and the chain of settlements continues.
        post(single(operator, BUDGET));
    }

    function test_post_refusesDecreasingTotals() public {
        post(single(operator, 10));
        playRound();
        expectRefused(proposalOf(single(operator, 9)), abi.encodeWithSelector(IRewards.TotalDecreases.selector, 10, 9));
    }

    function test_post_needsDeposits() public {
        IRounds.Parameters memory parameters = defaultParameters();
        parameters.budget = 200 ether;
        setParameters(parameters);
        playRound();
        IRewards.Proposal memory proposal = proposalOf(single(operator, 100 ether + 1));
        expectRefused(proposal, abi.encodeWithSelector(IRewards.Underfunded.selector, 100 ether + 1, 100 ether));
        // FIL that was forced in is not a deposit.
        vm.deal(address(rewards), 1000 ether);
        expectRefused(proposal, abi.encodeWithSelector(IRewards.Underfunded.selector, 100 ether + 1, 100 ether));
        deposit(1);
        post(proposal);
    }

    /* FORM */

    function test_post_refusesOtherCids() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        proposal.cid = hex"0171";
        expectRefused(proposal, abi.encodeWithSelector(IRewards.InvalidCid.selector, proposal.cid));
    }

    /* SIGNATURES */

    /// @dev EIP-712 by hand, so that evaluators in other languages sign the same bytes.
    function test_digestOf_isEip712() public view {
        IRewards.Proposal memory p = proposalOf(single(operator, 1));
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Assize Rewards"),
                keccak256("2"),
                block.chainid,
                address(rewards)
            )
        );
        bytes32 message = keccak256(
            abi.encode(
                keccak256(
                    "Settlement(uint64 number,uint64 parent,uint64 firstRound,uint64 lastRound,bytes32 root,uint32 operators,uint256 cumulativeTotal,uint32 drops,bytes cid,uint64 evaluatorSet)"
                ),
                p.number,
                p.parent,
                p.firstRound,
                p.lastRound,
                p.root,
                p.operators,
                p.cumulativeTotal,
                p.drops,
                keccak256(p.cid),
                uint64(1)
            )
        );
        assertEq(rewards.digestOf(p), keccak256(abi.encodePacked(hex"1901", domain, message)));
    }

    function test_digestOf_bindsTheChain() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        bytes32 digest = rewards.digestOf(proposal);
        vm.chainId(314);
        assertNotEq(rewards.digestOf(proposal), digest);
    }

    function test_post_takesMoreSignaturesThanNeeded() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        bytes[] memory signatures = new bytes[](3);
        for (uint256 i = 0; i < 3; ++i) {
            signatures[i] = sign(proposal, evaluators[i]);
        }
        rewards.post(proposal, signatures);
    }

    function test_post_refusesTooFewSignatures() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = sign(proposal, evaluators[0]);
        _expectRefused(proposal, signatures, abi.encodeWithSelector(IRoles.NotEnoughSignatures.selector, 1, THRESHOLD));
    }

    function test_post_countsEachEvaluatorOnce() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        bytes[] memory signatures = new bytes[](2);
        signatures[0] = sign(proposal, evaluators[1]);
        signatures[1] = signatures[0];
        _expectRefused(
            proposal,
            signatures,
            abi.encodeWithSelector(IRoles.SignersNotAscending.selector, evaluators[1], evaluators[1])
        );
        signatures[1] = sign(proposal, evaluators[0]);
        _expectRefused(
            proposal,
            signatures,
            abi.encodeWithSelector(IRoles.SignersNotAscending.selector, evaluators[1], evaluators[0])
        );
    }

    function test_post_refusesStrangersSignatures() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        address[] memory strangers = newEvaluators("stranger", 2);
        bytes[] memory signatures = new bytes[](2);
        signatures[0] = sign(proposal, strangers[0]);
        signatures[1] = sign(proposal, strangers[1]);
        _expectRefused(proposal, signatures, abi.encodeWithSelector(IRoles.NotEvaluator.selector, strangers[0]));
    }

    /// @dev No field can be changed after signing: the signature would recover to another address.
    function testFuzz_post_refusesWhatWasNotSigned(uint8 field, bytes32 value) public {
        playRound();
        IRewards.Proposal memory proposal = proposalOf(single(operator, BUDGET));
        bytes[] memory signatures = signaturesOf(proposal);
        field = uint8(bound(field, 0, 4));
        bytes32 before = keccak256(abi.encode(proposal));
        if (field == 0) proposal.lastRound = 1;
        if (field == 1) proposal.root = value | bytes32(uint256(1));
        if (field == 2) proposal.cumulativeTotal = 1 + uint256(value) % BUDGET;
        if (field == 3) proposal.operators = uint32(bound(uint256(value), 1, type(uint32).max));
        if (field == 4) proposal.cid = cidOf(abi.encode(value));
        vm.assume(keccak256(abi.encode(proposal)) != before);
        try rewards.post(proposal, signatures) {
            revert("accepted");
        } catch (bytes memory reason) {
            assertTrue(
                bytes4(reason) == IRoles.NotEvaluator.selector || bytes4(reason) == IRoles.SignersNotAscending.selector
            );
        }
    }

    function test_post_refusesMalleableSignatures() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        bytes[] memory signatures = signaturesOf(proposal);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[evaluators[1]], rewards.digestOf(proposal));
        bytes32 highS = bytes32(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141 - uint256(s));
        bytes memory reason = abi.encodeWithSelector(IRoles.BadSignature.selector, 1);
        signatures[1] = abi.encodePacked(r, highS, v == 27 ? uint8(28) : uint8(27));
        _expectRefused(proposal, signatures, reason);
        signatures[1] = abi.encodePacked(r, s, v - 27);
        _expectRefused(proposal, signatures, reason);
        signatures[1] = abi.encodePacked(r, s);
        _expectRefused(proposal, signatures, reason);
        signatures[1] = abi.encodePacked(r, s, v, uint8(0));
        _expectRefused(proposal, signatures, reason);
        signatures[1] = "";
        _expectRefused(proposal, signatures, reason);
    }

    /// @dev Signatures are bound to the current set: those under the old one are invalid from the second in which the
    /// new one takes effect, even from evaluators in both.
    function test_post_refusesSignaturesUnderAnOldSet() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        bytes[] memory old = signaturesOf(proposal);
        uint64 at = _announce(evaluators, 1);
        vm.warp(at - 1);
        uint256 before = vm.snapshotState();
        rewards.post(proposal, old);
        vm.revertToState(before);
        vm.warp(at);
        vm.expectRevert();
        rewards.post(proposal, old);
        post(proposal);
    }

    function test_post_refusesRemovedEvaluators() public {
        address[] memory others = newEvaluators("other", 2);
        vm.warp(_announce(others, 2));
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        expectRefused(proposal, abi.encodeWithSelector(IRoles.NotEvaluator.selector, evaluators[0]));
        evaluators = others;
        post(proposal);
    }

    function test_post_refusesEvaluatorsToCome() public {
        address[] memory others = newEvaluators("other", 2);
        vm.warp(_announce(others, 2) - 1);
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        bytes[] memory signatures = new bytes[](2);
        (signatures[0], signatures[1]) = (sign(proposal, others[0]), sign(proposal, others[1]));
        _expectRefused(proposal, signatures, abi.encodeWithSelector(IRoles.NotEvaluator.selector, others[0]));
        post(proposal);
    }

    function test_post_takesAllEvaluators() public {
        IRewards.Proposal memory proposal = proposalOf(single(operator, 1));
        bytes[] memory signatures = new bytes[](3);
        for (uint256 i = 0; i < 3; ++i) {
            signatures[i] = sign(proposal, evaluators[i]);
        }
        assertEq(rewards.post(proposal, signatures), 1);
    }

    /* HELPERS */

    function _announce(address[] memory set, uint256 threshold) private returns (uint64 effectiveAt) {
        vm.prank(OWNER);
        roles.setEvaluators(set, threshold);
        (,,, effectiveAt) = roles.nextEvaluators();
    }

    function _expectRefused(IRewards.Proposal memory proposal, bytes[] memory signatures, bytes memory reason) private {
        vm.expectRevert(reason);
        rewards.post(proposal, signatures);
    }
}
