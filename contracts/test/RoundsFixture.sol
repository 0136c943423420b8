// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Rounds} from "../src/Rounds.sol";
import {IBeacon} from "../src/beacon/IBeacon.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {BaseTest} from "./BaseTest.sol";
import {TrustingBeacon} from "./mocks/TrustingBeacon.sol";

/// @notice A deployed `Rounds` with a beacon that accepts anything, and short calls for the steps of a round.
abstract contract RoundsFixture is BaseTest {
    /// @dev On quicknet's grid, a second before a round.
    uint256 internal constant START = QUICKNET_GENESIS + 3 * 20_000_000 - 1;

    address internal immutable OWNER = makeAddr("owner");
    address internal immutable COORDINATOR = makeAddr("coordinator");
    address internal immutable PUBLISHER = makeAddr("publisher");
    address internal immutable STRANGER = makeAddr("stranger");

    Rounds internal rounds;

    function setUp() public virtual {
        vm.warp(START);
        rounds = deployRounds(new TrustingBeacon());
    }

    function deployRounds(IBeacon beacon) internal returns (Rounds deployed) {
        deployed = new Rounds(beacon, OWNER, COORDINATOR, defaultParameters());
        vm.prank(OWNER);
        deployed.setPublisher(PUBLISHER, true);
    }

    /// @notice The default parameters.
    function defaultParameters() internal pure returns (IRounds.Parameters memory) {
        return IRounds.Parameters({
            roundDuration: 1200,
            beaconDelay: 30,
            commitGrace: 1200,
            minCommitteeSize: 40,
            maxCommitteeSize: 100,
            quorum: 30,
            maxTasksPerCommittee: 100,
            targetMeasurements: 250_000,
            budget: 456_621_004_566_210_045
        });
    }

    function setParameters(IRounds.Parameters memory parameters) internal {
        vm.prank(OWNER);
        rounds.setParameters(parameters);
    }

    function inputsOf(uint32 stations, uint32 tasks) internal pure returns (IRounds.Inputs memory) {
        return IRounds.Inputs({
            rosterRoot: stations == 0 ? bytes32(0) : keccak256("roster"),
            tasksRoot: tasks == 0 ? bytes32(0) : keccak256("tasks"),
            rosterCount: stations,
            taskCount: tasks,
            rosterCid: cidOf("roster file"),
            tasksCid: cidOf("task file")
        });
    }

    /// @dev keccak256 instead of SHA-256, whose precompile would consume a `vm.prank` meant for the following call.
    function cidOf(bytes memory content) internal pure returns (bytes memory) {
        return abi.encodePacked(bytes4(0x01551220), keccak256(content));
    }

    function open(uint32 stations, uint32 tasks) internal returns (uint64) {
        vm.prank(COORDINATOR);
        return rounds.open(inputsOf(stations, tasks));
    }

    function reveal(uint64 round) internal returns (bytes32) {
        return rounds.reveal(round, "signature");
    }

    function commit(uint64 round, bytes memory content) internal returns (uint32) {
        vm.prank(PUBLISHER);
        return rounds.commit(round, cidOf(content), 1000);
    }

    /// @notice Opens and reveals a round and lets its commit window pass.
    function playRound() internal returns (uint64 round) {
        round = open(300, 2000);
        reveal(round);
        vm.warp(rounds.getRound(round).commitsUntil + 1);
    }
}
