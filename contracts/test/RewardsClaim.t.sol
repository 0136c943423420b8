// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {RewardsFixture} from "./RewardsFixture.sol";
import {Refuser} from "./mocks/Recipients.sol";
import {RewardTree} from "./utils/RewardTree.sol";

contract RewardsClaimTest is RewardsFixture {
    address private alice = makeAddr("alice");
    address private bob = makeAddr("bob");

    function test_claim_paysTheOperator() public {
        RewardsTree.Leaf[] memory leaves = _pair(100, 200);
        uint64 settlement = postActive(leaves);
        vm.expectEmit(address(rewards));
        emit IRewards.Claimed(settlement, alice, alice, 100, 100);
        vm.prank(STRANGER);
        assertEq(claim(settlement, leaves, 0), 100);
        assertEq(alice.balance, 100);
        assertEq(rewards.claimed(alice), 100);
        assertEq(rewards.totalClaimed(), 100);
        assertEq(rewards.highestActiveTotal(), 300);
        assertEq(address(rewards).balance, 100 ether - 100);
    }

    function test_claim_paysThePayoutAddress() public {
        address wallet = makeAddr("wallet");
        vm.prank(alice);
        rewards.setPayoutAddress(wallet);
        RewardsTree.Leaf[] memory leaves = _pair(100, 200);
        uint64 settlement = postActive(leaves);
        vm.expectEmit(address(rewards));
        emit IRewards.Claimed(settlement, alice, wallet, 100, 100);
        claim(settlement, leaves, 0);
        assertEq(wallet.balance, 100);
        assertEq(alice.balance, 0);
    }

    function test_claim_paysOnlyWhatIsNew() public {
        RewardsTree.Leaf[] memory leaves = _pair(100, 200);
        uint64 first = postActive(leaves);
        claim(first, leaves, 0);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NothingToClaim.selector, alice, 100, 100));
        this.externalClaim(first, leaves, 0);

        playRound();
        RewardsTree.Leaf[] memory more = _pair(150, 200);
        uint64 second = postActive(more);
        assertEq(claim(second, more, 0), 50);
        // The older settlement is still active, but grants alice nothing more; bob has lost nothing.
        vm.expectRevert(abi.encodeWithSelector(IRewards.NothingToClaim.selector, alice, 100, 150));
        this.externalClaim(first, leaves, 0);
        assertEq(claim(first, leaves, 1), 200);
        assertEq(rewards.totalClaimed(), 350);
    }

    function test_claim_waitsForActivation() public {
        RewardsTree.Leaf[] memory leaves = _pair(100, 200);
        uint64 settlement = post(leaves);
        vm.warp(rewards.getSettlement(settlement).activeAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotActive.selector, settlement, IRewards.Status.Pending));
        this.externalClaim(settlement, leaves, 0);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NoSuchSettlement.selector, 2));
        this.externalClaim(2, leaves, 0);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NoSuchSettlement.selector, 0));
        this.externalClaim(0, leaves, 0);
    }

    function test_claim_revertsIfTheMoneyIsRefused() public {
        Refuser refuser = new Refuser();
        RewardsTree.Leaf[] memory leaves = single(address(refuser), 100);
        uint64 settlement = postActive(leaves);
        vm.expectRevert(
            abi.encodeWithSelector(IRewards.PaymentFailed.selector, address(refuser), address(refuser), 100)
        );
        this.externalClaim(settlement, leaves, 0);
        assertEq(rewards.claimed(address(refuser)), 0);
        refuser.setAccepts(true);
        assertEq(claim(settlement, leaves, 0), 100);
    }

    /// @dev A proof is valid for its own settlement only, even if another active one grants the same operator money.
    function test_claim_refusesProofsOfAnotherSettlement() public {
        RewardsTree.Leaf[] memory leaves = _pair(100, 200);
        uint64 first = postActive(leaves);
        playRound();
        RewardsTree.Leaf[] memory more = _pair(150, 200);
        uint64 second = postActive(more);
        vm.expectRevert(abi.encodeWithSelector(IRewards.InvalidProof.selector, alice, 150));
        this.externalClaim(first, more, 0);
        vm.expectRevert(abi.encodeWithSelector(IRewards.InvalidProof.selector, alice, 100));
        this.externalClaim(second, leaves, 0);
    }

    /// @dev If nobody shows it to the Court, a later root may grant an operator less than it has been paid: it then receives
    /// nothing and owes nothing. But the excess counts towards the total.
    function test_claim_paysNothingIfTheCumulativeFell() public {
        RewardsTree.Leaf[] memory leaves = _pair(100, 200);
        claim(postActive(leaves), leaves, 0);
        playRound();
        RewardsTree.Leaf[] memory less = _pair(99, 202);
        uint64 second = postActive(less);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NothingToClaim.selector, alice, 99, 100));
        this.externalClaim(second, less, 0);
        assertEq(rewards.claimed(alice), 100);
        vm.expectRevert(abi.encodeWithSelector(IRewards.OverTotal.selector, 202, 201));
        this.externalClaim(second, less, 1);
        playRound();
        less = _pair(100, 202);
        assertEq(claim(postActive(less), less, 1), 202);
    }

    /// @dev What an older settlement grants stays claimable after a newer one that grants less.
    function test_claim_takesOlderSettlements() public {
        RewardsTree.Leaf[] memory leaves = _pair(100, 200);
        uint64 first = postActive(leaves);
        playRound();
        RewardsTree.Leaf[] memory less = _pair(50, 251);
        uint64 second = postActive(less);
        assertEq(claim(second, less, 0), 50);
        assertEq(claim(first, leaves, 0), 50);
        assertEq(rewards.highestActiveTotal(), 301);
    }

    /// @dev The cap is the greatest total claimed against, also for a claim in an older settlement.
    function test_claim_isCappedByTheGreatestTotal() public {
        RewardsTree.Leaf[] memory leaves = _pair(100, 200);
        uint64 first = postActive(leaves);
        playRound();
        RewardsTree.Leaf[] memory more = _pair(1000, 2000);
        uint64 second = postActive(more);
        claim(second, more, 1);
        assertEq(rewards.highestActiveTotal(), 3000);
        assertEq(claim(first, leaves, 0), 100);
        assertEq(rewards.highestActiveTotal(), 3000);
        assertEq(claim(second, more, 0), 900);
        assertEq(rewards.totalClaimed(), 3000);
    }

    function test_claim_takesAllFromTheTotal() public {
        RewardsTree.Leaf[] memory leaves = single(alice, BUDGET);
        assertEq(claim(postActive(leaves), leaves, 0), BUDGET);
        assertEq(rewards.totalClaimed(), rewards.highestActiveTotal());
    }

    function test_claim_isNotStoppedByVetoesOfLater() public {
        RewardsTree.Leaf[] memory leaves = _pair(100, 200);
        uint64 first = postActive(leaves);
        playRound();
        RewardsTree.Leaf[] memory more = _pair(150, 200);
        uint64 second = post(more);
        veto(second);
        assertEq(claim(first, leaves, 0), 100);
        vm.warp(block.timestamp + 365 days);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotActive.selector, second, IRewards.Status.Void));
        this.externalClaim(second, more, 0);
    }

    /// @dev Evaluators signed a total smaller than the tree's sum: claims never exceed the total.
    function testFuzz_claim_neverExceedsTheSignedTotal(uint64 a, uint64 b, uint64 total) public {
        uint256 first = bound(a, 1, 1e17);
        uint256 second = bound(b, 1, 1e17);
        RewardsTree.Leaf[] memory leaves = _pair(first, second);
        IRewards.Proposal memory proposal = proposalOf(leaves);
        proposal.cumulativeTotal = bound(total, 1, first + second - 1);
        uint64 settlement = post(proposal);
        vm.warp(rewards.getSettlement(settlement).activeAt);
        for (uint256 i = 0; i < 2; ++i) {
            uint256 unpaid = proposal.cumulativeTotal - rewards.totalClaimed();
            if (leaves[i].cumulative <= unpaid) {
                claim(settlement, leaves, i);
            } else {
                vm.expectRevert(abi.encodeWithSelector(IRewards.OverTotal.selector, leaves[i].cumulative, unpaid));
                this.externalClaim(settlement, leaves, i);
            }
        }
        assertLe(rewards.totalClaimed(), proposal.cumulativeTotal);
    }

    /// @dev An external call, so that `vm.expectRevert` applies to the claim, not to the creation of its proof.
    function externalClaim(uint64 settlement, RewardsTree.Leaf[] calldata leaves, uint256 index) external {
        claim(settlement, leaves, index);
    }

    function _pair(uint256 first, uint256 second) private view returns (RewardsTree.Leaf[] memory leaves) {
        leaves = new RewardsTree.Leaf[](2);
        leaves[0] = RewardTree.leafOf(alice, first);
        leaves[1] = RewardTree.leafOf(bob, second);
        return RewardTree.summed(leaves);
    }
}
