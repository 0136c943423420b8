// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ICourt} from "../src/interfaces/ICourt.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {CourtFixture} from "./CourtFixture.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice Every lie about past promises has a challenge that voids it, and what is honest has none.
/// forge-config: ci.fuzz.runs = 256
contract CourtChallengesTest is CourtFixture {
    uint256 private constant KINDS = 12;

    /// @dev Whatever is changed of an honest settlement: a watcher who tries every challenge voids it if it breaks a rule,
    /// and only then.
    function testFuzz_watcher_voidsLiesAndNothingElse(uint256 seed) public {
        (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves) = honest(seed);
        uint256 total;
        (leaves, total) = _bend(leaves, next(KINDS));
        uint256 promised = RewardTree.totalOf(parents);
        // The contract itself refuses a total that has not grown.
        if (total <= promised) total = promised + 1;
        bool isRight = isInOrder(leaves, total) && hasGrown(parents, leaves);
        uint64 settlement = postBoth(parents, leaves, total);
        assertEq(sweep(settlement, parents, leaves), !isRight);
        assertStatus(settlement, isRight ? IRewards.Status.Pending : IRewards.Status.Void);
        if (parents.length > 0) assertStatus(settlement - 1, IRewards.Status.Pending);
    }

    function testFuzz_honest_cannotBeVoided(uint256 seed, address anybody) public {
        (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves) = honest(seed);
        uint64 settlement = postBoth(parents, leaves);
        bytes memory reason = abi.encodeWithSelector(ICourt.NotFraud.selector);
        for (uint256 i = 0; i < leaves.length; ++i) {
            vm.expectRevert(reason);
            this.order(settlement, leaves, i);
            address operator = leaves[i].operator;
            _expectHonestGrowth(settlement, parents, leaves, operator);
            _expectHonestGrowth(settlement, parents, leaves, address(uint160(operator) - 1));
            _expectHonestGrowth(settlement, parents, leaves, address(uint160(operator) + 1));
        }
        _expectHonestGrowth(settlement, parents, leaves, address(0));
        _expectHonestGrowth(settlement, parents, leaves, address(type(uint160).max));
        _expectHonestGrowth(settlement, parents, leaves, anybody);
        assertStatus(settlement, IRewards.Status.Pending);
    }

    /* LIES ABOUT THE ORDER */

    function testFuzz_challengeOrder_voidsWhatDoesNotAscend(uint256 seed) public {
        (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves) = _several(seed);
        uint256 i = next(leaves.length - 1);
        (leaves[i], leaves[i + 1]) = (leaves[i + 1], leaves[i]);
        leaves = RewardTree.summed(leaves);
        _voidByOrder(postBoth(parents, leaves), leaves, i);
    }

    function testFuzz_challengeOrder_voidsAnOperatorTwice(uint256 seed) public {
        (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves) = _several(seed);
        uint256 i = next(leaves.length - 1);
        leaves[i].operator = leaves[i + 1].operator;
        _voidByOrder(postBoth(parents, leaves), leaves, i);
    }

    function testFuzz_challengeOrder_voidsBentSums(uint256 seed, uint96 running) public {
        (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves) = honest(seed);
        uint256 i = next(leaves.length);
        vm.assume(running != leaves[i].running);
        leaves[i].running = running;
        // Between it and the one before, or, of the first, by itself.
        _voidByOrder(postBoth(parents, leaves), leaves, i == 0 ? 0 : i - 1);
    }

    function testFuzz_challengeOrder_voidsATotalThatIsNotTheSum(uint256 seed, uint256 excess) public {
        (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves) = honest(seed);
        uint256 total = RewardTree.totalOf(leaves);
        if (seed % 2 == 0) total -= 1;
        else total += bound(excess, 1, BUDGET / 2);
        _voidByOrder(postBoth(parents, leaves, total), leaves, leaves.length - 1);
    }

    /// @dev A made-up neighbour shows nothing.
    function testFuzz_challengeOrder_refusesWhatIsNotInTheTree(uint256 seed) public {
        (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves) = _several(seed);
        uint64 settlement = postBoth(parents, leaves);
        uint256 i = next(leaves.length - 1);
        ICourt.Place memory lower = placeOf(leaves, i);
        bytes32[] memory proof = RewardTree.proofOf(leaves, i + 1);
        leaves[i + 1].running += 1;
        vm.expectRevert(abi.encodeWithSelector(ICourt.NotInTree.selector, i + 1));
        court.challengeOrder(rewards, settlement, lower, leaves[i + 1], proof);
        leaves[i + 1].running -= 1;
        lower.leaf.running += 1;
        vm.expectRevert(abi.encodeWithSelector(ICourt.NotInTree.selector, i));
        court.challengeOrder(rewards, settlement, lower, leaves[i + 1], proof);
        assertStatus(settlement, IRewards.Status.Pending);
    }

    /* LIES ABOUT PAST PROMISES */

    /// @dev Nor do made-up neighbours show that somebody is missing.
    function testFuzz_challengeGrowth_refusesWhatIsNotInTheTree(uint256 seed) public {
        (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves) = _several(seed);
        uint64 settlement = postBoth(parents, leaves);
        for (uint256 i = 0; i < leaves.length; ++i) {
            address operator = leaves[i].operator;
            bytes32[] memory proof = RewardTree.proofOf(leaves, i);
            RewardsTree.Leaf memory other = RewardTree.leafOf(address(uint160(operator) - 1), leaves[i].cumulative);
            ICourt.Search memory here;
            here.index = uint32(i + 1);
            (here.lower, here.lowerProof) = (other, proof);
            if (i + 1 < leaves.length) {
                (here.upper, here.upperProof) = (leaves[i + 1], RewardTree.proofOf(leaves, i + 1));
            }
            _expectNotInTree(settlement, parents, operator, here, i);
            here.index = uint32(i);
            if (i > 0) (here.lower, here.lowerProof) = (leaves[i - 1], RewardTree.proofOf(leaves, i - 1));
            other.operator = address(uint160(operator) + 1);
            (here.upper, here.upperProof) = (other, proof);
            _expectNotInTree(settlement, parents, operator, here, i);
        }
        assertStatus(settlement, IRewards.Status.Pending);
    }

    function testFuzz_challengeGrowth_voidsWhatFell(uint256 seed) public {
        (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves) = _several(seed);
        vm.assume(parents.length > 0);
        address victim = parents[next(parents.length)].operator;
        uint256 i = _indexOf(leaves, victim);
        // What is taken from one goes to another, as earned.
        uint256 other = i == 0 ? 1 : i - 1;
        uint96 taken = leaves[i].grown + 1;
        (leaves[i].cumulative, leaves[i].grown) = (leaves[i].cumulative - taken, 0);
        (leaves[other].cumulative, leaves[other].grown) =
        (leaves[other].cumulative + taken, leaves[other].grown + taken);
        leaves = RewardTree.summed(leaves);
        _voidByGrowth(postBoth(parents, leaves), parents, leaves, victim);
    }

    function testFuzz_challengeGrowth_voidsWhatGrewByMoreThanItSays(uint256 seed, uint96 more) public {
        (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves) = honest(seed);
        uint256 i = next(leaves.length);
        leaves[i].cumulative += uint96(bound(more, 1, BUDGET / 2));
        leaves = RewardTree.summed(leaves);
        _voidByGrowth(postBoth(parents, leaves), parents, leaves, leaves[i].operator);
    }

    function testFuzz_challengeGrowth_voidsWhatSaysMoreThanItGrew(uint256 seed, uint96 more) public {
        (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves) = honest(seed);
        uint256 i = next(leaves.length);
        leaves[i].grown = uint96(bound(more, leaves[i].grown + 1, type(uint96).max));
        _voidByGrowth(postBoth(parents, leaves), parents, leaves, leaves[i].operator);
    }

    function testFuzz_challengeGrowth_voidsANewcomerFromNothing(uint256 seed, uint96 amount) public {
        (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves) = honest(seed);
        RewardsTree.Leaf memory newcomer =
            RewardTree.leafOf(address(uint160(leaves[leaves.length - 1].operator) + 5), bound(amount, 1, BUDGET / 2));
        leaves = RewardTree.summed(_inserted(leaves, leaves.length, newcomer));
        _voidByGrowth(postBoth(parents, leaves), parents, leaves, newcomer.operator);
    }

    /// @dev The first, the last, or one between two others: whose neighbours show that it is not there.
    function testFuzz_challengeGrowth_voidsWhoIsMissing(uint256 seed) public {
        (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves) = _several(seed);
        vm.assume(parents.length > 0);
        address gone = parents[next(parents.length)].operator;
        uint256 total = RewardTree.totalOf(leaves);
        leaves = _removed(leaves, _indexOf(leaves, gone));
        // What it had goes to another, so that the total has grown.
        leaves[0].cumulative += uint96(total - RewardTree.totalOf(leaves));
        leaves = RewardTree.summed(leaves);
        _voidByGrowth(postBoth(parents, leaves), parents, leaves, gone);
    }

    /// @dev All are gone, and one thief has everything.
    function testFuzz_challengeGrowth_voidsATreeOfAThiefAlone(uint256 seed) public {
        (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves) = honest(seed);
        vm.assume(parents.length > 0);
        uint256 total = RewardTree.totalOf(leaves);
        leaves = single(STRANGER, total);
        leaves[0].grown = uint96(total);
        _voidByGrowth(postBoth(parents, leaves), parents, leaves, parents[next(parents.length)].operator);
    }

    /* HELPERS */

    function order(uint64 settlement, RewardsTree.Leaf[] calldata leaves, uint256 index) external {
        challengeOrder(settlement, leaves, index);
    }

    function growth(
        uint64 settlement,
        RewardsTree.Leaf[] calldata parents,
        RewardsTree.Leaf[] calldata leaves,
        address operator
    ) external {
        challengeGrowth(settlement, parents, leaves, operator);
    }

    function _expectHonestGrowth(
        uint64 settlement,
        RewardsTree.Leaf[] memory parents,
        RewardsTree.Leaf[] memory leaves,
        address operator
    ) private {
        vm.expectRevert(ICourt.NotFraud.selector);
        this.growth(settlement, parents, leaves, operator);
    }

    function _voidByOrder(uint64 settlement, RewardsTree.Leaf[] memory leaves, uint256 index) private {
        vm.expectEmit(address(court));
        emit ICourt.Disproved(rewards, settlement, address(this), ICourt.challengeOrder.selector);
        vm.expectEmit(address(rewards));
        emit IRewards.SettlementDisproved(settlement, settlement);
        challengeOrder(settlement, leaves, index);
        assertStatus(settlement, IRewards.Status.Void);
    }

    function _voidByGrowth(
        uint64 settlement,
        RewardsTree.Leaf[] memory parents,
        RewardsTree.Leaf[] memory leaves,
        address operator
    ) private {
        vm.expectEmit(address(court));
        emit ICourt.Disproved(rewards, settlement, address(this), ICourt.challengeGrowth.selector);
        vm.expectEmit(address(rewards));
        emit IRewards.SettlementDisproved(settlement, settlement);
        challengeGrowth(settlement, parents, leaves, operator);
        assertStatus(settlement, IRewards.Status.Void);
    }

    /// @dev Of two operators at least.
    function _several(uint256 seed)
        private
        returns (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves)
    {
        for (; leaves.length < 2; seed = uint256(keccak256(abi.encode(seed)))) {
            (parents, leaves) = honest(seed);
        }
    }

    /// @dev Changes one thing, most often into a lie.
    function _bend(RewardsTree.Leaf[] memory leaves, uint256 kind)
        private
        returns (RewardsTree.Leaf[] memory bent, uint256 total)
    {
        uint256 i = next(leaves.length);
        uint256 j = next(leaves.length);
        uint96 some = uint96(1 + next(1e12));
        total = RewardTree.totalOf(leaves);
        if (kind == 0) return (leaves, total);
        if (kind == 1) return (leaves, next(2) == 0 ? total + some : total - 1);
        if (kind == 2) leaves[i].running += some;
        if (kind == 3) leaves[i].grown += some;
        if (kind == 4) leaves[i].operator = address(uint160(next(1 << 160)));
        if (kind == 5) leaves[i].sheet = 0;
        if (kind < 6) return (leaves, total);
        if (kind == 6) leaves[i].cumulative += some;
        if (kind == 7) leaves[i].cumulative -= leaves[i].cumulative < some ? leaves[i].cumulative : some;
        if (kind == 8) (leaves[i], leaves[j]) = (leaves[j], leaves[i]);
        if (kind == 9) leaves = _inserted(leaves, i, leaves[j]);
        if (kind == 10 && leaves.length > 1) leaves = _removed(leaves, i);
        if (kind == 11) {
            RewardsTree.Leaf memory newcomer = RewardTree.leafOf(address(uint160(leaves[i].operator) + 1), some);
            newcomer.grown = next(2) == 0 ? some : 0;
            leaves = _inserted(leaves, i + 1, newcomer);
        }
        bent = RewardTree.summed(leaves);
        total = RewardTree.totalOf(bent);
    }

    function _inserted(RewardsTree.Leaf[] memory leaves, uint256 at, RewardsTree.Leaf memory leaf)
        private
        pure
        returns (RewardsTree.Leaf[] memory more)
    {
        more = new RewardsTree.Leaf[](leaves.length + 1);
        for (uint256 i = 0; i < more.length; ++i) {
            more[i] = _copy(i < at ? leaves[i] : i == at ? leaf : leaves[i - 1]);
        }
    }

    function _removed(RewardsTree.Leaf[] memory leaves, uint256 at)
        private
        pure
        returns (RewardsTree.Leaf[] memory fewer)
    {
        fewer = new RewardsTree.Leaf[](leaves.length - 1);
        for (uint256 i = 0; i < fewer.length; ++i) {
            fewer[i] = leaves[i < at ? i : i + 1];
        }
    }

    /// @dev Not a second reference to the same memory.
    function _copy(RewardsTree.Leaf memory leaf) private pure returns (RewardsTree.Leaf memory) {
        return abi.decode(abi.encode(leaf), (RewardsTree.Leaf));
    }

    function _indexOf(RewardsTree.Leaf[] memory leaves, address operator) private pure returns (uint256 index) {
        while (leaves[index].operator != operator) ++index;
    }

    function _expectNotInTree(
        uint64 settlement,
        RewardsTree.Leaf[] memory parents,
        address operator,
        ICourt.Search memory here,
        uint256 index
    ) private {
        ICourt.Search memory before = searchOf(parents, operator);
        vm.expectRevert(abi.encodeWithSelector(ICourt.NotInTree.selector, index));
        court.challengeGrowth(rewards, settlement, operator, here, before);
    }
}
