// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Rewards} from "../src/Rewards.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {RoundsFixture} from "./RoundsFixture.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice `Rewards` with three evaluators, of whom two must sign, and short calls for the steps of a settlement.
abstract contract RewardsFixture is RoundsFixture {
    uint64 internal constant WINDOW = 1 days;
    uint256 internal constant PAYMENT_GAS = 100_000;
    uint256 internal constant THRESHOLD = 2;
    uint256 internal constant BUDGET = 456_621_004_566_210_045;

    address internal immutable GUARDIAN = makeAddr("guardian");
    address internal immutable TREASURY = makeAddr("treasury");

    Rewards internal rewards;
    /// @dev Ascending by address.
    address[] internal evaluators;
    mapping(address evaluator => uint256 key) internal keyOf;

    function setUp() public virtual override {
        super.setUp();
        evaluators = newEvaluators("evaluator", 3);
        rewards = new Rewards(rounds, OWNER, GUARDIAN, TREASURY, WINDOW, WINDOW, PAYMENT_GAS, evaluators, THRESHOLD);
        deposit(100 ether);
        playRound();
    }

    /// @notice Addresses with known keys, ascending.
    function newEvaluators(string memory label, uint256 count) internal returns (address[] memory set) {
        set = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            (address evaluator, uint256 key) = makeAddrAndKey(string.concat(label, vm.toString(i)));
            keyOf[evaluator] = key;
            uint256 at = i;
            while (at > 0 && set[at - 1] > evaluator) {
                set[at] = set[at - 1];
                --at;
            }
            set[at] = evaluator;
        }
    }

    function deposit(uint256 amount) internal {
        vm.deal(STRANGER, amount);
        vm.prank(STRANGER);
        rewards.deposit{value: amount}();
    }

    /// @notice The next settlement up to the newest round.
    function proposalOf(RewardTree.Leaf[] memory leaves) internal view returns (IRewards.Proposal memory) {
        uint64 parent = rewards.head();
        uint64 parentLast = parent == 0 ? 0 : rewards.getSettlement(parent).proposal.lastRound;
        uint256 total;
        for (uint256 i = 0; i < leaves.length; ++i) {
            total += leaves[i].cumulative;
        }
        return IRewards.Proposal({
            parent: parent,
            firstRound: parentLast + 1,
            lastRound: rounds.latestRound(),
            root: RewardTree.rootOf(leaves),
            cumulativeTotal: total,
            acceptedRoot: keccak256("accepted"),
            cid: cidOf("document")
        });
    }

    function sign(IRewards.Proposal memory proposal, address evaluator) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[evaluator], rewards.digestOf(proposal));
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

    function post(RewardTree.Leaf[] memory leaves) internal returns (uint64) {
        return post(proposalOf(leaves));
    }

    function postActive(RewardTree.Leaf[] memory leaves) internal returns (uint64 settlement) {
        settlement = post(leaves);
        vm.warp(rewards.getSettlement(settlement).activeAt);
    }

    function veto(uint64 settlement) internal {
        vm.prank(GUARDIAN);
        rewards.veto(settlement, "wrong roster");
    }

    /// @notice One operator's tree.
    function single(address operator, uint256 cumulative) internal pure returns (RewardTree.Leaf[] memory leaves) {
        leaves = new RewardTree.Leaf[](1);
        leaves[0] = RewardTree.Leaf(operator, cumulative);
    }

    function claim(uint64 settlement, RewardTree.Leaf[] memory leaves, uint256 index) internal returns (uint256) {
        bytes32[] memory proof = RewardTree.proofOf(leaves, index);
        return rewards.claim(settlement, leaves[index].operator, leaves[index].cumulative, proof);
    }

    function claimMany(uint64 settlement, RewardTree.Leaf[] memory leaves) internal returns (uint256) {
        return claimMany(settlement, RewardTree.batchOf(leaves));
    }

    function claimMany(uint64 settlement, RewardTree.Batch memory batch) internal returns (uint256) {
        return rewards.claimMany(settlement, batch.allocations, batch.proof, batch.flags);
    }

    function assertStatus(uint64 settlement, IRewards.Status status) internal view {
        assertEq(uint256(rewards.statusOf(settlement)), uint256(status));
    }
}
