// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {DrandBeacon} from "../src/beacon/DrandBeacon.sol";
import {FilecoinBeacon} from "../src/beacon/FilecoinBeacon.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {Blake2b} from "../src/libraries/Blake2b.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {RewardsFixture} from "./RewardsFixture.sol";
import {BeaconDigestPrecompile} from "./mocks/BeaconDigestPrecompile.sol";
import {CallActorPrecompile, FilecoinLedger, ResolveAddressPrecompile} from "./mocks/FilecoinPrecompiles.sol";
import {PositionalTrees} from "./utils/PositionalTrees.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice The gas of each step on the test EVM, recorded in `contracts/gas`: whole transactions, with calldata and cold
/// storage, and the execution of views. Filecoin's gas has another unit and other proportions: there
/// `DrandBeacon.verify` costs 228 times as much as `FilecoinBeacon.verify`, and both several million.
/// forge-config: default.isolate = true
contract GasTest is RewardsFixture {
    BeaconCase private recorded;
    uint256 private granted;

    function setUp() public override {
        super.setUp();
        recorded = beacons()[37];
        assertEq(recorded.round, 17_133_822);
    }

    function test_gas_rounds() public {
        vm.warp(publishedAt(recorded.round) - 151);
        rounds = deployRounds(new DrandBeacon(QUICKNET_KEY, QUICKNET_GENESIS, QUICKNET_PERIOD));
        IRounds.Inputs memory inputs = inputsOf(1_000_000, 22_000_000);
        vm.prank(COORDINATOR);
        rounds.open(inputs);
        vm.snapshotGasLastCall("Rounds", "open, the first");
        rounds.reveal(1, recorded.signature);
        assertLe(vm.snapshotGasLastCall("Rounds", "reveal, by pairing"), 215_000);
        bytes memory cid = cidOf("batch");
        vm.prank(PUBLISHER);
        rounds.seal(1, cid, linesOf("seals"), 100_000);
        vm.snapshotGasLastCall("Rounds", "seal, a round's first");
        vm.prank(PUBLISHER);
        rounds.commit(1, cid, linesOf("batch"), 100_000);
        vm.snapshotGasLastCall("Rounds", "commit, a round's first");
        cid = cidOf("another batch");
        vm.prank(PUBLISHER);
        rounds.commit(1, cid, linesOf("another batch"), 100_000);
        vm.snapshotGasLastCall("Rounds", "commit");
        rounds.committeeOf(1, 777_777);
        assertLe(vm.snapshotGasLastCall("Views", "committeeOf, of 1 000 000 stations"), 400_000);
        rounds.memberAt(1, 7777, 777_777);
        vm.snapshotGasLastCall("Views", "memberAt, of 1 000 000 stations");
        rounds.taskAt(1, 7777, 0);
        vm.snapshotGasLastCall("Views", "taskAt, of 22 000 000 tasks");
        vm.warp(timesOf(1).closesAt);
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
        RewardsTree.Leaf[] memory leaves = single(STRANGER, 1);
        IRewards.Proposal memory proposal = proposalOf(leaves);
        rewards.post(proposal, signaturesOf(proposal));
        vm.snapshotGasLastCall("Rewards", "post, one round, 2 signatures");
        vm.prank(GUARDIAN);
        rewards.veto(1, "wrong roster");
        vm.snapshotGasLastCall("Rewards", "veto");
        vm.deal(STRANGER, 2 ether);
        vm.prank(STRANGER);
        rewards.deposit{value: 1 ether}();
        vm.snapshotGasLastCall("Rewards", "deposit");
    }

    function test_gas_objections() public {
        vm.warp(timesOf(1).objectionsFrom);
        IRewards.File[] memory files = new IRewards.File[](1);
        files[0] = IRewards.File({round: 1, kind: IRounds.FileKind.Roster, index: 0});
        vm.prank(evaluators[0]);
        rewards.unreadable(files);
        vm.snapshotGasLastCall("Rewards", "unreadable, a file's first");
        vm.prank(evaluators[1]);
        rewards.unreadable(files);
        vm.snapshotGasLastCall("Rewards", "unreadable, the one that suffices");
        uint256 before = vm.snapshotState();
        vm.prank(GUARDIAN);
        rewards.keep(files[0]);
        vm.snapshotGasLastCall("Rewards", "keep");
        vm.revertToState(before);
        skip(WINDOW / 4);
        rewards.drop(files);
        vm.snapshotGasLastCall("Rewards", "drop");
    }

    function test_gas_roles() public {
        address[] memory others = newEvaluators("other", 5);
        vm.startPrank(OWNER);
        roles.setEvaluators(others, 3);
        vm.snapshotGasLastCall("Roles", "setEvaluators, 5");
        roles.setGuardian(STRANGER);
        vm.snapshotGasLastCall("Roles", "setGuardian");
        roles.setChallengeWindow(2 days);
        vm.snapshotGasLastCall("Roles", "setChallengeWindow");
        rewards.setEnd(uint64(block.timestamp + 60 days));
        vm.snapshotGasLastCall("Rewards", "setEnd");
        rounds.setPublisher(STRANGER, true);
        vm.snapshotGasLastCall("Rounds", "setPublisher");
        vm.stopPrank();
        vm.startPrank(GUARDIAN);
        roles.cancelEvaluators();
        vm.snapshotGasLastCall("Roles", "cancelEvaluators");
        rounds.suspendPublisher(PUBLISHER);
        vm.snapshotGasLastCall("Rounds", "suspendPublisher");
        rounds.suspendCoordinator(1);
        vm.snapshotGasLastCall("Rounds", "suspendCoordinator");
        vm.stopPrank();
        vm.warp(rewards.endsAt());
        vm.deal(TREASURY, 1 ether);
        rewards.withdrawSurplus();
        vm.snapshotGasLastCall("Rewards", "withdrawSurplus");
    }

    /// @dev An operator's first claim writes its slot from zero, which costs 17 100 more than writing it again.
    function test_gas_claim() public {
        uint256[3] memory depths = [uint256(10), 14, 20];
        for (uint256 i = 0; i < depths.length; ++i) {
            string memory name = string.concat("claim, depth ", vm.toString(depths[i]));
            _claimAlone(_operator(i), 1e12, depths[i], string.concat(name, ", first"));
            assertLe(_claimAlone(_operator(i), 2e12, depths[i], string.concat(name, ", later")), 75_000);
        }
    }

    /// @dev The precompile is the mock; on Filecoin it is not counted in this gas at all.
    function test_gas_nativeRecipient() public {
        vm.etch(0xFE00000000000000000000000000000000000001, type(ResolveAddressPrecompile).runtimeCode);
        vm.etch(0xfe00000000000000000000000000000000000003, type(CallActorPrecompile).runtimeCode);
        vm.etch(0xfe000000000000000000000000000000000000ff, type(FilecoinLedger).runtimeCode);
        address operator = _operator(0);
        vm.startPrank(operator);
        rewards.setPayoutAddress(STRANGER);
        vm.snapshotGasLastCall("Rewards", "setPayoutAddress, the first");
        rewards.setNativePayoutAddress(bytes.concat(bytes1(0x01), new bytes(20)));
        vm.snapshotGasLastCall("Rewards", "setNativePayoutAddress, f1, mocked precompile");
        vm.stopPrank();
        _claimAlone(operator, 1e12, 20, "claim, depth 20, first, to f1, mocked precompile");
    }

    function test_gas_claimMany() public {
        uint256[2] memory depths = [uint256(14), 20];
        for (uint256 i = 0; i < depths.length; ++i) {
            string memory name = string.concat("claimMany, 100, depth ", vm.toString(depths[i]));
            // Operators of no other case.
            uint256 gas = _claimHundred(1000 * (i + 1), 1e12, depths[i], string.concat(name, ", first"));
            assertLe(gas, 45_000);
            assertLe(_claimHundred(1000 * (i + 1), 2e12, depths[i], string.concat(name, ", later")), 30_000);
        }
    }

    /// @dev The longest range: its price grows with the rounds, and must fit a block.
    function test_gas_longestSettlement() public {
        while (rounds.latestRound() < 512) playRound();
        RewardsTree.Leaf[] memory leaves = single(STRANGER, 1e12);
        IRewards.Proposal memory proposal = proposalOf(leaves);
        rewards.post(proposal, signaturesOf(proposal));
        assertLe(vm.snapshotGasLastCall("Rewards", "post, 512 rounds, 2 signatures"), 8_000_000);
    }

    function blake2b(bytes calldata message) external view returns (bytes32) {
        return Blake2b.hash(message);
    }

    /// @dev A claim in a tree of 2^depth leaves.
    function _claimAlone(address operator, uint256 cumulative, uint256 depth, string memory name)
        private
        returns (uint256)
    {
        RewardsTree.Leaf[] memory leaves = single(operator, cumulative);
        uint32 index = uint32(2 ** depth / 3);
        (bytes32 root, bytes32[] memory proof) = PositionalTrees.deep(RewardTree.hashesOf(leaves), index, depth);
        uint64 settlement = _postRoot(root, depth);
        rewards.claim(settlement, index, RewardTree.allocationOf(leaves[0]), proof);
        return vm.snapshotGasLastCall("Rewards", name);
    }

    /// @dev Gas for each of a hundred operators.
    function _claimHundred(uint256 first, uint256 cumulative, uint256 depth, string memory name)
        private
        returns (uint256 gas)
    {
        RewardsTree.Leaf[] memory leaves = new RewardsTree.Leaf[](100);
        for (uint256 i = 0; i < 100; ++i) {
            leaves[i] = RewardTree.leafOf(_operator(first + i), cumulative + i);
        }
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
        // In the middle, and not on a boundary of any subtree.
        batch.start = uint32(2 ** (depth - 1) + 33);
        bytes32 root;
        (root, batch.siblings) = PositionalTrees.deep(RewardTree.hashesOf(leaves), batch.start, depth);
        uint64 settlement = _postRoot(root, depth);
        claimMany(settlement, batch);
        gas = vm.snapshotGasLastCall("Rewards", string.concat(name, ", all")) / 100;
        vm.snapshotValue("Rewards", string.concat(name, ", each"), gas);
        assertEq(rewards.claimed(leaves[99].operator), cumulative + 99);
    }

    /// @dev An active settlement with more than before.
    function _postRoot(bytes32 root, uint256 depth) private returns (uint64 settlement) {
        playRound();
        granted += 1e16;
        IRewards.Proposal memory proposal = proposalOf(single(STRANGER, granted));
        (proposal.root, proposal.operators) = (root, uint32(2 ** depth));
        settlement = post(proposal);
        vm.warp(rewards.getSettlement(settlement).activeAt);
    }

    /// @dev An address that exists already, as operators' do: a payment to a new one costs 25 000 more.
    function _operator(uint256 index) private returns (address operator) {
        operator = address(uint160(uint256(keccak256(abi.encode("operator", index)))));
        if (operator.balance == 0) vm.deal(operator, 1 ether);
    }
}
