// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Rewards} from "../../src/Rewards.sol";
import {Rounds} from "../../src/Rounds.sol";
import {IRewards} from "../../src/interfaces/IRewards.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {RewardsTree} from "../../src/libraries/RewardsTree.sol";
import {CallActorPrecompile} from "../mocks/FilecoinPrecompiles.sol";
import {RewardsTree} from "../../src/libraries/RewardsTree.sol";
import {RewardTree} from "../utils/RewardTree.sol";
import {ThievesWorld} from "./ThievesWorld.sol";

/// @notice Simulates everybody, including one thief, who tries everything that its role's keys allow and everything
/// that they do not. All others are honest, and the guardian is active: before time passes it vetoes fraud and cancels
/// changes that the honest owner did not make. Keeps a model of permissions, grants and payments.
contract ThievesHandler is ThievesWorld {
    constructor(Rounds rounds, Rewards rewards, Cast memory actors, uint256[] memory keys, uint256 depositedBefore)
        ThievesWorld(rounds, rewards, actors, keys, depositedBefore)
    {}

    /* EVERYBODY'S BUSINESS */

    function deposit(uint256 seed, uint96 amount) external played(seed) {
        amount = uint96(bound(amount, 1, 1 ether));
        if (_hasEnded()) return;
        vm.deal(address(this), amount);
        REWARDS.deposit{value: amount}();
        deposited += amount;
    }

    function force(uint256 seed, uint96 amount) external played(seed) {
        amount = uint96(bound(amount, 1, 1 ether));
        forced += amount;
        vm.deal(address(REWARDS), address(REWARDS).balance + amount);
    }

    /// @dev Books what was forced in, and nothing twice.
    function sync(uint256 seed) external played(seed) {
        assertEq(_call(thief(), abi.encodeCall(REWARDS.sync, ())), forced > 0, "sync");
        deposited += forced;
        forced = 0;
    }

    function playRound(uint256 seed) external played(seed) {
        _playRound();
    }

    /// @dev Mostly hours, sometimes long enough for all announced changes to take effect.
    function pass(uint256 seed, uint256 time) external played(seed) {
        _pass(seed % 16 == 0 ? bound(time, 1 days, 100 days) : bound(time, 1 minutes, 2 days));
    }

    /// @dev Shares only grow, and the total is their sum.
    function post(uint256 seed) external played(seed) {
        _guard();
        if (_hasEnded()) return;
        if (!_hasRounds()) _playRound();
        if (_hasEnded()) return;
        uint64 parent = REWARDS.head();
        uint256[OPERATORS] memory shares = allocations[parent];
        uint256 room = _room();
        for (uint256 i = 0; i < OPERATORS; ++i) {
            uint256 share = uint256(keccak256(abi.encode(seed, i))) % (room / (OPERATORS - i) + 1);
            shares[i] += share;
            room -= share;
        }
        // Where nothing was ever earned there is no tree.
        RewardsTree.Leaf[] memory leaves = _sum(shares) == 0 ? new RewardsTree.Leaf[](0) : _leaves(shares);
        IRewards.Proposal memory proposal = _proposal(leaves, _sum(shares));
        uint64 settlement = REWARDS.post(proposal, _signatures(proposal));
        allocations[settlement] = shares;
    }

    /// @dev The honest owner's changes, which may be cancelled: all of them to honest evaluators and guardians.
    function govern(uint256 seed) external played(seed) {
        if (role == Role.Owner || ROLES.owner() != cast.owner) return;
        uint256 what = seed % 4;
        if (what == 0) {
            _announceEvaluators(cast.owner, _honestSet(seed / 4), 2);
        } else if (what == 1) {
            _announceGuardian(cast.owner, address(uint160(0x60A2D1A4 + seed / 4 % 2)));
        } else if (what == 2) {
            _changeWindow(cast.owner, uint64(bound(seed / 4, ROLES.MIN_CHALLENGE_WINDOW(), 5 days)));
        } else if (seed % 64 == 3) {
            _call(cast.owner, abi.encodeCall(REWARDS.setEnd, (uint64(block.timestamp + 31 days))));
        }
    }

    /// @dev Operators set wallets of every kind; two of them keep their own address, to reject and to call back.
    function setPayout(uint256 seed) external played(seed) {
        uint256 index = seed % 3;
        address operator = operatorAt(index);
        uint256 kind = seed / 3 % 4;
        if (kind == 0) {
            if (_call(operator, abi.encodeCall(REWARDS.setNativePayoutAddress, (F1)))) payout[index] = CALL_ACTOR;
        } else {
            address wallet = [WALLET, operatorAt(3), operator][kind - 1];
            if (_call(operator, abi.encodeCall(REWARDS.setPayoutAddress, (wallet)))) payout[index] = wallet;
        }
    }

    function setAccepts(uint256 seed, bool accepts) external played(seed) {
        REFUSER.setAccepts(accepts);
    }

    /// @dev The precompile disappears and returns, which should never happen, and the wallet behind it rejects.
    function setPrecompile(uint256 seed, bool isHere, bool fails) external played(seed) {
        vm.etch(CALL_ACTOR, isHere ? type(CallActorPrecompile).runtimeCode : bytes(""));
        LEDGER.setExitCode(F1, fails ? int256(16) : int256(0));
    }

    /// @dev By anyone, for anyone: only honest, active settlements pay, and exactly what is due.
    function claim(uint256 seed, uint64 settlement, uint256 index, uint256 excess) external played(seed) {
        if (REWARDS.settlementCount() == 0) return;
        settlement = uint64(bound(settlement, 1, REWARDS.settlementCount()));
        index = bound(index, 0, OPERATORS - 1);
        excess = seed % 4 == 0 ? bound(excess, 1, 1 ether) : 0;
        _prepareGrabber(seed, settlement);
        uint256 owed = _owed(settlement, index);
        uint256 before = REWARDS.totalClaimed();
        RewardsTree.Leaf[] memory leaves = _leaves(allocations[settlement]);
        IRewards.Allocation memory allocation = RewardTree.allocationOf(leaves[index]);
        allocation.cumulative += excess;
        bytes32[] memory proof = RewardTree.proofOf(leaves, index);
        bytes memory call = abi.encodeCall(REWARDS.claim, (settlement, uint32(index), allocation, proof));
        bool success = _call(thief(), call);
        assertEq(success, _isPayable(settlement) && excess == 0 && owed > 0 && _accepts(index), "claim");
        if (success) _notePaid(index, owed);
        assertEq(REWARDS.totalClaimed() - before, success ? owed : 0, "paid");
    }

    /// @dev Any range, in which some leaves may be passed over.
    function claimMany(uint256 seed, uint64 settlement, uint256 start, uint256 end, uint256 passedOver)
        external
        played(seed)
    {
        if (REWARDS.settlementCount() == 0) return;
        settlement = uint64(bound(settlement, 1, REWARDS.settlementCount()));
        start = bound(start, 0, OPERATORS - 1);
        end = bound(end, start + 1, OPERATORS);
        _prepareGrabber(seed, settlement);
        RewardsTree.Leaf[] memory leaves = _leaves(allocations[settlement]);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves, start, end);
        for (uint256 i = start; i < end; ++i) {
            if (passedOver >> i & 1 == 1) RewardTree.passOver(batch, leaves, i);
        }
        uint256 before = REWARDS.totalClaimed();
        bytes memory call =
            abi.encodeCall(REWARDS.claimMany, (settlement, batch.start, batch.allocations, batch.siblings));
        uint256 sum;
        bool isPayable = _isPayable(settlement) && _treeOf(settlement).length > 0;
        for (uint256 i = 0; isPayable && i < batch.allocations.length; ++i) {
            if (batch.allocations[i].operator == address(0)) continue;
            uint256 index = _indexOf(batch.allocations[i].operator);
            uint256 owed = _accepts(index) ? _owed(settlement, index) : 0;
            sum += owed;
            _notePaid(index, owed);
        }
        assertEq(_call(thief(), call), isPayable, "claimMany");
        assertEq(REWARDS.totalClaimed() - before, sum, "paid");
    }

    /// @dev Anyone may; it succeeds only after the end.
    function withdrawSurplus(uint256 seed) external played(seed) {
        _withdrawSurplus(thief());
    }

    /* THE THIEF'S */

    /// @dev Everything that a caller may do, tried by the thief.
    function tryEverything(uint256 seed, uint256 what) external played(seed) {
        address by = thief();
        what = what % 14;
        bool isOwner = by == ROLES.owner();
        if (what == 0) {
            address[] memory own = new address[](1);
            own[0] = THIEF;
            assertTrue(!_announceEvaluators(by, own, 1) || isOwner);
        } else if (what == 1) {
            assertTrue(!_announceGuardian(by, by == cast.owner ? THIEF : by) || isOwner);
        } else if (what == 2) {
            assertTrue(!_changeWindow(by, uint64(seed % 40 days)) || isOwner);
        } else if (what == 3) {
            bool mayCancel = isOwner || by == ROLES.guardian();
            if (_callRoles(by, abi.encodeCall(ROLES.cancelEvaluators, ()))) {
                assertTrue(mayCancel);
                nextVersionAt = 0;
            }
        } else if (what == 4) {
            bool mayCancel = isOwner || by == ROLES.guardian();
            if (_callRoles(by, abi.encodeCall(ROLES.cancelGuardian, ()))) {
                assertTrue(mayCancel);
                nextGuardianAt = 0;
            }
        } else if (what == 5) {
            // Not always: most runs should continue.
            uint64 at = seed % 8 == 0 ? uint64(block.timestamp + 30 days + seed % 1 days) : uint64(seed % 2 ** 33);
            if (seed % 8 != 0 && at > block.timestamp) return;
            assertTrue(!_call(by, abi.encodeCall(REWARDS.setEnd, (at))) || isOwner);
        } else if (what == 6) {
            _call(by, abi.encodeCall(REWARDS.endAbandoned, ()));
        } else if (what == 7) {
            bool isTreasury = by == REWARDS.treasury();
            assertEq(_call(by, abi.encodeCall(REWARDS.setTreasury, (THIEF))), isTreasury && by != THIEF);
        } else if (what == 8) {
            _withdrawSurplus(by);
        } else if (what == 9) {
            _tryVeto(by, seed);
        } else if (what == 10) {
            // Its own, and no other.
            bool success = _call(by, abi.encodeCall(REWARDS.setPayoutAddress, (THIEF)));
            if (success && role == Role.Operator) payout[1] = THIEF;
        } else if (what == 11) {
            _tryRounds(by, seed);
        } else if (what == 12) {
            // The new owner is the thief as well.
            if (seed % 8 == 0 && _callRoles(by, abi.encodeCall(ROLES.transferOwnership, (by)))) assertTrue(isOwner);
            assertTrue(!_callRoles(by, abi.encodeCall(ROLES.acceptOwnership, ())) || isOwner);
        } else {
            _call(by, "");
            _call(by, abi.encodeWithSignature("withdraw(uint256)", 1));
        }
    }

    /// @dev A settlement that grants the thief everything possible, signed with the keys that it has.
    function steal(uint256 seed) external played(seed) {
        _guard();
        if (!_hasEnded() && !_hasRounds()) _playRound();
        _tryPost(thief(), seed);
    }

    /* WHAT MUST HOLD */

    function check() external view {
        assertEq(REWARDS.totalDeposited(), deposited, "deposits");
        assertEq(REWARDS.totalWithdrawn(), withdrawn, "withdrawals");
        assertEq(address(REWARDS).balance, deposited - REWARDS.totalClaimed() - withdrawn + forced, "balance");
        assertLe(REWARDS.totalClaimed(), REWARDS.highestActiveTotal(), "paid, but not active");
        assertLe(REWARDS.highestActiveTotal(), deposited, "active, but not deposited");
        _checkMoney();
        _checkRoles();
        uint64 count = REWARDS.settlementCount();
        if (count > 0) _checkSettlement(1 + uint64(uint256(keccak256(abi.encode(gasleft()))) % count));
    }

    /// @dev At the end of a run: every settlement is checked, and everybody receives what active settlements granted.
    function checkAll() external {
        if (role == Role.Nobody) return;
        _pass(40 days);
        _observe();
        for (uint64 id = 1; id <= REWARDS.settlementCount(); ++id) {
            _checkSettlement(id);
        }
        REFUSER.setAccepts(true);
        vm.etch(CALL_ACTOR, type(CallActorPrecompile).runtimeCode);
        LEDGER.setExitCode(F1, 0);
        GRABBER.setCall(address(this), "");
        for (uint64 id = 1; id <= REWARDS.settlementCount(); ++id) {
            if (REWARDS.statusOf(id) != IRewards.Status.Active) continue;
            for (uint256 i = 0; i < OPERATORS; ++i) {
                uint256 cumulative = allocations[id][i];
                if (cumulative <= REWARDS.claimed(operatorAt(i))) continue;
                RewardsTree.Leaf[] memory leaves = _leaves(allocations[id]);
                IRewards.Allocation memory allocation = RewardTree.allocationOf(leaves[i]);
                REWARDS.claim(id, uint32(i), allocation, RewardTree.proofOf(leaves, i));
            }
        }
        for (uint256 i = 0; i < OPERATORS; ++i) {
            assertEq(REWARDS.claimed(operatorAt(i)), granted[i], "everybody gets what was granted");
        }
    }

    function _checkMoney() private view {
        uint256 sum;
        uint256 owed;
        for (uint256 i = 0; i < OPERATORS; ++i) {
            uint256 paid = REWARDS.claimed(operatorAt(i));
            assertLe(paid, granted[i], "paid more than granted");
            sum += paid;
            owed += granted[i] - paid;
            assertEq(REWARDS.payoutAddressOf(operatorAt(i)), payout[i], "payout address");
            _checkBalance(operatorAt(i));
        }
        assertEq(REWARDS.totalClaimed(), sum, "total paid");
        assertGe(address(REWARDS).balance, owed, "cannot pay what was granted");
        assertLe(REWARDS.surplus() + sum + owed, deposited - withdrawn, "surplus is promised to somebody");
        _checkBalance(THIEF);
        _checkBalance(WALLET);
        _checkBalance(cast.owner);
        _checkBalance(cast.guardian);
        _checkBalance(cast.coordinator);
        _checkBalance(cast.publisher);
        _checkBalance(cast.treasury);
        assertEq(LEDGER.balanceOf(F1), entitledNative, "balance of f1");
    }

    function _checkBalance(address recipient) private view {
        assertEq(recipient.balance, entitled[recipient], "balance of a recipient");
    }

    function _checkRoles() private view {
        (uint64 expectedVersion, uint64 at) = (version, nextVersionAt);
        if (at != 0 && block.timestamp >= at) expectedVersion = nextVersion;
        assertEq(ROLES.evaluatorSet(), expectedVersion, "evaluators");
        assertEq(
            ROLES.guardian(),
            nextGuardianAt != 0 && block.timestamp >= nextGuardianAt ? nextGuardian : guardian,
            "guardian"
        );
        assertEq(
            ROLES.challengeWindow(),
            nextWindowAt != 0 && block.timestamp >= nextWindowAt ? nextWindow : window,
            "challenge window"
        );
        // The thief never gains a role beyond its initial ones.
        (address[] memory set,,) = ROLES.evaluators();
        for (uint256 i = 0; i < set.length; ++i) {
            assertTrue(set[i] != THIEF, "the thief is an evaluator");
        }
        assertTrue(ROLES.guardian() != THIEF, "the thief is the guardian");
    }

    function _checkSettlement(uint64 id) private view {
        IRewards.Settlement memory settlement = REWARDS.getSettlement(id);
        bytes32 seen = activeHash[id];
        if (seen != 0) assertEq(keccak256(abi.encode(settlement)), seen, "an active settlement changed");
        if (settlement.status == IRewards.Status.Active) assertFalse(isFraud[id], "fraud became active");
    }

    /* HELPERS */

    function _withdrawSurplus(address by) private {
        uint256 surplus = REWARDS.surplus();
        address treasury = REWARDS.treasury();
        bool success = _call(by, abi.encodeCall(REWARDS.withdrawSurplus, ()));
        assertEq(success, _hasEnded() && surplus > 0);
        if (!success) return;
        withdrawn += surplus;
        entitled[treasury] += surplus;
    }

    function _tryVeto(address by, uint256 seed) private {
        if (REWARDS.settlementCount() == 0) return;
        uint64 id = 1 + uint64(seed % REWARDS.settlementCount());
        bool may = by == ROLES.guardian() && REWARDS.statusOf(id) == IRewards.Status.Pending;
        assertEq(_call(by, abi.encodeCall(REWARDS.veto, (id, "mine"))), may);
    }

    /// @dev The owner may announce budgets, and the coordinator may open any round: no reward follows from it.
    function _tryRounds(address by, uint256 seed) private {
        IRounds.Parameters memory parameters = ROUNDS.getParameters();
        parameters.budget = uint96(seed % 10 ether);
        bytes[4] memory calls = [
            abi.encodeCall(ROUNDS.setParameters, (parameters)),
            abi.encodeCall(ROUNDS.setCoordinator, (by)),
            abi.encodeCall(ROUNDS.setPublisher, (by, true)),
            abi.encodeCall(ROUNDS.commit, (ROUNDS.latestRound(), CID, keccak256(abi.encode(seed)), 1))
        ];
        vm.prank(by);
        (bool success,) = address(ROUNDS).call(calls[seed % 4]);
        assertTrue(!success || by == ROLES.owner() || by == cast.publisher);
    }

    /// @dev With the thief's keys: its own, and as many evaluators' as its role holds.
    function _tryPost(address by, uint256 seed) private {
        if (_hasEnded() || !_hasRounds()) return;
        uint256[OPERATORS] memory shares = allocations[REWARDS.head()];
        uint256 total = _sum(shares) + _room();
        RewardsTree.Leaf[] memory leaves = seed % 2 == 0 ? _leaves(shares) : new RewardsTree.Leaf[](1);
        // All that is left, or all that there is; with or without what is due to others.
        leaves[0] = RewardTree.leafOf(THIEF, seed % 4 < 2 ? total : deposited);
        if (seed % 16 > 12) total = deposited + 1;
        if (total == 0) return;
        IRewards.Proposal memory proposal = _proposal(leaves, total);
        bytes[] memory signatures = _stolenSignatures(proposal, seed);
        bool success = _call(by, abi.encodeCall(REWARDS.post, (proposal, signatures)));
        assertTrue(!success || role == Role.Evaluators, "posted without the evaluators");
        if (!success) return;
        uint64 id = REWARDS.head();
        isFraud[id] = true;
        // Not before the guardian has had its window.
        vm.prank(THIEF);
        (success,) = address(REWARDS)
            .call(
                abi.encodeCall(
                    REWARDS.claim, (id, 0, RewardTree.allocationOf(leaves[0]), RewardTree.proofOf(leaves, 0))
                )
            );
        assertFalse(success, "paid at once");
    }

    function _stolenSignatures(IRewards.Proposal memory proposal, uint256 seed)
        private
        view
        returns (bytes[] memory signatures)
    {
        if (role == Role.Evaluators) return _signatures(proposal);
        bytes32 digest = REWARDS.digestOf(proposal);
        (address[] memory set,,) = ROLES.evaluators();
        signatures = new bytes[](2);
        uint256 key = role == Role.Evaluator ? keyOf[set[0]] : THIEF_KEY;
        signatures[0] = _sign(digest, key);
        signatures[1] = _sign(digest, THIEF_KEY);
        uint256 trick = seed / 16 % 4;
        if (trick == 1) signatures[1] = signatures[0];
        if (trick == 2) signatures[1] = _sign(keccak256("another digest"), keyOf[set[set.length - 1]]);
        if (trick == 3) (signatures[0], signatures[1]) = (signatures[1], signatures[0]);
    }

    /// @dev When paid, it claims for another, for itself again, or withdraws the surplus.
    function _prepareGrabber(uint256 seed, uint64 settlement) private {
        RewardsTree.Leaf[] memory leaves = _leaves(allocations[settlement]);
        uint256 index = seed % OPERATORS;
        bytes memory call = abi.encodeCall(
            REWARDS.claim,
            (settlement, uint32(index), RewardTree.allocationOf(leaves[index]), RewardTree.proofOf(leaves, index))
        );
        if (seed % 7 == 0) call = abi.encodeCall(REWARDS.withdrawSurplus, ());
        GRABBER.setCall(address(REWARDS), call);
    }
}
