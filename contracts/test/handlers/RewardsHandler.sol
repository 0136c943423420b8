// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {Rewards} from "../../src/Rewards.sol";
import {Rounds} from "../../src/Rounds.sol";
import {IRewards} from "../../src/interfaces/IRewards.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {MerkleTree} from "../utils/MerkleTree.sol";
import {RewardTree} from "../utils/RewardTree.sol";

/// @notice Actions of the invariant tests, and a model to compare the contract with.
contract RewardsHandler is Test {
    uint256 public constant OPERATORS = 5;
    /// @dev Number of stations in every round's roster; `_roster` proves the one that evaluators reward.
    uint32 private constant STATIONS = 300;
    uint256 private constant REWARDED = 123;
    uint256 private constant TREE_DEPTH = 3;

    Rounds private immutable ROUNDS;
    Rewards private immutable REWARDS;
    address private immutable COORDINATOR;
    address private immutable OWNER;
    address private immutable GUARDIAN;
    uint256[] private keys;

    /// @notice The model: void by a veto or a challenge of its own or of an ancestor.
    mapping(uint64 settlement => bool) public isVoid;
    /// @notice Seen active at least once.
    mapping(uint64 settlement => bool) public wasActive;
    /// @notice Greatest cumulative total of the settlements claimed against.
    uint256 public highestTotalClaimedAgainst;
    /// @notice FIL in the contract that was not deposited.
    uint256 public forced;
    /// @notice Payments to each operator, by its balance.
    mapping(address operator => uint256) public received;
    /// @dev Each settlement's allocations, by operator's index.
    mapping(uint64 settlement => uint256[OPERATORS]) private allocations;
    /// @dev The measurement that each settlement rewards.
    mapping(uint64 settlement => IRewards.Accepted) private accepted;

    constructor(
        Rounds rounds,
        Rewards rewards,
        address coordinator,
        address owner,
        address guardian,
        uint256[] memory evaluatorKeys
    ) {
        ROUNDS = rounds;
        REWARDS = rewards;
        COORDINATOR = coordinator;
        OWNER = owner;
        GUARDIAN = guardian;
        keys = evaluatorKeys;
    }

    modifier observed() {
        _;
        for (uint64 id = 1; id <= REWARDS.settlementCount(); ++id) {
            if (REWARDS.statusOf(id) == IRewards.Status.Active) wasActive[id] = true;
        }
    }

    function operatorAt(uint256 index) public pure returns (address) {
        return address(uint160(0xA5512E000000 + index));
    }

    /* ACTIONS */

    function deposit(uint96 amount, bool plainly) external observed {
        amount = uint96(bound(amount, 1, 1 ether));
        vm.deal(address(this), amount);
        if (plainly) {
            (bool success,) = address(REWARDS).call{value: amount}("");
            assertTrue(success);
        } else {
            REWARDS.deposit{value: amount}();
        }
    }

    /// @dev As by a contract that self-destructs: FIL in the balance that was not deposited.
    function force(uint96 amount) external observed {
        amount = uint96(bound(amount, 1, 1 ether));
        forced += amount;
        vm.deal(address(REWARDS), address(REWARDS).balance + amount);
    }

    function sync() external observed {
        if (forced == 0) return;
        assertEq(REWARDS.sync(), forced);
        forced = 0;
    }

    function playRound(bool revealed) external observed {
        (bytes32 rosterRoot,) = _roster();
        IRounds.Inputs memory inputs = IRounds.Inputs({
            rosterRoot: rosterRoot,
            tasksRoot: keccak256("tasks"),
            rosterCount: STATIONS,
            taskCount: 2000,
            rosterCid: abi.encodePacked(bytes4(0x01551220), keccak256("roster")),
            tasksCid: abi.encodePacked(bytes4(0x01551220), keccak256("tasks"))
        });
        vm.prank(COORDINATOR);
        uint64 round = ROUNDS.open(inputs);
        if (revealed) ROUNDS.reveal(round, "signature");
        vm.warp(ROUNDS.getRound(round).commitsUntil + 1);
    }

    function post(uint256 seed, uint64 rounds) external observed {
        uint64 parent = REWARDS.head();
        uint64 first = parent == 0 ? 1 : REWARDS.getSettlement(parent).proposal.lastRound + 1;
        uint64 latest = ROUNDS.latestRound();
        if (first > latest) return;
        uint64 last = uint64(bound(rounds, first, latest));

        uint256[OPERATORS] memory shares = allocations[parent];
        uint256 total = _sum(shares);
        uint256 room = ROUNDS.budgetOf(first, last);
        uint256 unspent = REWARDS.totalDeposited() - total;
        if (unspent < room) room = unspent;
        for (uint256 i = 0; i < OPERATORS; ++i) {
            uint256 share = uint256(keccak256(abi.encode(seed, i))) % (room / (OPERATORS - i) + 1);
            shares[i] += share;
            room -= share;
        }

        IRewards.Accepted memory measurement = _measurement(seed, latest);
        (bytes32 acceptedRoot,) = _accepted(measurement);
        IRewards.Proposal memory proposal = IRewards.Proposal({
            parent: parent,
            firstRound: first,
            lastRound: last,
            root: RewardTree.rootOf(_leaves(shares)),
            cumulativeTotal: _sum(shares),
            acceptedRoot: acceptedRoot,
            cid: abi.encodePacked(bytes4(0x01701220), keccak256(abi.encode(seed)))
        });
        uint64 settlement = REWARDS.post(proposal, _sign(proposal));
        allocations[settlement] = shares;
        accepted[settlement] = measurement;
        assertEq(REWARDS.head(), settlement);
    }

    /// @dev Vetoes succeed on pending settlements only.
    function veto(uint64 settlement) external observed {
        uint64 count = REWARDS.settlementCount();
        if (count == 0) return;
        settlement = uint64(bound(settlement, 1, count));
        bool pending = REWARDS.statusOf(settlement) == IRewards.Status.Pending;
        vm.prank(GUARDIAN);
        try REWARDS.veto(settlement, "") {
            assertTrue(pending);
            _noteVoid(settlement);
        } catch {
            assertFalse(pending);
        }
    }

    /// @dev A challenge succeeds only on a pending settlement that rewards a station outside its committee.
    function challengeMembership(uint64 settlement) external observed {
        uint64 count = REWARDS.settlementCount();
        if (count == 0) return;
        settlement = uint64(bound(settlement, 1, count));
        IRewards.Accepted memory measurement = accepted[settlement];
        bool fraud = REWARDS.statusOf(settlement) == IRewards.Status.Pending && _isDrawable(measurement);
        uint256 seat;
        if (fraud) {
            uint256 committee;
            (committee, seat) = ROUNDS.committeeOf(measurement.round, REWARDED);
            fraud = committee != measurement.committee;
        }
        (, bytes32[] memory proof) = _accepted(measurement);
        (, bytes32[] memory rosterProof) = _roster();
        try REWARDS.challengeMembership(settlement, measurement, proof, _entry(), rosterProof, seat) {
            assertTrue(fraud);
            _noteVoid(settlement);
        } catch {
            assertFalse(fraud);
        }
    }

    /// @dev A challenge succeeds only on a pending settlement that rewards a measurement that cannot exist.
    function challengeExistence(uint64 settlement) external observed {
        uint64 count = REWARDS.settlementCount();
        if (count == 0) return;
        settlement = uint64(bound(settlement, 1, count));
        IRewards.Accepted memory measurement = accepted[settlement];
        IRewards.Proposal memory proposal = REWARDS.getSettlement(settlement).proposal;
        bool covered = measurement.round >= proposal.firstRound && measurement.round <= proposal.lastRound;
        bool fraud = REWARDS.statusOf(settlement) == IRewards.Status.Pending && !(covered && _isDrawable(measurement));
        (, bytes32[] memory proof) = _accepted(measurement);
        try REWARDS.challengeExistence(settlement, measurement, proof) {
            assertTrue(fraud);
            _noteVoid(settlement);
        } catch {
            assertFalse(fraud);
        }
    }

    /// @dev An active settlement pays exactly what is due; any other pays nothing.
    function claim(uint64 settlement, uint256 index) external observed {
        uint64 count = REWARDS.settlementCount();
        if (count == 0) return;
        settlement = uint64(bound(settlement, 1, count));
        index = bound(index, 0, OPERATORS - 1);
        address operator = operatorAt(index);
        uint256 cumulative = allocations[settlement][index];
        bytes32[] memory proof = RewardTree.proofOf(_leaves(allocations[settlement]), index);
        bool active = REWARDS.statusOf(settlement) == IRewards.Status.Active;
        uint256 before = REWARDS.claimed(operator);
        try REWARDS.claim(settlement, operator, cumulative, proof) returns (uint256 amount) {
            assertTrue(active && cumulative > before);
            assertEq(amount, cumulative - before);
            _noteClaim(settlement);
        } catch {
            assertFalse(active && cumulative > before);
        }
        _noteBalances();
        assertGe(REWARDS.claimed(operator), before);
    }

    function claimMany(uint64 settlement) external observed {
        uint64 count = REWARDS.settlementCount();
        if (count == 0) return;
        settlement = uint64(bound(settlement, 1, count));
        RewardTree.Leaf[] memory leaves = _leaves(allocations[settlement]);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
        uint256 owed;
        for (uint256 i = 0; i < OPERATORS; ++i) {
            uint256 before = REWARDS.claimed(leaves[i].operator);
            if (leaves[i].cumulative > before) owed += leaves[i].cumulative - before;
        }
        bool active = REWARDS.statusOf(settlement) == IRewards.Status.Active;
        try REWARDS.claimMany(settlement, batch.allocations, batch.proof, batch.flags) returns (uint256 paid) {
            assertTrue(active);
            assertEq(paid, owed);
            _noteClaim(settlement);
        } catch {
            assertFalse(active);
        }
        _noteBalances();
    }

    function pass(uint32 time) external observed {
        vm.warp(block.timestamp + bound(time, 1 minutes, 2 days));
    }

    function setWindow(uint64 window) external observed {
        window = uint64(bound(window, REWARDS.MIN_CHALLENGE_WINDOW(), 5 days));
        if (window == REWARDS.challengeWindow()) return;
        vm.prank(OWNER);
        REWARDS.setChallengeWindow(window);
    }

    /* MODEL */

    function _noteVoid(uint64 settlement) private {
        isVoid[settlement] = true;
        // Parents have smaller numbers than their children.
        for (uint64 id = settlement + 1; id <= REWARDS.settlementCount(); ++id) {
            if (isVoid[REWARDS.getSettlement(id).proposal.parent]) isVoid[id] = true;
        }
    }

    function _noteClaim(uint64 settlement) private {
        uint256 total = REWARDS.getSettlement(settlement).proposal.cumulativeTotal;
        if (total > highestTotalClaimedAgainst) highestTotalClaimedAgainst = total;
    }

    function _noteBalances() private {
        for (uint256 i = 0; i < OPERATORS; ++i) {
            address operator = operatorAt(i);
            assertGe(operator.balance, received[operator], "claimed only grows");
            received[operator] = operator.balance;
        }
    }

    /// @dev One of a round's three committees and their 100 tasks, or slightly beyond; sometimes of a future round. The
    /// fixture's own round is excluded: its roster has no proofs.
    function _measurement(uint256 seed, uint64 latest) private pure returns (IRewards.Accepted memory) {
        seed = uint256(keccak256(abi.encode(seed)));
        return IRewards.Accepted({
            round: 2 + uint64(seed % latest), station: REWARDED, committee: (seed >> 64) % 4, k: (seed >> 128) % 110
        });
    }

    /// @dev Whether some station can be drawn for it; every station of these tests can.
    function _isDrawable(IRewards.Accepted memory measurement) private view returns (bool) {
        if (measurement.round > ROUNDS.latestRound() || ROUNDS.getRound(measurement.round).seed == 0) return false;
        return measurement.committee < 3 && measurement.k < 100;
    }

    function _accepted(IRewards.Accepted memory measurement) private pure returns (bytes32, bytes32[] memory) {
        return MerkleTree.deep(MerkleTree.hashOf(abi.encode(measurement)), TREE_DEPTH);
    }

    function _entry() private pure returns (IRewards.RosterEntry memory) {
        return
            IRewards.RosterEntry({index: REWARDED, station: operatorAt(1), operator: operatorAt(0), subnet: "subnet"});
    }

    function _roster() private pure returns (bytes32, bytes32[] memory) {
        return MerkleTree.deep(MerkleTree.hashOf(abi.encode(_entry())), TREE_DEPTH);
    }

    function _leaves(uint256[OPERATORS] memory shares) private pure returns (RewardTree.Leaf[] memory leaves) {
        leaves = new RewardTree.Leaf[](OPERATORS);
        for (uint256 i = 0; i < OPERATORS; ++i) {
            leaves[i] = RewardTree.Leaf(operatorAt(i), shares[i]);
        }
    }

    function _sum(uint256[OPERATORS] memory shares) private pure returns (uint256 total) {
        for (uint256 i = 0; i < OPERATORS; ++i) {
            total += shares[i];
        }
    }

    function _sign(IRewards.Proposal memory proposal) private view returns (bytes[] memory signatures) {
        signatures = new bytes[](keys.length);
        bytes32 digest = REWARDS.digestOf(proposal);
        for (uint256 i = 0; i < keys.length; ++i) {
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[i], digest);
            signatures[i] = abi.encodePacked(r, s, v);
        }
    }
}
