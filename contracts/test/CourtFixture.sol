// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ICourt} from "../src/interfaces/ICourt.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {RewardsFixture} from "./RewardsFixture.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice Honest settlements made from a seed, each the child of another, and what a watcher can send to the Court.
abstract contract CourtFixture is RewardsFixture {
    uint256 private random;

    /// @notice A settlement's leaves, and its parent's. One to six operators, of whom each was perhaps in the parent, and
    /// has perhaps grown; the last has grown by two at least.
    function honest(uint256 seed)
        internal
        returns (RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves)
    {
        random = seed;
        uint256 count = 1 + next(6);
        parents = new RewardsTree.Leaf[](count);
        leaves = new RewardsTree.Leaf[](count);
        uint256 before;
        uint160 operator = 0x1000;
        for (uint256 i = 0; i < count; ++i) {
            operator += 1 + uint160(next(i == 0 ? 1 << 155 : 1 << 154));
            leaves[i].operator = address(operator);
            bool isNew = next(3) == 0;
            if (isNew || next(2) == 0) leaves[i].grown = uint96(1 + next(1e12));
            if (i + 1 == count) leaves[i].grown = uint96(2 + next(1e12));
            if (!isNew) {
                parents[before] = RewardTree.leafOf(address(operator), 1 + next(1e12));
                parents[before].grown = parents[before].cumulative;
                leaves[i].cumulative = parents[before++].cumulative;
            }
            leaves[i].cumulative += leaves[i].grown;
            leaves[i].reports = uint32(next(100));
            leaves[i].sheet = keccak256(abi.encode(random));
        }
        assembly ("memory-safe") {
            mstore(parents, before)
        }
        (parents, leaves) = (RewardTree.summed(parents), RewardTree.summed(leaves));
    }

    function next(uint256 below) internal returns (uint256) {
        random = uint256(keccak256(abi.encode(random)));
        return random % below;
    }

    /// @notice Posts the parent, if it has leaves, and its child with the sum of its leaves as its total.
    function postBoth(RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves) internal returns (uint64) {
        return postBoth(parents, leaves, RewardTree.totalOf(leaves));
    }

    function postBoth(RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves, uint256 total)
        internal
        returns (uint64)
    {
        if (parents.length > 0) {
            post(parents);
            playRound();
        }
        IRewards.Proposal memory proposal = proposalOf(leaves);
        proposal.cumulativeTotal = total;
        return post(proposal);
    }

    /* WHAT A WATCHER SENDS */

    function placeOf(RewardsTree.Leaf[] memory leaves, uint256 index) internal pure returns (ICourt.Place memory) {
        return ICourt.Place({index: uint32(index), leaf: leaves[index], proof: RewardTree.proofOf(leaves, index)});
    }

    /// @notice Where an operator is, or would be, in a tree that is in order.
    function searchOf(RewardsTree.Leaf[] memory leaves, address operator)
        internal
        pure
        returns (ICourt.Search memory search)
    {
        uint256 index;
        while (index < leaves.length && leaves[index].operator < operator) ++index;
        search.index = uint32(index);
        search.present = index < leaves.length && leaves[index].operator == operator;
        if (search.present) {
            (search.lower, search.lowerProof) = (leaves[index], RewardTree.proofOf(leaves, index));
            return search;
        }
        if (index > 0) {
            (search.lower, search.lowerProof) = (leaves[index - 1], RewardTree.proofOf(leaves, index - 1));
        }
        if (index < leaves.length) {
            (search.upper, search.upperProof) = (leaves[index], RewardTree.proofOf(leaves, index));
        }
    }

    function challengeOrder(uint64 settlement, RewardsTree.Leaf[] memory leaves, uint256 index) internal {
        (RewardsTree.Leaf memory upper, bytes32[] memory proof) = _upper(leaves, index);
        court.challengeOrder(rewards, settlement, placeOf(leaves, index), upper, proof);
    }

    function challengeGrowth(
        uint64 settlement,
        RewardsTree.Leaf[] memory parents,
        RewardsTree.Leaf[] memory leaves,
        address operator
    ) internal {
        court.challengeGrowth(rewards, settlement, operator, searchOf(leaves, operator), searchOf(parents, operator));
    }

    /// @notice Everything that a watcher can try: whether something voided the settlement.
    function sweep(uint64 settlement, RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves)
        internal
        returns (bool)
    {
        for (uint256 i = 0; i < leaves.length; ++i) {
            if (_tryOrder(settlement, leaves, i)) return true;
        }
        for (uint256 i = 0; i < leaves.length; ++i) {
            if (_tryGrowth(settlement, parents, leaves, leaves[i].operator)) return true;
        }
        for (uint256 i = 0; i < parents.length; ++i) {
            if (_tryGrowth(settlement, parents, leaves, parents[i].operator)) return true;
        }
        return false;
    }

    /* WHAT IS RIGHT */

    /// @notice docs/protocol.md §11.2, as a list of rules.
    function isInOrder(RewardsTree.Leaf[] memory leaves, uint256 total) internal pure returns (bool) {
        uint256 sum;
        for (uint256 i = 0; i < leaves.length; ++i) {
            if (i > 0 && leaves[i].operator <= leaves[i - 1].operator) return false;
            sum += leaves[i].cumulative;
            if (leaves[i].running != sum) return false;
        }
        return sum == total;
    }

    /// @notice Whether everybody has what the parent promised, and what it has grown by.
    function hasGrown(RewardsTree.Leaf[] memory parents, RewardsTree.Leaf[] memory leaves)
        internal
        pure
        returns (bool)
    {
        for (uint256 i = 0; i < leaves.length; ++i) {
            uint256 promised = _cumulativeOf(parents, leaves[i].operator);
            if (leaves[i].cumulative != promised + leaves[i].grown) return false;
        }
        for (uint256 i = 0; i < parents.length; ++i) {
            if (parents[i].cumulative > _cumulativeOf(leaves, parents[i].operator)) return false;
        }
        return true;
    }

    function _cumulativeOf(RewardsTree.Leaf[] memory leaves, address operator) private pure returns (uint256) {
        for (uint256 i = 0; i < leaves.length; ++i) {
            if (leaves[i].operator == operator) return leaves[i].cumulative;
        }
        return 0;
    }

    function _tryOrder(uint64 settlement, RewardsTree.Leaf[] memory leaves, uint256 index) private returns (bool) {
        (RewardsTree.Leaf memory upper, bytes32[] memory proof) = _upper(leaves, index);
        try court.challengeOrder(rewards, settlement, placeOf(leaves, index), upper, proof) {
            return true;
        } catch {
            return false;
        }
    }

    function _tryGrowth(
        uint64 settlement,
        RewardsTree.Leaf[] memory parents,
        RewardsTree.Leaf[] memory leaves,
        address operator
    ) private returns (bool) {
        ICourt.Search memory here = searchOf(leaves, operator);
        try court.challengeGrowth(rewards, settlement, operator, here, searchOf(parents, operator)) {
            return true;
        } catch {
            return false;
        }
    }

    function _upper(RewardsTree.Leaf[] memory leaves, uint256 index)
        private
        pure
        returns (RewardsTree.Leaf memory upper, bytes32[] memory proof)
    {
        if (index + 1 < leaves.length) {
            (upper, proof) = (leaves[index + 1], RewardTree.proofOf(leaves, index + 1));
        }
    }
}
