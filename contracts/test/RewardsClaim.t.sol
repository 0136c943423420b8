// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsFixture} from "./RewardsFixture.sol";
import {Refuser} from "./mocks/Recipients.sol";
import {RewardTree} from "./utils/RewardTree.sol";

contract RewardsClaimTest is RewardsFixture {
    address private alice = makeAddr("alice");
    address private bob = makeAddr("bob");

    /* CLAIM */

    function test_claim_paysTheOperator() public {
        RewardTree.Leaf[] memory leaves = _pair(100, 200);
        uint64 settlement = postActive(leaves);
        bytes32[] memory proof = RewardTree.proofOf(leaves, 0);
        vm.expectEmit(address(rewards));
        emit IRewards.Claimed(settlement, alice, alice, 100, 100);
        vm.prank(STRANGER);
        assertEq(rewards.claim(settlement, alice, 100, proof), 100);
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
        RewardTree.Leaf[] memory leaves = _pair(100, 200);
        uint64 settlement = postActive(leaves);
        vm.expectEmit(address(rewards));
        emit IRewards.Claimed(settlement, alice, wallet, 100, 100);
        claim(settlement, leaves, 0);
        assertEq(wallet.balance, 100);
        assertEq(alice.balance, 0);
    }

    function test_claim_paysOnlyWhatIsNew() public {
        RewardTree.Leaf[] memory leaves = _pair(100, 200);
        uint64 first = postActive(leaves);
        claim(first, leaves, 0);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NothingToClaim.selector, alice, 100, 100));
        this.externalClaim(first, leaves, 0);

        playRound();
        RewardTree.Leaf[] memory more = _pair(150, 200);
        uint64 second = postActive(more);
        assertEq(claim(second, more, 0), 50);
        // The older settlement is still active, but grants alice nothing more; bob has lost nothing.
        vm.expectRevert(abi.encodeWithSelector(IRewards.NothingToClaim.selector, alice, 100, 150));
        this.externalClaim(first, leaves, 0);
        assertEq(claim(first, leaves, 1), 200);
        assertEq(rewards.totalClaimed(), 350);
    }

    function test_claim_refusesOtherProofs() public {
        RewardTree.Leaf[] memory leaves = _pair(100, 200);
        uint64 settlement = postActive(leaves);
        bytes32[] memory proof = RewardTree.proofOf(leaves, 0);
        vm.expectRevert(abi.encodeWithSelector(IRewards.InvalidProof.selector, alice, 101));
        rewards.claim(settlement, alice, 101, proof);
        vm.expectRevert(abi.encodeWithSelector(IRewards.InvalidProof.selector, bob, 100));
        rewards.claim(settlement, bob, 100, proof);
        vm.expectRevert(abi.encodeWithSelector(IRewards.InvalidProof.selector, alice, 100));
        rewards.claim(settlement, alice, 100, new bytes32[](0));
    }

    function test_claim_waitsForActivation() public {
        RewardTree.Leaf[] memory leaves = _pair(100, 200);
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
        RewardTree.Leaf[] memory leaves = single(address(refuser), 100);
        uint64 settlement = postActive(leaves);
        vm.expectRevert(
            abi.encodeWithSelector(IRewards.PaymentFailed.selector, address(refuser), address(refuser), 100)
        );
        this.externalClaim(settlement, leaves, 0);
        assertEq(rewards.claimed(address(refuser)), 0);
        refuser.setAccepts(true);
        assertEq(claim(settlement, leaves, 0), 100);
    }

    /// @dev Evaluators signed a total smaller than the tree's sum: nobody gets more than the total out of it.
    function testFuzz_claim_neverExceedsTheSignedTotal(uint64 a, uint64 b, uint64 total) public {
        uint256 first = bound(a, 1, 1e17);
        uint256 second = bound(b, 1, 1e17);
        RewardTree.Leaf[] memory leaves = _pair(first, second);
        IRewards.Proposal memory proposal = proposalOf(leaves);
        proposal.cumulativeTotal = bound(total, 0, first + second - 1);
        uint64 settlement = post(proposal);
        vm.warp(rewards.getSettlement(settlement).activeAt);
        for (uint256 i = 0; i < 2; ++i) {
            uint256 wouldBePaid = rewards.totalClaimed() + leaves[i].cumulative;
            if (wouldBePaid <= proposal.cumulativeTotal) {
                claim(settlement, leaves, i);
            } else {
                vm.expectRevert(
                    abi.encodeWithSelector(IRewards.OverTotal.selector, wouldBePaid, proposal.cumulativeTotal)
                );
                this.externalClaim(settlement, leaves, i);
            }
        }
        assertLe(rewards.totalClaimed(), proposal.cumulativeTotal);
    }

    /* CLAIM MANY */

    function testFuzz_claimMany_paysEverybodyOnce(uint256 seed, uint8 count) public {
        count = uint8(bound(count, 1, 12));
        RewardTree.Leaf[] memory leaves = new RewardTree.Leaf[](count);
        uint256 total;
        for (uint256 i = 0; i < count; ++i) {
            uint256 cumulative = uint256(keccak256(abi.encode(seed, i))) % (BUDGET / count);
            leaves[i] = RewardTree.Leaf(makeAddr(vm.toString(i)), cumulative);
            total += cumulative;
        }
        uint64 settlement = postActive(leaves);
        assertEq(rewards.claimMany(settlement, claimsOf(leaves)), total);
        for (uint256 i = 0; i < count; ++i) {
            assertEq(leaves[i].operator.balance, leaves[i].cumulative);
            assertEq(rewards.claimed(leaves[i].operator), leaves[i].cumulative);
        }
        assertEq(rewards.claimMany(settlement, claimsOf(leaves)), 0);
        assertEq(rewards.totalClaimed(), total);
    }

    function test_claimMany_skipsWhatIsPaidAlready() public {
        RewardTree.Leaf[] memory leaves = _pair(100, 200);
        uint64 settlement = postActive(leaves);
        claim(settlement, leaves, 0);
        vm.expectEmit(address(rewards));
        emit IRewards.ClaimSkipped(settlement, alice, alice, 0);
        vm.expectEmit(address(rewards));
        emit IRewards.Claimed(settlement, bob, bob, 200, 200);
        assertEq(rewards.claimMany(settlement, claimsOf(leaves)), 200);
    }

    function test_claimMany_takesAnOperatorTwice() public {
        RewardTree.Leaf[] memory leaves = single(alice, 100);
        uint64 settlement = postActive(leaves);
        IRewards.Claim[] memory twice = new IRewards.Claim[](2);
        twice[0] = claimsOf(leaves)[0];
        twice[1] = twice[0];
        assertEq(rewards.claimMany(settlement, twice), 100);
        assertEq(alice.balance, 100);
    }

    function test_claimMany_revertsOnAWrongProof() public {
        RewardTree.Leaf[] memory leaves = _pair(100, 200);
        uint64 settlement = postActive(leaves);
        IRewards.Claim[] memory claims = claimsOf(leaves);
        claims[1].cumulative = 201;
        vm.expectRevert(abi.encodeWithSelector(IRewards.InvalidProof.selector, bob, 201));
        rewards.claimMany(settlement, claims);
        assertEq(alice.balance, 0);
    }

    function test_claimMany_needsAnActiveSettlement() public {
        RewardTree.Leaf[] memory leaves = _pair(100, 200);
        uint64 settlement = post(leaves);
        IRewards.Claim[] memory claims = claimsOf(leaves);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotActive.selector, settlement, IRewards.Status.Pending));
        rewards.claimMany(settlement, claims);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NoSuchSettlement.selector, 2));
        rewards.claimMany(2, claims);
    }

    function test_claimMany_takesNobody() public {
        uint64 settlement = postActive(_pair(100, 200));
        assertEq(rewards.claimMany(settlement, new IRewards.Claim[](0)), 0);
    }

    /// @dev An external call, so that `vm.expectRevert` sees the claim and not the making of its proof.
    function externalClaim(uint64 settlement, RewardTree.Leaf[] calldata leaves, uint256 index) external {
        claim(settlement, leaves, index);
    }

    function _pair(uint256 first, uint256 second) private view returns (RewardTree.Leaf[] memory leaves) {
        leaves = new RewardTree.Leaf[](2);
        leaves[0] = RewardTree.Leaf(alice, first);
        leaves[1] = RewardTree.Leaf(bob, second);
    }
}
