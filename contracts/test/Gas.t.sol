// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {DrandBeacon} from "../src/beacon/DrandBeacon.sol";
import {FilecoinBeacon} from "../src/beacon/FilecoinBeacon.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {Blake2b} from "../src/libraries/Blake2b.sol";
import {RewardsFixture} from "./RewardsFixture.sol";
import {BeaconDigestPrecompile} from "./mocks/BeaconDigestPrecompile.sol";
import {MerkleTree} from "./utils/MerkleTree.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice The price of each step on the test EVM, recorded in `contracts/gas`: of transactions the whole, with
/// calldata and cold storage; of views the execution. Filecoin's gas is another unit and of another shape: there
/// `DrandBeacon.verify` costs 228 times as much as `FilecoinBeacon.verify`, and both several million.
/// forge-config: default.isolate = true
contract GasTest is RewardsFixture {
    BeaconCase private recorded;

    function setUp() public override {
        super.setUp();
        recorded = beacons()[37];
        assertEq(recorded.round, 17_133_822);
    }

    function test_gas_rounds() public {
        rounds = deployRounds(new DrandBeacon(QUICKNET_KEY, QUICKNET_GENESIS, QUICKNET_PERIOD));
        vm.warp(publishedAt(recorded.round) - 31);
        IRounds.Inputs memory inputs = inputsOf(1_000_000, 22_000_000);
        vm.prank(COORDINATOR);
        rounds.open(inputs);
        vm.snapshotGasLastCall("Rounds", "open, the first");
        rounds.reveal(1, recorded.signature);
        assertLe(vm.snapshotGasLastCall("Rounds", "reveal, by pairing"), 215_000);
        bytes memory cid = cidOf("batch");
        vm.prank(PUBLISHER);
        rounds.commit(1, cid, 100_000);
        vm.snapshotGasLastCall("Rounds", "commit, a round's first");
        cid = cidOf("another batch");
        vm.prank(PUBLISHER);
        rounds.commit(1, cid, 100_000);
        vm.snapshotGasLastCall("Rounds", "commit");
        rounds.committeeOf(1, 777_777);
        assertLe(vm.snapshotGasLastCall("Views", "committeeOf, of 1 000 000 stations"), 400_000);
        rounds.memberAt(1, 7777, 777_777);
        vm.snapshotGasLastCall("Views", "memberAt, of 1 000 000 stations");
        rounds.taskAt(1, 7777, 0);
        vm.snapshotGasLastCall("Views", "taskAt, of 22 000 000 tasks");
        vm.warp(rounds.getRound(1).closesAt);
        vm.prank(COORDINATOR);
        rounds.open(inputs);
        vm.snapshotGasLastCall("Rounds", "open");
    }

    function test_gas_beacons() public {
        DrandBeacon pairing = new DrandBeacon(QUICKNET_KEY, QUICKNET_GENESIS, QUICKNET_PERIOD);
        FilecoinBeacon digest = new FilecoinBeacon(1_598_306_400, 0);
        vm.etch(digest.BEACON_DIGEST(), type(BeaconDigestPrecompile).runtimeCode);
        uint256 epoch = 4_863_282;
        vm.roll(epoch);
        vm.store(
            digest.BEACON_DIGEST(),
            keccak256(abi.encode(epoch, uint256(0))),
            this.blake2b(compressedOf(recorded.signature))
        );

        pairing.verify(recorded.round, recorded.signature);
        assertLe(vm.snapshotGasLastCall("Views", "DrandBeacon.verify"), 140_000);
        digest.verify(recorded.round, recorded.signature);
        vm.snapshotGasLastCall("Views", "FilecoinBeacon.verify");
    }

    function test_gas_rewards() public {
        RewardTree.Leaf[] memory leaves = _operators(128, 1e12);
        IRewards.Proposal memory proposal = proposalOf(leaves);
        rewards.post(proposal, signaturesOf(proposal));
        vm.snapshotGasLastCall("Rewards", "post, one round, 2 signatures");
        vm.prank(GUARDIAN);
        rewards.veto(1, "wrong roster");
        vm.snapshotGasLastCall("Rewards", "veto");

        uint64 settlement = postActive(leaves);
        claim(settlement, leaves, 0);
        vm.snapshotGasLastCall("Rewards", "claim, an operator's first, of 128");
        IRewards.Claim[] memory claims = claimsOf(leaves);
        rewards.claimMany(settlement, claims);
        uint256 total = vm.snapshotGasLastCall("Rewards", "claimMany, 127 first claims");
        vm.snapshotValue("Rewards", "claimMany, a first claim of 127", total / 127);

        playRound();
        leaves = _operators(128, 2e12);
        settlement = postActive(leaves);
        claim(settlement, leaves, 0);
        vm.snapshotGasLastCall("Rewards", "claim, later");
        rewards.claimMany(settlement, claimsOf(leaves));
        total = vm.snapshotGasLastCall("Rewards", "claimMany, 127 later claims");
        vm.snapshotValue("Rewards", "claimMany, a later claim of 127", total / 127);
    }

    /// @dev The longest range: its price grows with the rounds, and must fit a block.
    function test_gas_longestSettlement() public {
        while (rounds.latestRound() < 512) playRound();
        RewardTree.Leaf[] memory leaves = _operators(2, 1e12);
        IRewards.Proposal memory proposal = proposalOf(leaves);
        rewards.post(proposal, signaturesOf(proposal));
        assertLe(vm.snapshotGasLastCall("Rewards", "post, 512 rounds, 2 signatures"), 8_000_000);
    }

    /// @dev Both trees of 2^20 leaves, and a descendant that falls too.
    function test_gas_challenges() public {
        IRewards.RosterEntry memory entry = IRewards.RosterEntry({
            index: 777_777,
            station: makeAddr("station"),
            operator: makeAddr("operator"),
            subnet: bytes16("a subnet's hash.")
        });
        bytes32[] memory rosterProof;
        IRounds.Inputs memory inputs = inputsOf(1_000_000, 22_000_000);
        (inputs.rosterRoot, rosterProof) = MerkleTree.deep(MerkleTree.hashOf(abi.encode(entry)), 20);
        vm.prank(COORDINATOR);
        rounds.open(inputs);
        reveal(2);
        vm.warp(rounds.getRound(2).commitsUntil + 1);
        (, uint256 seat) = rounds.committeeOf(2, entry.index);

        IRewards.Accepted memory accepted = IRewards.Accepted({round: 2, station: entry.index, committee: 1234, k: 0});
        bytes32[] memory proof = _postAccepted(accepted);
        rewards.challengeMembership(1, accepted, proof, entry, rosterProof, seat);
        assertLe(vm.snapshotGasLastCall("Rewards", "challengeMembership, of 1 000 000 stations"), 250_000);

        accepted.station = 1_000_000;
        proof = _postAccepted(accepted);
        rewards.challengeExistence(3, accepted, proof);
        vm.snapshotGasLastCall("Rewards", "challengeExistence, of 1 000 000 stations");
    }

    function blake2b(bytes calldata message) external view returns (bytes32) {
        return Blake2b.hash(message);
    }

    /// @dev A settlement that rewards `accepted`, and its child.
    function _postAccepted(IRewards.Accepted memory accepted) private returns (bytes32[] memory proof) {
        IRewards.Proposal memory proposal = proposalOf(single(STRANGER, 1));
        (proposal.acceptedRoot, proof) = MerkleTree.deep(MerkleTree.hashOf(abi.encode(accepted)), 20);
        post(proposal);
        playRound();
        post(single(STRANGER, 1));
    }

    /// @dev Addresses that exist already, as operators' do: a payment to a new one costs 25 000 more.
    function _operators(uint256 count, uint256 cumulative) private returns (RewardTree.Leaf[] memory leaves) {
        leaves = new RewardTree.Leaf[](count);
        for (uint256 i = 0; i < count; ++i) {
            address operator = makeAddr(vm.toString(i));
            if (operator.balance == 0) vm.deal(operator, 1 ether);
            leaves[i] = RewardTree.Leaf(operator, cumulative + i);
        }
    }
}
