// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {Rewards} from "../../src/Rewards.sol";
import {Roles} from "../../src/Roles.sol";
import {Rounds} from "../../src/Rounds.sol";
import {IRewards} from "../../src/interfaces/IRewards.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {RewardsTree} from "../../src/libraries/RewardsTree.sol";
import {RewardsTree} from "../../src/libraries/RewardsTree.sol";
import {CallActorPrecompile, FilecoinLedger} from "../mocks/FilecoinPrecompiles.sol";
import {Grabber, Refuser} from "../mocks/Recipients.sol";
import {RewardTree} from "../utils/RewardTree.sol";

/// @title The network of the thieves' invariants: who there is, and a model of permissions, grants and payments
abstract contract ThievesWorld is Test {
    /// @dev In `Evaluator`, the thief holds one key fewer than the threshold; in `Evaluators`, all.
    enum Role {
        Nobody,
        Owner,
        Guardian,
        Evaluator,
        Evaluators,
        Coordinator,
        Publisher,
        Treasury,
        Operator,
        Stranger,
        Wallet
    }

    struct Cast {
        address owner;
        address guardian;
        address coordinator;
        address publisher;
        address treasury;
    }

    uint256 public constant OPERATORS = 5;
    address internal constant CALL_ACTOR = 0xfe00000000000000000000000000000000000003;
    FilecoinLedger internal constant LEDGER = FilecoinLedger(0xfe000000000000000000000000000000000000ff);
    bytes internal constant F1 = hex"01000102030405060708090a0b0c0d0e0f10111213";
    bytes internal constant CID = hex"01551220ff000000000000000000000000000000000000000000000000000000000000ff";

    Roles internal immutable ROLES;
    Rounds internal immutable ROUNDS;
    Rewards internal immutable REWARDS;
    Cast internal cast;
    Refuser internal immutable REFUSER = new Refuser();
    Grabber internal immutable GRABBER = new Grabber();
    /// @dev Operators may set it, and it can be the thief.
    address internal immutable WALLET = makeAddr("payout wallet");
    address public immutable THIEF;
    uint256 internal immutable THIEF_KEY;
    mapping(address evaluator => uint256 key) internal keyOf;
    /// @dev Three, ascending.
    address[] internal honest;

    Role public role;

    /* THE MODEL */

    mapping(uint64 settlement => bool) public isFraud;
    mapping(uint64 settlement => bytes32) internal activeHash;
    mapping(uint64 settlement => uint256[OPERATORS]) internal allocations;
    /// @dev The maximum that active settlements ever granted each operator.
    uint256[OPERATORS] internal granted;
    uint256[OPERATORS] internal claimedBefore;
    address[OPERATORS] internal payout;
    /// @notice What each address should have received from the contract, and what went to F1.
    mapping(address recipient => uint256) public entitled;
    uint256 public entitledNative;
    uint256 public forced;
    uint256 public deposited;
    uint256 public withdrawn;

    uint64 internal version = 1;
    uint64 internal nextVersion;
    uint64 internal nextVersionAt;
    uint64 internal versions = 1;
    address internal guardian;
    address internal nextGuardian;
    uint64 internal nextGuardianAt;
    uint64 internal window;
    uint64 internal nextWindow;
    uint64 internal nextWindowAt;

    constructor(Rounds rounds, Rewards rewards, Cast memory actors, uint256[] memory keys, uint256 depositedBefore) {
        (ROUNDS, REWARDS, cast) = (rounds, rewards, actors);
        ROLES = Roles(address(rewards.ROLES()));
        (THIEF, THIEF_KEY) = makeAddrAndKey("thief");
        for (uint256 i = 0; i < keys.length; ++i) {
            keyOf[vm.addr(keys[i])] = keys[i];
            honest.push(vm.addr(keys[i]));
        }
        guardian = actors.guardian;
        window = ROLES.challengeWindow();
        deposited = depositedBefore;
        for (uint256 i = 0; i < OPERATORS; ++i) {
            payout[i] = operatorAt(i);
        }
    }

    /// @notice The first call of each run chooses the thief.
    modifier played(uint256 seed) {
        if (role == Role.Nobody) role = Role(1 + uint256(keccak256(abi.encode(seed))) % uint256(type(Role).max));
        _;
        _observe();
    }

    /// @dev The last two reject payments at times, and call back when paid.
    function operatorAt(uint256 index) public view returns (address) {
        if (index == 3) return address(REFUSER);
        if (index == 4) return address(GRABBER);
        return address(uint160(0xA5512E000000 + index));
    }

    /// @notice The address from which the thief acts.
    function thief() public view returns (address) {
        if (role == Role.Owner) return cast.owner;
        if (role == Role.Guardian) return cast.guardian;
        if (role == Role.Coordinator) return cast.coordinator;
        if (role == Role.Publisher) return cast.publisher;
        if (role == Role.Treasury) return cast.treasury;
        if (role == Role.Operator) return operatorAt(1);
        if (role == Role.Wallet) return WALLET;
        return THIEF;
    }

    /* STEPS THAT SEVERAL CALLS SHARE, AND WHAT THE MODEL KNOWS */

    /// @dev Time passes only after the guardian has checked, unless the guardian is the thief: then nobody else is.
    function _pass(uint256 time) internal {
        _guard();
        vm.warp(vm.getBlockTimestamp() + time);
    }

    function _guard() internal {
        address current = ROLES.guardian();
        if (role == Role.Guardian && current == cast.guardian) return;
        for (uint64 id = 1; id <= REWARDS.settlementCount(); ++id) {
            if (isFraud[id] && REWARDS.statusOf(id) == IRewards.Status.Pending) {
                assertTrue(_call(current, abi.encodeCall(REWARDS.veto, (id, ""))));
            }
        }
        if (role != Role.Owner) return;
        (,,, uint64 at) = ROLES.nextEvaluators();
        if (at != 0) {
            assertTrue(_callRoles(current, abi.encodeCall(ROLES.cancelEvaluators, ())));
            nextVersionAt = 0;
        }
        (, at) = ROLES.nextGuardian();
        if (at != 0) {
            assertTrue(_callRoles(current, abi.encodeCall(ROLES.cancelGuardian, ())));
            nextGuardianAt = 0;
        }
        _guardRounds(current);
    }

    /// @dev What a thief announced of rounds.
    function _guardRounds(address current) private {
        vm.startPrank(current);
        (, uint64 at) = ROUNDS.nextParameters();
        if (at != 0) ROUNDS.cancelParameters();
        (, at) = ROUNDS.nextCoordinator();
        if (at != 0) ROUNDS.cancelCoordinator();
        (at,) = ROUNDS.admissionOf(cast.owner);
        if (at > block.timestamp) ROUNDS.cancelPublisher(cast.owner);
        vm.stopPrank();
    }

    /// @dev Records newly active settlements and payments.
    function _observe() internal {
        for (uint256 i = 0; i < OPERATORS; ++i) {
            uint256 paid = REWARDS.claimed(operatorAt(i));
            assertGe(paid, claimedBefore[i], "claimed only grows");
            claimedBefore[i] = paid;
        }
        for (uint64 id = REWARDS.settlementCount(); id > 0; --id) {
            if (activeHash[id] != 0) break;
            IRewards.Settlement memory settlement = REWARDS.getSettlement(id);
            if (settlement.status != IRewards.Status.Active) continue;
            activeHash[id] = keccak256(abi.encode(settlement));
            for (uint256 i = 0; i < OPERATORS; ++i) {
                if (allocations[id][i] > granted[i]) granted[i] = allocations[id][i];
            }
        }
    }

    function _playRound() internal {
        IRounds.Inputs memory inputs = IRounds.Inputs({
            rosterRoot: keccak256("roster"),
            tasksRoot: keccak256("tasks"),
            rosterCount: 300,
            taskCount: 2000,
            rosterCid: abi.encodePacked(bytes4(0x01551220), keccak256("roster")),
            tasksCid: abi.encodePacked(bytes4(0x01551220), keccak256("tasks"))
        });
        uint64 latest = ROUNDS.latestRound();
        uint64 closesAt = ROUNDS.getRound(latest).times.closesAt;
        if (block.timestamp < closesAt) _pass(closesAt - block.timestamp);
        vm.prank(ROUNDS.coordinator());
        uint64 round = ROUNDS.open(inputs);
        ROUNDS.reveal(round, "signature");
        _pass(ROUNDS.getRound(round).times.dedupeFrom + 1 - vm.getBlockTimestamp());
    }

    function _call(address by, bytes memory call) internal returns (bool success) {
        vm.prank(by);
        (success,) = address(REWARDS).call(call);
    }

    function _callRoles(address by, bytes memory call) internal returns (bool success) {
        vm.prank(by);
        (success,) = address(ROLES).call(call);
    }

    function _announceEvaluators(address by, address[] memory set, uint256 threshold) internal returns (bool success) {
        success = _callRoles(by, abi.encodeCall(ROLES.setEvaluators, (set, threshold)));
        if (!success) return false;
        if (nextVersionAt != 0 && block.timestamp >= nextVersionAt) version = nextVersion;
        (nextVersion, nextVersionAt) = (++versions, uint64(block.timestamp) + _window());
    }

    function _announceGuardian(address by, address newGuardian) internal returns (bool success) {
        success = _callRoles(by, abi.encodeCall(ROLES.setGuardian, (newGuardian)));
        if (!success) return false;
        if (nextGuardianAt != 0 && block.timestamp >= nextGuardianAt) guardian = nextGuardian;
        (nextGuardian, nextGuardianAt) = (newGuardian, uint64(block.timestamp) + _window());
    }

    function _changeWindow(address by, uint64 newWindow) internal returns (bool success) {
        success = _callRoles(by, abi.encodeCall(ROLES.setChallengeWindow, (newWindow)));
        if (!success) return false;
        uint64 current = _window();
        if (newWindow < current) {
            (window, nextWindow, nextWindowAt) = (current, newWindow, uint64(block.timestamp) + current);
        } else {
            (window, nextWindowAt) = (newWindow, 0);
        }
    }

    function _window() internal view returns (uint64) {
        return nextWindowAt != 0 && block.timestamp >= nextWindowAt ? nextWindow : window;
    }

    /// @dev The current evaluators.
    function _signatures(IRewards.Proposal memory proposal) internal view returns (bytes[] memory signatures) {
        (address[] memory set, uint256 threshold,) = ROLES.evaluators();
        signatures = new bytes[](threshold);
        bytes32 digest = REWARDS.digestOf(proposal);
        for (uint256 i = 0; i < threshold; ++i) {
            signatures[i] = _sign(digest, keyOf[set[i]]);
        }
    }

    function _sign(bytes32 digest, uint256 key) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev Two or three with known keys; with a threshold of two, one key is never enough.
    function _honestSet(uint256 seed) internal view returns (address[] memory set) {
        uint256 leftOut = seed % 4;
        set = new address[](leftOut < 3 ? 2 : 3);
        uint256 count;
        for (uint256 i = 0; i < 3; ++i) {
            if (i != leftOut) set[count++] = honest[i];
        }
    }

    function _proposal(RewardsTree.Leaf[] memory leaves, uint256 total)
        internal
        view
        returns (IRewards.Proposal memory)
    {
        bytes32 root = RewardTree.rootOf(leaves);
        return IRewards.Proposal({
            number: REWARDS.settlementCount() + 1,
            parent: REWARDS.head(),
            firstRound: _firstRound(),
            lastRound: ROUNDS.latestRound(),
            root: root,
            operators: uint32(leaves.length),
            cumulativeTotal: total,
            drops: REWARDS.dropCount(),
            cid: abi.encodePacked(bytes4(0x01701220), root)
        });
    }

    function _firstRound() internal view returns (uint64) {
        uint64 parent = REWARDS.head();
        return parent == 0 ? 1 : REWARDS.getSettlement(parent).proposal.lastRound + 1;
    }

    /// @dev Rounds to settle, which are over.
    function _hasRounds() internal view returns (bool) {
        uint64 latest = ROUNDS.latestRound();
        return latest >= _firstRound() && block.timestamp > ROUNDS.getRound(latest).times.dedupeFrom;
    }

    /// @dev What the next settlement may grant beyond the last.
    function _room() internal view returns (uint256) {
        uint64 parent = REWARDS.head();
        uint256 total = parent == 0 ? 0 : REWARDS.getSettlement(parent).proposal.cumulativeTotal;
        uint256 budget = ROUNDS.budgetOf(_firstRound(), ROUNDS.latestRound());
        return budget < deposited - total ? budget : deposited - total;
    }

    function _hasEnded() internal view returns (bool) {
        return REWARDS.endsAt() != 0 && block.timestamp >= REWARDS.endsAt();
    }

    function _isPayable(uint64 settlement) internal view returns (bool) {
        return REWARDS.statusOf(settlement) == IRewards.Status.Active && !isFraud[settlement];
    }

    function _owed(uint64 settlement, uint256 index) internal view returns (uint256) {
        uint256 paid = REWARDS.claimed(operatorAt(index));
        return allocations[settlement][index] > paid ? allocations[settlement][index] - paid : 0;
    }

    function _accepts(uint256 index) internal view returns (bool) {
        if (payout[index] == address(REFUSER)) return REFUSER.accepts();
        return payout[index] != CALL_ACTOR || (CALL_ACTOR.code.length > 0 && LEDGER.exitCodeOf(F1) == 0);
    }

    function _notePaid(uint256 index, uint256 amount) internal {
        if (payout[index] == CALL_ACTOR) entitledNative += amount;
        else entitled[payout[index]] += amount;
    }

    /// @dev The leaves of a settlement; none if it has no tree.
    function _treeOf(uint64 settlement) internal view returns (RewardsTree.Leaf[] memory) {
        if (_sum(allocations[settlement]) == 0) return new RewardsTree.Leaf[](0);
        return _leaves(allocations[settlement]);
    }

    function _indexOf(address operator) internal view returns (uint256 index) {
        while (operatorAt(index) != operator) ++index;
    }

    function _leaves(uint256[OPERATORS] memory shares) internal view returns (RewardsTree.Leaf[] memory leaves) {
        leaves = new RewardsTree.Leaf[](OPERATORS);
        for (uint256 i = 0; i < OPERATORS; ++i) {
            leaves[i] = RewardTree.leafOf(operatorAt(i), shares[i]);
        }
        leaves = RewardTree.summed(leaves);
    }

    function _sum(uint256[OPERATORS] memory shares) internal pure returns (uint256 total) {
        for (uint256 i = 0; i < OPERATORS; ++i) {
            total += shares[i];
        }
    }
}
