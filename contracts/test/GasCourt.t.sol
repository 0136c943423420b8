// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ICourt} from "../src/interfaces/ICourt.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {CourtFixture} from "./CourtFixture.sol";
import {PositionalTrees} from "./utils/PositionalTrees.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice The gas of what is shown to the Court, in trees of 2^20 operators; with a descendant that falls too.
/// forge-config: default.isolate = true
contract CourtGasTest is CourtFixture {
    uint256 private constant DEPTH = 20;
    uint32 private constant INDEX = 699_050;

    RewardsTree.Leaf[] private pair;
    bytes32[][2] private proofs;

    /// @dev Two neighbours, of whom the first has less than its parent promised, and the second is out of order.
    function setUp() public override {
        super.setUp();
        _post([address(0x10), address(0x20)], 1e12);
        playRound();
        _post([address(0x20), address(0x10)], 2e12);
        playRound();
        post(single(STRANGER, 3e14));
    }

    function test_gas_challengeOrder() public {
        ICourt.Place memory lower = ICourt.Place({index: INDEX, leaf: pair[0], proof: proofs[0]});
        court.challengeOrder(rewards, 2, lower, pair[1], proofs[1]);
        assertLe(vm.snapshotGasLastCall("Court", "challengeOrder, of 1 000 000 operators"), 150_000);
    }

    function test_gas_challengeGrowth() public {
        ICourt.Search memory here = ICourt.Search({
            present: true, index: INDEX, lower: pair[0], lowerProof: proofs[0], upper: pair[1], upperProof: proofs[1]
        });
        // As if its neighbours in the parent's tree were these, which say that it has not been there.
        IRewards.Facts memory facts = rewards.factsOf(2);
        ICourt.Search memory before = _between(address(0x20));
        (facts.parentRoot, facts.parentOperators) = (_rootOf(before), uint32(2 ** DEPTH));
        vm.mockCall(address(rewards), abi.encodeCall(rewards.factsOf, (2)), abi.encode(facts));
        court.challengeGrowth(rewards, 2, address(0x20), here, before);
        assertLe(vm.snapshotGasLastCall("Court", "challengeGrowth, of 1 000 000 operators"), 200_000);
    }

    function test_gas_demands() public {
        bytes32 root = rewards.getSettlement(2).proposal.root;
        vm.deal(STRANGER, 2 ether);
        vm.prank(STRANGER);
        court.demand{value: 1 ether}(rewards, 2, root, INDEX);
        vm.snapshotGasLastCall("Court", "demand");
        vm.prank(STRANGER);
        court.demand{value: 1 ether}(rewards, 2, root, INDEX + 1);
        ICourt.Place memory shown = ICourt.Place({index: INDEX, leaf: pair[0], proof: proofs[0]});
        vm.prank(OWNER);
        court.answer(rewards, 2, shown);
        assertLe(vm.snapshotGasLastCall("Court", "answer, of 1 000 000 operators"), 120_000);
        skip(ANSWER_WINDOW + 1);
        vm.prank(OWNER);
        court.lapse(rewards, 2, INDEX + 1);
        vm.snapshotGasLastCall("Court", "lapse");
        court.withdraw(payable(STRANGER));
        vm.snapshotGasLastCall("Court", "withdraw");
    }

    function _post(address[2] memory operators, uint256 each) private {
        delete pair;
        RewardsTree.Leaf[] memory leaves = new RewardsTree.Leaf[](2);
        for (uint256 i = 0; i < 2; ++i) {
            leaves[i] = RewardTree.leafOf(operators[i], each);
            pair.push(leaves[i]);
        }
        (bytes32 root, bytes32[][2] memory paths) = _deep(leaves);
        proofs = paths;
        IRewards.Proposal memory proposal = proposalOf(leaves);
        (proposal.root, proposal.operators, proposal.cumulativeTotal) = (root, uint32(2 ** DEPTH), each * 100);
        post(proposal);
    }

    /// @dev Two leaves at INDEX, which is even, in a tree that is never built.
    function _deep(RewardsTree.Leaf[] memory leaves) private pure returns (bytes32 root, bytes32[][2] memory paths) {
        bytes32[] memory hashes = RewardTree.hashesOf(leaves);
        bytes32[] memory above;
        (root, above) = PositionalTrees.deep(hashes, INDEX, DEPTH);
        for (uint256 i = 0; i < 2; ++i) {
            paths[i] = new bytes32[](DEPTH);
            paths[i][0] = hashes[1 - i];
            for (uint256 level = 1; level < DEPTH; ++level) {
                paths[i][level] = above[level - 1];
            }
        }
    }

    function _between(address operator) private pure returns (ICourt.Search memory search) {
        RewardsTree.Leaf[] memory leaves = new RewardsTree.Leaf[](2);
        leaves[0] = RewardTree.leafOf(address(uint160(operator) - 1), 1);
        leaves[1] = RewardTree.leafOf(address(uint160(operator) + 1), 1);
        (, bytes32[][2] memory paths) = _deep(leaves);
        search.index = INDEX + 1;
        (search.lower, search.upper) = (leaves[0], leaves[1]);
        (search.lowerProof, search.upperProof) = (paths[0], paths[1]);
    }

    function _rootOf(ICourt.Search memory search) private pure returns (bytes32 root) {
        RewardsTree.Leaf[] memory leaves = new RewardsTree.Leaf[](2);
        (leaves[0], leaves[1]) = (search.lower, search.upper);
        (root,) = _deep(leaves);
    }
}
