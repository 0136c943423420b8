// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {Court} from "../../src/Court.sol";
import {Rewards} from "../../src/Rewards.sol";
import {Roles} from "../../src/Roles.sol";
import {Rounds} from "../../src/Rounds.sol";
import {ICourt} from "../../src/interfaces/ICourt.sol";
import {IRewards} from "../../src/interfaces/IRewards.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {RewardsTree} from "../../src/libraries/RewardsTree.sol";
import {RewardsTree} from "../../src/libraries/RewardsTree.sol";
import {RewardTree} from "../utils/RewardTree.sol";

/// @notice Actions of the invariant tests, and a model to compare the contract with.
contract RewardsHandler is Test {
    uint256 public constant OPERATORS = 5;

    Roles private immutable ROLES;
    Court private immutable COURT;
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
    IRewards.Proposal private lastProposal;
    bytes[] private lastSignatures;
    /// @dev Each settlement's allocations, by operator's index.
    mapping(uint64 settlement => uint256[OPERATORS]) private allocations;
    /// @dev Whether an operator's running sum is one too high; OPERATORS if none is.
    mapping(uint64 settlement => uint256) private bentAt;

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
        ROLES = Roles(address(rewards.ROLES()));
        COURT = Court(address(rewards.COURT()));
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
        IRounds.Inputs memory inputs = IRounds.Inputs({
            rosterRoot: keccak256("roster"),
            tasksRoot: keccak256("tasks"),
            rosterCount: 300,
            taskCount: 2000,
            rosterCid: abi.encodePacked(bytes4(0x01551220), keccak256("roster")),
            tasksCid: abi.encodePacked(bytes4(0x01551220), keccak256("tasks"))
        });
        vm.prank(COORDINATOR);
        uint64 round = ROUNDS.open(inputs);
        if (revealed) ROUNDS.reveal(round, "signature");
        vm.warp(ROUNDS.getRound(round).times.dedupeFrom + 1);
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

        // Not always honest about sums, if it adds anything.
        uint256 bent = _sum(shares) > _sum(allocations[parent]) ? seed % (2 * OPERATORS) : OPERATORS;
        if (bent > OPERATORS) bent = OPERATORS;
        RewardsTree.Leaf[] memory leaves = _leaves(shares, bent);
        // Without any earnings there is no tree; where nothing was added, the tree is the parent's.
        if (_sum(shares) == 0) leaves = new RewardsTree.Leaf[](0);
        if (parent != 0 && _sum(shares) == _sum(allocations[parent])) {
            bent = bentAt[parent];
            leaves = _treeOf(parent);
        }
        IRewards.Proposal memory proposal = IRewards.Proposal({
            number: REWARDS.settlementCount() + 1,
            parent: parent,
            firstRound: first,
            lastRound: last,
            root: RewardTree.rootOf(leaves),
            operators: uint32(leaves.length),
            cumulativeTotal: _sum(shares),
            drops: REWARDS.dropCount(),
            cid: abi.encodePacked(bytes4(0x01701220), keccak256(abi.encode(seed)))
        });
        bytes[] memory signatures = _sign(proposal);
        uint64 settlement = REWARDS.post(proposal, signatures);
        (lastProposal, lastSignatures) = (proposal, signatures);
        allocations[settlement] = shares;
        bentAt[settlement] = bent;
        assertEq(REWARDS.head(), settlement);
    }

    /// @dev What was posted once is never posted again, void or not.
    function postAgain() external observed {
        if (REWARDS.settlementCount() == 0) return;
        try REWARDS.post(lastProposal, lastSignatures) {
            assertTrue(false, "posted again");
        } catch {}
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

    /// @dev A challenge succeeds only on a pending settlement that adds something, at the place that is bent.
    function challenge(uint64 settlement, uint256 place) external observed {
        uint64 count = REWARDS.settlementCount();
        if (count == 0) return;
        settlement = uint64(bound(settlement, 1, count));
        RewardsTree.Leaf[] memory leaves = _treeOf(settlement);
        if (leaves.length == 0) return;
        place = bound(place, 0, OPERATORS - 1);
        uint256 bent = bentAt[settlement];
        // A bent sum is seen from its place and from the one before; the first and the last also by themselves.
        bool fraud = bent < OPERATORS && (place == bent || place + 1 == bent);
        uint64 parent = REWARDS.getSettlement(settlement).proposal.parent;
        if (parent != 0 && _sum(allocations[parent]) == _sum(allocations[settlement])) fraud = false;
        if (REWARDS.statusOf(settlement) != IRewards.Status.Pending) fraud = false;
        RewardsTree.Leaf memory upper;
        bytes32[] memory proof;
        if (place + 1 < OPERATORS) (upper, proof) = (leaves[place + 1], RewardTree.proofOf(leaves, place + 1));
        ICourt.Place memory lower =
            ICourt.Place({index: uint32(place), leaf: leaves[place], proof: RewardTree.proofOf(leaves, place)});
        try COURT.challengeOrder(REWARDS, settlement, lower, upper, proof) {
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
        RewardsTree.Leaf[] memory leaves = _treeOf(settlement);
        if (leaves.length == 0) return;
        IRewards.Allocation memory allocation = RewardTree.allocationOf(leaves[index]);
        bytes32[] memory proof = RewardTree.proofOf(leaves, index);
        bool active = REWARDS.statusOf(settlement) == IRewards.Status.Active;
        uint256 before = REWARDS.claimed(operator);
        try REWARDS.claim(settlement, uint32(index), allocation, proof) returns (uint256 amount) {
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
        RewardsTree.Leaf[] memory leaves = _treeOf(settlement);
        if (leaves.length == 0) return;
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
        uint256 owed;
        for (uint256 i = 0; i < OPERATORS; ++i) {
            uint256 before = REWARDS.claimed(leaves[i].operator);
            if (leaves[i].cumulative > before) owed += leaves[i].cumulative - before;
        }
        bool active = REWARDS.statusOf(settlement) == IRewards.Status.Active;
        try REWARDS.claimMany(settlement, batch.start, batch.allocations, batch.siblings) returns (uint256 paid) {
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
        window = uint64(bound(window, ROLES.MIN_CHALLENGE_WINDOW(), 5 days));
        if (window == ROLES.challengeWindow()) return;
        vm.prank(OWNER);
        ROLES.setChallengeWindow(window);
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

    /// @dev The leaves of a settlement; none if it has no tree.
    function _treeOf(uint64 settlement) private view returns (RewardsTree.Leaf[] memory) {
        if (_sum(allocations[settlement]) == 0) return new RewardsTree.Leaf[](0);
        return _leaves(allocations[settlement], bentAt[settlement]);
    }

    function _leaves(uint256[OPERATORS] memory shares, uint256 bent)
        private
        pure
        returns (RewardsTree.Leaf[] memory leaves)
    {
        leaves = new RewardsTree.Leaf[](OPERATORS);
        for (uint256 i = 0; i < OPERATORS; ++i) {
            leaves[i] = RewardTree.leafOf(operatorAt(i), shares[i]);
        }
        leaves = RewardTree.summed(leaves);
        if (bent < OPERATORS) leaves[bent].running += 1;
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
