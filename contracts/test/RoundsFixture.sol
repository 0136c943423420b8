// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Roles} from "../src/Roles.sol";
import {Rounds} from "../src/Rounds.sol";
import {IBeacon} from "../src/beacon/IBeacon.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {BaseTest} from "./BaseTest.sol";
import {TrustingBeacon} from "./mocks/TrustingBeacon.sol";

/// @notice `Roles` with three evaluators, of whom two must sign, a `Rounds` with a beacon that accepts anything, and short
/// calls for the steps of a round.
abstract contract RoundsFixture is BaseTest {
    /// @dev On quicknet's grid, a second before a round.
    uint256 internal constant START = QUICKNET_GENESIS + 3 * 20_000_000 - 1;
    uint64 internal constant WINDOW = 1 days;
    uint256 internal constant THRESHOLD = 2;
    /// @dev Of one round.
    uint256 internal constant BUDGET = 456_621_004_566_210_045;

    address internal immutable OWNER = makeAddr("owner");
    address internal immutable GUARDIAN = makeAddr("guardian");
    address internal immutable COORDINATOR = makeAddr("coordinator");
    address internal immutable PUBLISHER = makeAddr("publisher");
    address internal immutable STRANGER = makeAddr("stranger");

    Roles internal roles;
    Rounds internal rounds;
    /// @dev Ascending by address.
    address[] internal evaluators;
    mapping(address evaluator => uint256 key) internal keyOf;

    function setUp() public virtual {
        vm.warp(START);
        evaluators = newEvaluators("evaluator", 3);
        roles = new Roles(OWNER, GUARDIAN, WINDOW, WINDOW, evaluators, THRESHOLD);
        rounds = deployRounds(new TrustingBeacon());
    }

    function deployRounds(IBeacon beacon) internal returns (Rounds) {
        return new Rounds(roles, beacon, COORDINATOR, publishers(), defaultParameters());
    }

    function publishers() internal view returns (address[] memory list) {
        list = new address[](1);
        list[0] = PUBLISHER;
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

    /// @notice The default parameters.
    function defaultParameters() internal pure returns (IRounds.Parameters memory) {
        return IRounds.Parameters({
            roundDuration: 1200,
            beaconDelay: 150,
            step: 60,
            minCommitteeSize: 40,
            maxCommitteeSize: 100,
            quorum: 30,
            maxTasksPerCommittee: 100,
            targetMeasurements: 250_000,
            budget: uint96(BUDGET)
        });
    }

    function announceParameters(IRounds.Parameters memory parameters) internal {
        vm.prank(OWNER);
        rounds.setParameters(parameters);
    }

    /// @notice Announces parameters, and waits until they are in force.
    function setParameters(IRounds.Parameters memory parameters) internal {
        announceParameters(parameters);
        skip(roles.challengeWindow());
    }

    /// @notice Announces a publisher, and waits until it is admitted.
    function admit(address publisher) internal {
        vm.prank(OWNER);
        rounds.setPublisher(publisher, true);
        skip(roles.challengeWindow());
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

    /// @notice The root of a file's lines.
    function linesOf(bytes memory content) internal pure returns (bytes32) {
        return keccak256(abi.encode("lines of", content));
    }

    function timesOf(uint64 round) internal view returns (IRounds.Times memory) {
        return rounds.getRound(round).times;
    }

    function open(uint32 stations, uint32 tasks) internal returns (uint64) {
        vm.prank(COORDINATOR);
        return rounds.open(inputsOf(stations, tasks));
    }

    function reveal(uint64 round) internal returns (bytes32) {
        return rounds.reveal(round, "signature");
    }

    function commit(uint64 round, bytes memory content) internal returns (uint32) {
        return commitAs(PUBLISHER, round, content);
    }

    function commitAs(address publisher, uint64 round, bytes memory content) internal returns (uint32) {
        vm.prank(publisher);
        return rounds.commit(round, cidOf(content), linesOf(content), 1000);
    }

    function sealAs(address publisher, uint64 round, bytes memory content) internal returns (uint32) {
        vm.prank(publisher);
        return rounds.seal(round, cidOf(content), linesOf(content), 1000);
    }

    /// @notice Opens and reveals a round, and waits until it is over.
    function playRound() internal returns (uint64 round) {
        round = open(300, 2000);
        reveal(round);
        passRound(round);
    }

    /// @notice Waits until a round is over.
    function passRound(uint64 round) internal {
        vm.warp(timesOf(round).dedupeFrom + 1);
    }
}
