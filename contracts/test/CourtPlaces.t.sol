// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ICourt} from "../src/interfaces/ICourt.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {CourtFixture} from "./CourtFixture.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice Challengers who lie themselves, and settlements that cannot be challenged.
/// forge-config: ci.fuzz.runs = 512
contract CourtPlacesTest is CourtFixture {
    /// @dev Nothing that is made up of an honest settlement voids it: any place, any leaf, any proof.
    function testFuzz_challengeOrder_takesNoInventions(uint256 seed, uint256 how, RewardsTree.Leaf memory invented)
        public
    {
        (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves) = honest(seed);
        uint64 settlement = postBoth(parents, leaves);
        ICourt.Place memory lower = placeOf(leaves, next(leaves.length));
        uint256 other = next(leaves.length);
        (RewardsTree.Leaf memory upper, bytes32[] memory proof) = (leaves[other], RewardTree.proofOf(leaves, other));
        if (how & 1 != 0) lower.leaf = how & 32 == 0 ? invented : leaves[next(leaves.length)];
        if (how & 2 != 0) lower.index = uint32(next(8));
        if (how & 4 != 0) lower.proof = RewardTree.proofOf(leaves, next(leaves.length));
        if (how & 8 != 0) upper = invented;
        if (how & 16 != 0) proof = RewardTree.proofOf(leaves, next(leaves.length));
        vm.expectRevert();
        court.challengeOrder(rewards, settlement, lower, upper, proof);
        assertStatus(settlement, IRewards.Status.Pending);
    }

    function testFuzz_challengeGrowth_takesNoInventions(uint256 seed, uint256 how, RewardsTree.Leaf memory invented)
        public
    {
        (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves) = honest(seed);
        uint64 settlement = postBoth(parents, leaves);
        address operator = leaves[next(leaves.length)].operator;
        if (how & 1 != 0) operator = invented.operator;
        ICourt.Search memory here = _bent(searchOf(leaves, operator), leaves, how >> 8, invented);
        ICourt.Search memory before = searchOf(parents, operator);
        if (parents.length > 0) before = _bent(before, parents, how >> 16, invented);
        vm.expectRevert();
        court.challengeGrowth(rewards, settlement, operator, here, before);
        assertStatus(settlement, IRewards.Status.Pending);
    }

    /// @dev Who is there cannot be said to be missing.
    function test_challengeGrowth_refusesAbsenceOfWhoIsThere() public {
        (RewardsTree.Leaf[] memory leaves, uint64 settlement) = _three();
        RewardsTree.Leaf[] memory none = new RewardsTree.Leaf[](0);
        ICourt.Search memory before = searchOf(none, address(0x20));
        ICourt.Search memory here;
        (here.lower, here.lowerProof) = (leaves[0], RewardTree.proofOf(leaves, 0));
        (here.upper, here.upperProof) = (leaves[2], RewardTree.proofOf(leaves, 2));
        // They are neighbours of it, but not of each other.
        here.index = 1;
        _expectGrowthRefused(settlement, here, before, abi.encodeWithSelector(ICourt.NotInTree.selector, 1));
        here.index = 2;
        _expectGrowthRefused(settlement, here, before, abi.encodeWithSelector(ICourt.NotInTree.selector, 1));
        // Its own leaf is none of its neighbours.
        (here.lower, here.lowerProof) = (leaves[1], RewardTree.proofOf(leaves, 1));
        bytes memory reason = abi.encodeWithSelector(ICourt.WrongNeighbour.selector, address(0x20), address(0x20));
        _expectGrowthRefused(settlement, here, before, reason);
        (here.lower, here.lowerProof) = (leaves[0], RewardTree.proofOf(leaves, 0));
        (here.upper, here.upperProof) = (leaves[1], RewardTree.proofOf(leaves, 1));
        here.index = 1;
        _expectGrowthRefused(settlement, here, before, reason);
        // Beside the end of the tree.
        here.index = 4;
        _expectGrowthRefused(settlement, here, before, abi.encodeWithSelector(ICourt.NotInTree.selector, 4));
        here.index = 3;
        (here.lower, here.lowerProof) = (leaves[2], RewardTree.proofOf(leaves, 2));
        reason = abi.encodeWithSelector(ICourt.WrongNeighbour.selector, address(0x20), address(0x30));
        _expectGrowthRefused(settlement, here, before, reason);
        here.index = 0;
        (here.upper, here.upperProof) = (leaves[0], RewardTree.proofOf(leaves, 0));
        reason = abi.encodeWithSelector(ICourt.WrongNeighbour.selector, address(0x20), address(0x10));
        _expectGrowthRefused(settlement, here, before, reason);
    }

    /// @dev Another's allocation is not its own.
    function test_challengeGrowth_refusesAnothersAllocation() public {
        (RewardsTree.Leaf[] memory leaves, uint64 settlement) = _three();
        ICourt.Search memory before = searchOf(new RewardsTree.Leaf[](0), address(0x20));
        ICourt.Search memory here = searchOf(leaves, address(0x30));
        _expectGrowthRefused(
            settlement,
            here,
            before,
            abi.encodeWithSelector(ICourt.WrongNeighbour.selector, address(0x20), address(0x30))
        );
        here = searchOf(leaves, address(0x20));
        before = here;
        _expectGrowthRefused(settlement, here, before, abi.encodeWithSelector(ICourt.NotInTree.selector, 1));
    }

    /* WHAT CANNOT BE CHALLENGED */

    function test_challenges_areOfPendingSettlements() public {
        (RewardsTree.Leaf[] memory leaves, uint64 settlement) = _three();
        vm.warp(rewards.getSettlement(settlement).activeAt);
        _expectAllRefused(settlement, leaves, abi.encodeWithSelector(ICourt.NotPending.selector, settlement));
        playRound();
        leaves[0].cumulative += 1;
        leaves = RewardTree.summed(leaves);
        uint64 second = post(leaves);
        veto(second);
        _expectAllRefused(second, leaves, abi.encodeWithSelector(ICourt.NotPending.selector, second));
        _expectAllRefused(0, leaves, abi.encodeWithSelector(ICourt.NotPending.selector, 0));
        _expectAllRefused(9, leaves, abi.encodeWithSelector(ICourt.NotPending.selector, 9));
    }

    /// @dev To the last second, and not a second longer.
    function test_challenges_untilTheLastSecond() public {
        RewardsTree.Leaf[] memory leaves = single(STRANGER, 100);
        leaves[0].running = 99;
        uint64 settlement = post(leaves);
        uint64 activeAt = rewards.getSettlement(settlement).activeAt;
        uint256 before = vm.snapshotState();
        vm.warp(activeAt);
        _expectAllRefused(settlement, leaves, abi.encodeWithSelector(ICourt.NotPending.selector, settlement));
        vm.revertToState(before);
        vm.warp(activeAt - 1);
        challengeOrder(settlement, leaves, 0);
        assertStatus(settlement, IRewards.Status.Void);
    }

    /// @dev With its parent's tree, everything was the parent's to prove.
    function test_challenges_refuseWhatAddsNothing() public {
        RewardsTree.Leaf[] memory none = new RewardsTree.Leaf[](0);
        uint64 first = post(none);
        RewardsTree.Leaf[] memory leaves = single(STRANGER, 100);
        _expectAllRefused(first, leaves, abi.encodeWithSelector(ICourt.AddsNothing.selector, first));
        playRound();
        leaves[0].running = 99;
        uint64 second = post(leaves);
        playRound();
        uint64 third = post(leaves);
        _expectAllRefused(third, leaves, abi.encodeWithSelector(ICourt.AddsNothing.selector, third));
        // It falls with its parent.
        challengeOrder(second, leaves, 0);
        assertStatus(third, IRewards.Status.Void);
        assertStatus(first, IRewards.Status.Pending);
    }

    function test_challenges_voidDescendantsAndSpareAncestors() public {
        uint64 first = post(single(STRANGER, 100));
        playRound();
        RewardsTree.Leaf[] memory leaves = single(STRANGER, 200);
        (leaves[0].grown, leaves[0].running) = (100, 199);
        uint64 second = post(leaves);
        for (uint256 i = 3; i < 6; ++i) {
            playRound();
            post(single(STRANGER, i * 100));
        }
        vm.expectEmit(address(rewards));
        emit IRewards.SettlementDisproved(second, 5);
        vm.prank(STRANGER);
        this.order(second, leaves, 0);
        assertEq(rewards.head(), first);
        assertStatus(first, IRewards.Status.Pending);
        for (uint64 id = second; id <= 5; ++id) {
            assertStatus(id, IRewards.Status.Void);
        }
        // The chain goes on from what remains.
        IRewards.Proposal memory proposal = proposalOf(single(STRANGER, 200));
        assertEq(proposal.parent, first);
        assertEq(post(proposal), 6);
    }

    /* HELPERS */

    function order(uint64 settlement, RewardsTree.Leaf[] calldata leaves, uint256 index) external {
        challengeOrder(settlement, leaves, index);
    }

    function _three() private returns (RewardsTree.Leaf[] memory leaves, uint64 settlement) {
        leaves = new RewardsTree.Leaf[](3);
        for (uint256 i = 0; i < 3; ++i) {
            leaves[i] = RewardTree.leafOf(address(uint160(0x10 * (i + 1))), 100);
            leaves[i].grown = 100;
        }
        leaves = RewardTree.summed(leaves);
        settlement = post(leaves);
    }

    function _expectGrowthRefused(
        uint64 settlement,
        ICourt.Search memory here,
        ICourt.Search memory before,
        bytes memory reason
    ) private {
        vm.expectRevert(reason);
        court.challengeGrowth(rewards, settlement, address(0x20), here, before);
    }

    function _expectAllRefused(uint64 settlement, RewardsTree.Leaf[] memory leaves, bytes memory reason) private {
        ICourt.Place memory place = placeOf(leaves, 0);
        ICourt.Search memory search = searchOf(leaves, STRANGER);
        bytes32 root = RewardTree.rootOf(leaves);
        vm.expectRevert(reason);
        court.challengeOrder(rewards, settlement, place, leaves[0], new bytes32[](0));
        vm.expectRevert(reason);
        court.challengeGrowth(rewards, settlement, STRANGER, search, search);
        vm.deal(address(this), 1 ether);
        vm.expectRevert(reason);
        court.demand{value: 1 ether}(rewards, settlement, root, 0);
    }

    /// @dev Changes some of a search.
    function _bent(
        ICourt.Search memory search,
        RewardsTree.Leaf[] memory leaves,
        uint256 how,
        RewardsTree.Leaf memory invented
    ) private returns (ICourt.Search memory) {
        if (how & 1 != 0) search.present = !search.present;
        if (how & 2 != 0) search.index = uint32(next(8));
        uint256 i = next(leaves.length);
        if (how & 4 != 0) (search.lower, search.lowerProof) = (leaves[i], RewardTree.proofOf(leaves, i));
        i = next(leaves.length);
        if (how & 8 != 0) (search.upper, search.upperProof) = (leaves[i], RewardTree.proofOf(leaves, i));
        if (how & 16 != 0) search.lower = invented;
        if (how & 32 != 0) search.upper = invented;
        return search;
    }
}
