// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Court} from "../src/Court.sol";
import {Rewards} from "../src/Rewards.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {RoundsFixture} from "./RoundsFixture.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice `Rewards` with its `Court`, and short calls for the steps of a settlement.
abstract contract RewardsFixture is RoundsFixture {
    uint256 internal constant PAYMENT_GAS = 100_000;
    uint64 internal constant ANSWER_WINDOW = 10 hours;
    uint64 internal constant SLACK = 6 hours;
    uint64 internal constant DEMAND_WINDOW = 8 hours;
    uint256 internal constant LEAST_BOND = 0.1 ether;

    address internal immutable TREASURY = makeAddr("treasury");

    Court internal court;
    Rewards internal rewards;

    function setUp() public virtual override {
        super.setUp();
        court = new Court(ANSWER_WINDOW, SLACK, DEMAND_WINDOW, LEAST_BOND);
        rewards = deployRewards(PAYMENT_GAS);
        deposit(100 ether);
        playRound();
    }

    function deployRewards(uint256 paymentGas) internal returns (Rewards) {
        return new Rewards(roles, rounds, court, TREASURY, paymentGas);
    }

    function deposit(uint256 amount) internal {
        vm.deal(STRANGER, amount);
        vm.prank(STRANGER);
        rewards.deposit{value: amount}();
    }

    /// @notice The next settlement up to the newest round.
    function proposalOf(RewardsTree.Leaf[] memory leaves) internal view returns (IRewards.Proposal memory) {
        uint64 parent = rewards.head();
        return IRewards.Proposal({
            number: rewards.settlementCount() + 1,
            parent: parent,
            firstRound: lastRoundOf(parent) + 1,
            lastRound: rounds.latestRound(),
            root: RewardTree.rootOf(leaves),
            operators: uint32(leaves.length),
            cumulativeTotal: RewardTree.totalOf(leaves),
            drops: rewards.dropCount(),
            cid: cidOf("document")
        });
    }

    /// @notice The last round that a settlement covers; 0 if there is none.
    function lastRoundOf(uint64 settlement) internal view returns (uint64) {
        return settlement == 0 ? 0 : rewards.getSettlement(settlement).proposal.lastRound;
    }

    function sign(IRewards.Proposal memory proposal, address evaluator) internal view returns (bytes memory) {
        return signDigest(rewards.digestOf(proposal), evaluator);
    }

    function signDigest(bytes32 digest, address evaluator) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[evaluator], digest);
        return abi.encodePacked(r, s, v);
    }

    /// @notice Signatures of the first two evaluators.
    function signaturesOf(IRewards.Proposal memory proposal) internal view returns (bytes[] memory signatures) {
        signatures = new bytes[](THRESHOLD);
        for (uint256 i = 0; i < THRESHOLD; ++i) {
            signatures[i] = sign(proposal, evaluators[i]);
        }
    }

    function post(IRewards.Proposal memory proposal) internal returns (uint64) {
        return rewards.post(proposal, signaturesOf(proposal));
    }

    function post(RewardsTree.Leaf[] memory leaves) internal returns (uint64) {
        return post(proposalOf(leaves));
    }

    function postActive(RewardsTree.Leaf[] memory leaves) internal returns (uint64 settlement) {
        settlement = post(leaves);
        vm.warp(rewards.getSettlement(settlement).activeAt);
    }

    /// @notice Expects that a signed proposal is refused.
    function expectRefused(IRewards.Proposal memory proposal, bytes memory reason) internal {
        bytes[] memory signatures = signaturesOf(proposal);
        vm.expectRevert(reason);
        rewards.post(proposal, signatures);
    }

    function veto(uint64 settlement) internal {
        vm.prank(GUARDIAN);
        rewards.veto(settlement, "wrong roster");
    }

    /// @notice One operator's tree.
    function isDropped(IRewards.File memory file) internal view returns (bool) {
        return rewards.objectionsTo(file).dropped;
    }

    /// @dev After the guardian's time to keep it.
    function dropDue(IRewards.File memory file) internal {
        IRewards.File[] memory files = new IRewards.File[](1);
        files[0] = file;
        uint64 from = rewards.objectionsTo(file).dropsFrom;
        if (vm.getBlockTimestamp() < from) vm.warp(from);
        vm.prank(STRANGER);
        rewards.drop(files);
    }

    function single(address operator, uint256 cumulative) internal pure returns (RewardsTree.Leaf[] memory leaves) {
        return RewardTree.single(operator, cumulative);
    }

    function claim(uint64 settlement, RewardsTree.Leaf[] memory leaves, uint256 index) internal returns (uint256) {
        bytes32[] memory proof = RewardTree.proofOf(leaves, index);
        return rewards.claim(settlement, uint32(index), RewardTree.allocationOf(leaves[index]), proof);
    }

    function claimMany(uint64 settlement, RewardsTree.Leaf[] memory leaves) internal returns (uint256) {
        return claimMany(settlement, RewardTree.batchOf(leaves));
    }

    function claimMany(uint64 settlement, RewardTree.Batch memory batch) internal returns (uint256) {
        return rewards.claimMany(settlement, batch.start, batch.allocations, batch.siblings);
    }

    /// @notice The call data of `claim`.
    function claimCall(uint64 settlement, RewardsTree.Leaf[] memory leaves, uint256 index)
        internal
        view
        returns (bytes memory)
    {
        bytes32[] memory proof = RewardTree.proofOf(leaves, index);
        return abi.encodeCall(rewards.claim, (settlement, uint32(index), RewardTree.allocationOf(leaves[index]), proof));
    }

    function assertStatus(uint64 settlement, IRewards.Status status) internal view {
        assertEq(uint256(rewards.statusOf(settlement)), uint256(status));
    }
}
