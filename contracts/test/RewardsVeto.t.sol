// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../src/interfaces/IRewards.sol";
import {IRoles} from "../src/interfaces/IRoles.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {RewardsFixture} from "./RewardsFixture.sol";
import {RewardTree} from "./utils/RewardTree.sol";

contract RewardsVetoTest is RewardsFixture {
    address private operator = makeAddr("operator");

    function test_veto_voidsTheSettlement() public {
        uint64 settlement = post(single(operator, 1));
        vm.expectEmit(address(rewards));
        emit IRewards.SettlementVetoed(settlement, settlement, GUARDIAN, "wrong roster");
        veto(settlement);
        assertStatus(settlement, IRewards.Status.Void);
        assertEq(rewards.head(), 0);
        // Its record stays available.
        assertEq(rewards.getSettlement(settlement).proposal.cumulativeTotal, 1);
    }

    function test_veto_voidsDescendantsAndSparesAncestors() public {
        _postChain(4);
        vm.expectEmit(address(rewards));
        emit IRewards.SettlementVetoed(2, 4, GUARDIAN, "wrong roster");
        veto(2);
        assertEq(rewards.head(), 1);
        assertStatus(1, IRewards.Status.Pending);
        for (uint64 id = 2; id <= 4; ++id) {
            assertStatus(id, IRewards.Status.Void);
        }
    }

    /// @dev New settlements take the positions of void ones; void ones stay void.
    function test_veto_isNotUndoneByNewSettlements() public {
        _postChain(3);
        veto(2);
        IRewards.Proposal memory proposal = proposalOf(single(operator, 2));
        assertEq(proposal.parent, 1);
        assertEq(proposal.firstRound, 2);
        assertEq(post(proposal), 4);
        playRound();
        post(single(operator, 3));
        assertEq(rewards.head(), 5);
        vm.warp(block.timestamp + 365 days);
        assertStatus(1, IRewards.Status.Active);
        assertStatus(2, IRewards.Status.Void);
        assertStatus(3, IRewards.Status.Void);
        assertStatus(4, IRewards.Status.Active);
        assertStatus(5, IRewards.Status.Active);
    }

    function test_veto_isTheGuardians() public {
        post(single(operator, 1));
        vm.expectRevert(abi.encodeWithSelector(IRoles.NotGuardian.selector, OWNER, GUARDIAN));
        vm.prank(OWNER);
        rewards.veto(1, "");
    }

    function test_veto_neverReachesAnActiveSettlement() public {
        post(single(operator, 1));
        vm.warp(rewards.getSettlement(1).activeAt);
        _expectNotPending(1, IRewards.Status.Active);
        // Nor through its child.
        playRound();
        post(single(operator, 2));
        veto(2);
        assertStatus(1, IRewards.Status.Active);
        assertEq(rewards.head(), 1);
    }

    function test_veto_worksToTheLastSecond() public {
        post(single(operator, 1));
        vm.warp(rewards.getSettlement(1).activeAt - 1);
        veto(1);
        vm.warp(block.timestamp + 365 days);
        assertStatus(1, IRewards.Status.Void);
    }

    function test_veto_refusesVoidAndUnknown() public {
        post(single(operator, 1));
        veto(1);
        _expectNotPending(1, IRewards.Status.Void);
        _expectNotPending(0, IRewards.Status.None);
        _expectNotPending(2, IRewards.Status.None);
    }

    function test_veto_stopsPayment() public {
        RewardsTree.Leaf[] memory leaves = single(operator, 1);
        post(leaves);
        veto(1);
        vm.warp(block.timestamp + 365 days);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotActive.selector, 1, IRewards.Status.Void));
        this.externalClaim(1, leaves, 0);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotActive.selector, 1, IRewards.Status.Void));
        claimMany(1, batch);
    }

    function test_getSettlement_refusesUnknown() public {
        vm.expectRevert(abi.encodeWithSelector(IRewards.NoSuchSettlement.selector, 1));
        rewards.getSettlement(1);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NoSuchSettlement.selector, 0));
        rewards.getSettlement(0);
    }

    /// @dev An external call, so that `vm.expectRevert` applies to the claim.
    function externalClaim(uint64 settlement, RewardsTree.Leaf[] calldata leaves, uint256 index) external {
        claim(settlement, leaves, index);
    }

    function _postChain(uint256 count) private {
        for (uint256 i = 1; i <= count; ++i) {
            post(single(operator, i));
            playRound();
        }
    }

    function _expectNotPending(uint64 settlement, IRewards.Status status) private {
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotPending.selector, settlement, status));
        veto(settlement);
    }
}
