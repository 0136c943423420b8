// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {Rewards} from "../../src/Rewards.sol";
import {Rounds} from "../../src/Rounds.sol";
import {IRewards} from "../../src/interfaces/IRewards.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {CallActorPrecompile, FilecoinLedger} from "../mocks/FilecoinPrecompiles.sol";
import {Grabber, Refuser} from "../mocks/Recipients.sol";
import {RewardTree} from "../utils/RewardTree.sol";

/// @notice Simulates everybody, including one thief, who tries everything that its role's keys allow and everything
/// that they do not. All others are honest, and the guardian is active: before time passes it vetoes fraud and cancels
/// changes that the honest owner did not make. Keeps a model of permissions, grants and payments.
contract ThievesHandler is Test {
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
    address private constant CALL_ACTOR = 0xfe00000000000000000000000000000000000003;
    FilecoinLedger private constant LEDGER = FilecoinLedger(0xfe000000000000000000000000000000000000ff);
    bytes private constant F1 = hex"01000102030405060708090a0b0c0d0e0f10111213";
    bytes private constant CID = hex"01551220ff000000000000000000000000000000000000000000000000000000000000ff";

    Rounds private immutable ROUNDS;
    Rewards private immutable REWARDS;
    Cast private cast;
    Refuser private immutable REFUSER = new Refuser();
    Grabber private immutable GRABBER = new Grabber();
    /// @dev Operators may set it, and it can be the thief.
    address private immutable WALLET = makeAddr("payout wallet");
    address public immutable THIEF;
    uint256 private immutable THIEF_KEY;
    mapping(address evaluator => uint256 key) private keyOf;
    /// @dev Three, ascending.
    address[] private honest;

    Role public role;

    /* THE MODEL */

    mapping(uint64 settlement => bool) public isFraud;
    mapping(uint64 settlement => bytes32) private activeHash;
    mapping(uint64 settlement => uint256[OPERATORS]) private allocations;
    /// @dev The maximum that active settlements ever granted each operator.
    uint256[OPERATORS] private granted;
    uint256[OPERATORS] private claimedBefore;
    address[OPERATORS] private payout;
    /// @notice What each address should have received from the contract, and what went to F1.
    mapping(address recipient => uint256) public entitled;
    uint256 public entitledNative;
    uint256 public forced;
    uint256 public deposited;
    uint256 public withdrawn;

    uint64 private version = 1;
    uint64 private nextVersion;
    uint64 private nextVersionAt;
    uint64 private versions = 1;
    address private guardian;
    address private nextGuardian;
    uint64 private nextGuardianAt;
    uint64 private window;
    uint64 private nextWindow;
    uint64 private nextWindowAt;

    constructor(Rounds rounds, Rewards rewards, Cast memory actors, uint256[] memory keys, uint256 depositedBefore) {
        (ROUNDS, REWARDS, cast) = (rounds, rewards, actors);
        (THIEF, THIEF_KEY) = makeAddrAndKey("thief");
        for (uint256 i = 0; i < keys.length; ++i) {
            keyOf[vm.addr(keys[i])] = keys[i];
            honest.push(vm.addr(keys[i]));
        }
        guardian = actors.guardian;
        window = rewards.challengeWindow();
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
        IRewards.Proposal memory proposal = _proposal(RewardTree.rootOf(_leaves(shares)), _sum(shares));
        uint64 settlement = REWARDS.post(proposal, _signatures(proposal));
        allocations[settlement] = shares;
    }

    /// @dev The honest owner's changes, which may be cancelled: all of them to honest evaluators and guardians.
    function govern(uint256 seed) external played(seed) {
        if (role == Role.Owner || REWARDS.owner() != cast.owner) return;
        uint256 what = seed % 4;
        if (what == 0) {
            _announceEvaluators(cast.owner, _honestSet(seed / 4), 2);
        } else if (what == 1) {
            _announceGuardian(cast.owner, address(uint160(0x60A2D1A4 + seed / 4 % 2)));
        } else if (what == 2) {
            _changeWindow(cast.owner, uint64(bound(seed / 4, REWARDS.MIN_CHALLENGE_WINDOW(), 5 days)));
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
        uint256 cumulative = allocations[settlement][index];
        bytes32[] memory proof = RewardTree.proofOf(_leaves(allocations[settlement]), index);
        bytes memory call = abi.encodeCall(REWARDS.claim, (settlement, operatorAt(index), cumulative + excess, proof));
        bool success = _call(thief(), call);
        assertEq(success, _isPayable(settlement) && excess == 0 && owed > 0 && _accepts(index), "claim");
        if (success) _notePaid(index, owed);
        assertEq(REWARDS.totalClaimed() - before, success ? owed : 0, "paid");
    }

    function claimMany(uint256 seed, uint64 settlement, uint256 subset) external played(seed) {
        if (REWARDS.settlementCount() == 0) return;
        settlement = uint64(bound(settlement, 1, REWARDS.settlementCount()));
        _prepareGrabber(seed, settlement);
        RewardTree.Batch memory batch = RewardTree.batchOf(_leaves(allocations[settlement]), _indices(subset));
        uint256 before = REWARDS.totalClaimed();
        bytes memory call = abi.encodeCall(REWARDS.claimMany, (settlement, batch.allocations, batch.proof, batch.flags));
        uint256 sum;
        bool isPayable = _isPayable(settlement);
        for (uint256 i = 0; isPayable && i < batch.allocations.length; ++i) {
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
        bool isOwner = by == REWARDS.owner();
        if (what == 0) {
            address[] memory own = new address[](1);
            own[0] = THIEF;
            assertTrue(!_announceEvaluators(by, own, 1) || isOwner);
        } else if (what == 1) {
            assertTrue(!_announceGuardian(by, by == cast.owner ? THIEF : by) || isOwner);
        } else if (what == 2) {
            assertTrue(!_changeWindow(by, uint64(seed % 40 days)) || isOwner);
        } else if (what == 3) {
            bool mayCancel = isOwner || by == REWARDS.guardian();
            if (_call(by, abi.encodeCall(REWARDS.cancelEvaluators, ()))) {
                assertTrue(mayCancel);
                nextVersionAt = 0;
            }
        } else if (what == 4) {
            bool mayCancel = isOwner || by == REWARDS.guardian();
            if (_call(by, abi.encodeCall(REWARDS.cancelGuardian, ()))) {
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
            if (seed % 8 == 0 && _call(by, abi.encodeCall(REWARDS.transferOwnership, (by)))) assertTrue(isOwner);
            assertTrue(!_call(by, abi.encodeCall(REWARDS.acceptOwnership, ())) || isOwner);
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
                REWARDS.claim(id, operatorAt(i), cumulative, RewardTree.proofOf(_leaves(allocations[id]), i));
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
        assertEq(REWARDS.evaluatorSet(), expectedVersion, "evaluators");
        assertEq(
            REWARDS.guardian(),
            nextGuardianAt != 0 && block.timestamp >= nextGuardianAt ? nextGuardian : guardian,
            "guardian"
        );
        assertEq(
            REWARDS.challengeWindow(),
            nextWindowAt != 0 && block.timestamp >= nextWindowAt ? nextWindow : window,
            "challenge window"
        );
        // The thief never gains a role beyond its initial ones.
        (address[] memory set,,) = REWARDS.evaluators();
        for (uint256 i = 0; i < set.length; ++i) {
            assertTrue(set[i] != THIEF, "the thief is an evaluator");
        }
        assertTrue(REWARDS.guardian() != THIEF, "the thief is the guardian");
    }

    function _checkSettlement(uint64 id) private view {
        IRewards.Settlement memory settlement = REWARDS.getSettlement(id);
        bytes32 seen = activeHash[id];
        if (seen != 0) assertEq(keccak256(abi.encode(settlement)), seen, "an active settlement changed");
        if (settlement.status == IRewards.Status.Active) assertFalse(isFraud[id], "fraud became active");
    }

    /* HELPERS */

    /// @dev Time passes only after the guardian has checked, unless the guardian is the thief: then nobody else is.
    function _pass(uint256 time) private {
        _guard();
        vm.warp(vm.getBlockTimestamp() + time);
    }

    function _guard() private {
        address current = REWARDS.guardian();
        if (role == Role.Guardian && current == cast.guardian) return;
        for (uint64 id = 1; id <= REWARDS.settlementCount(); ++id) {
            if (isFraud[id] && REWARDS.statusOf(id) == IRewards.Status.Pending) {
                assertTrue(_call(current, abi.encodeCall(REWARDS.veto, (id, ""))));
            }
        }
        if (role != Role.Owner) return;
        (,,, uint64 at) = REWARDS.nextEvaluators();
        if (at != 0) {
            assertTrue(_call(current, abi.encodeCall(REWARDS.cancelEvaluators, ())));
            nextVersionAt = 0;
        }
        (, at) = REWARDS.nextGuardian();
        if (at != 0) {
            assertTrue(_call(current, abi.encodeCall(REWARDS.cancelGuardian, ())));
            nextGuardianAt = 0;
        }
    }

    /// @dev Records newly active settlements and payments.
    function _observe() private {
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

    function _playRound() private {
        IRounds.Inputs memory inputs = IRounds.Inputs({
            rosterRoot: keccak256("roster"),
            tasksRoot: keccak256("tasks"),
            rosterCount: 300,
            taskCount: 2000,
            rosterCid: abi.encodePacked(bytes4(0x01551220), keccak256("roster")),
            tasksCid: abi.encodePacked(bytes4(0x01551220), keccak256("tasks"))
        });
        uint64 latest = ROUNDS.latestRound();
        uint64 closesAt = ROUNDS.getRound(latest).closesAt;
        if (block.timestamp < closesAt) _pass(closesAt - block.timestamp);
        vm.prank(ROUNDS.coordinator());
        uint64 round = ROUNDS.open(inputs);
        ROUNDS.reveal(round, "signature");
        _pass(ROUNDS.getRound(round).commitsUntil + 1 - vm.getBlockTimestamp());
    }

    function _call(address by, bytes memory call) private returns (bool success) {
        vm.prank(by);
        (success,) = address(REWARDS).call(call);
    }

    function _announceEvaluators(address by, address[] memory set, uint256 threshold) private returns (bool success) {
        success = _call(by, abi.encodeCall(REWARDS.setEvaluators, (set, threshold)));
        if (!success) return false;
        if (nextVersionAt != 0 && block.timestamp >= nextVersionAt) version = nextVersion;
        (nextVersion, nextVersionAt) = (++versions, uint64(block.timestamp) + _window());
    }

    function _announceGuardian(address by, address newGuardian) private returns (bool success) {
        success = _call(by, abi.encodeCall(REWARDS.setGuardian, (newGuardian)));
        if (!success) return false;
        if (nextGuardianAt != 0 && block.timestamp >= nextGuardianAt) guardian = nextGuardian;
        (nextGuardian, nextGuardianAt) = (newGuardian, uint64(block.timestamp) + _window());
    }

    function _changeWindow(address by, uint64 newWindow) private returns (bool success) {
        success = _call(by, abi.encodeCall(REWARDS.setChallengeWindow, (newWindow)));
        if (!success) return false;
        uint64 current = _window();
        if (newWindow < current) {
            (window, nextWindow, nextWindowAt) = (current, newWindow, uint64(block.timestamp) + current);
        } else {
            (window, nextWindowAt) = (newWindow, 0);
        }
    }

    function _window() private view returns (uint64) {
        return nextWindowAt != 0 && block.timestamp >= nextWindowAt ? nextWindow : window;
    }

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
        bool may = by == REWARDS.guardian() && REWARDS.statusOf(id) == IRewards.Status.Pending;
        assertEq(_call(by, abi.encodeCall(REWARDS.veto, (id, "mine"))), may);
    }

    /// @dev The owner of rounds may raise budgets, and the coordinator may open any round: no reward follows from it.
    function _tryRounds(address by, uint256 seed) private {
        IRounds.Parameters memory parameters = ROUNDS.getParameters();
        parameters.budget = uint96(seed % 10 ether);
        bytes[4] memory calls = [
            abi.encodeCall(ROUNDS.setParameters, (parameters)),
            abi.encodeCall(ROUNDS.setCoordinator, (by)),
            abi.encodeCall(ROUNDS.setPublisher, (by, true)),
            abi.encodeCall(ROUNDS.commit, (ROUNDS.latestRound(), CID, 1))
        ];
        vm.prank(by);
        (bool success,) = address(ROUNDS).call(calls[seed % 4]);
        assertTrue(!success || by == ROUNDS.owner() || by == cast.publisher);
    }

    /// @dev With the thief's keys: its own, and as many evaluators' as its role holds.
    function _tryPost(address by, uint256 seed) private {
        if (_hasEnded() || !_hasRounds()) return;
        uint256[OPERATORS] memory shares = allocations[REWARDS.head()];
        uint256 total = _sum(shares) + _room();
        RewardTree.Leaf[] memory leaves = seed % 2 == 0 ? _leaves(shares) : new RewardTree.Leaf[](1);
        // All that is left, or all that there is; with or without what is due to others.
        leaves[0] = RewardTree.Leaf(THIEF, seed % 4 < 2 ? total : deposited);
        if (seed % 16 > 12) total = deposited + 1;
        IRewards.Proposal memory proposal = _proposal(RewardTree.rootOf(leaves), total);
        bytes[] memory signatures = _stolenSignatures(proposal, seed);
        bool success = _call(by, abi.encodeCall(REWARDS.post, (proposal, signatures)));
        assertTrue(!success || role == Role.Evaluators, "posted without the evaluators");
        if (!success) return;
        uint64 id = REWARDS.head();
        isFraud[id] = true;
        // Not before the guardian has had its window.
        vm.prank(THIEF);
        (success,) = address(REWARDS)
            .call(abi.encodeCall(REWARDS.claim, (id, THIEF, leaves[0].cumulative, RewardTree.proofOf(leaves, 0))));
        assertFalse(success, "paid at once");
    }

    function _stolenSignatures(IRewards.Proposal memory proposal, uint256 seed)
        private
        view
        returns (bytes[] memory signatures)
    {
        if (role == Role.Evaluators) return _signatures(proposal);
        bytes32 digest = REWARDS.digestOf(proposal);
        (address[] memory set,,) = REWARDS.evaluators();
        signatures = new bytes[](2);
        uint256 key = role == Role.Evaluator ? keyOf[set[0]] : THIEF_KEY;
        signatures[0] = _sign(digest, key);
        signatures[1] = _sign(digest, THIEF_KEY);
        uint256 trick = seed / 16 % 4;
        if (trick == 1) signatures[1] = signatures[0];
        if (trick == 2) signatures[1] = _sign(keccak256("another digest"), keyOf[set[set.length - 1]]);
        if (trick == 3) (signatures[0], signatures[1]) = (signatures[1], signatures[0]);
    }

    /// @dev The current evaluators.
    function _signatures(IRewards.Proposal memory proposal) private view returns (bytes[] memory signatures) {
        (address[] memory set, uint256 threshold,) = REWARDS.evaluators();
        signatures = new bytes[](threshold);
        bytes32 digest = REWARDS.digestOf(proposal);
        for (uint256 i = 0; i < threshold; ++i) {
            signatures[i] = _sign(digest, keyOf[set[i]]);
        }
    }

    function _sign(bytes32 digest, uint256 key) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev Two or three with known keys; with a threshold of two, one key is never enough.
    function _honestSet(uint256 seed) private view returns (address[] memory set) {
        uint256 leftOut = seed % 4;
        set = new address[](leftOut < 3 ? 2 : 3);
        uint256 count;
        for (uint256 i = 0; i < 3; ++i) {
            if (i != leftOut) set[count++] = honest[i];
        }
    }

    function _proposal(bytes32 root, uint256 total) private view returns (IRewards.Proposal memory) {
        return IRewards.Proposal({
            parent: REWARDS.head(),
            firstRound: _firstRound(),
            lastRound: ROUNDS.latestRound(),
            root: root,
            cumulativeTotal: total,
            acceptedRoot: 0,
            cid: abi.encodePacked(bytes4(0x01701220), root)
        });
    }

    function _firstRound() private view returns (uint64) {
        uint64 parent = REWARDS.head();
        return parent == 0 ? 1 : REWARDS.getSettlement(parent).proposal.lastRound + 1;
    }

    /// @dev Rounds to settle, after their commit windows.
    function _hasRounds() private view returns (bool) {
        uint64 latest = ROUNDS.latestRound();
        return latest >= _firstRound() && block.timestamp > ROUNDS.getRound(latest).commitsUntil;
    }

    /// @dev What the next settlement may grant beyond the last.
    function _room() private view returns (uint256) {
        uint64 parent = REWARDS.head();
        uint256 total = parent == 0 ? 0 : REWARDS.getSettlement(parent).proposal.cumulativeTotal;
        uint256 budget = ROUNDS.budgetOf(_firstRound(), ROUNDS.latestRound());
        return budget < deposited - total ? budget : deposited - total;
    }

    function _hasEnded() private view returns (bool) {
        return REWARDS.endsAt() != 0 && block.timestamp >= REWARDS.endsAt();
    }

    function _isPayable(uint64 settlement) private view returns (bool) {
        return REWARDS.statusOf(settlement) == IRewards.Status.Active && !isFraud[settlement];
    }

    function _owed(uint64 settlement, uint256 index) private view returns (uint256) {
        uint256 paid = REWARDS.claimed(operatorAt(index));
        return allocations[settlement][index] > paid ? allocations[settlement][index] - paid : 0;
    }

    function _accepts(uint256 index) private view returns (bool) {
        if (payout[index] == address(REFUSER)) return REFUSER.accepts();
        return payout[index] != CALL_ACTOR || (CALL_ACTOR.code.length > 0 && LEDGER.exitCodeOf(F1) == 0);
    }

    function _notePaid(uint256 index, uint256 amount) private {
        if (payout[index] == CALL_ACTOR) entitledNative += amount;
        else entitled[payout[index]] += amount;
    }

    /// @dev When paid, it claims for another, for itself again, or withdraws the surplus.
    function _prepareGrabber(uint256 seed, uint64 settlement) private {
        RewardTree.Leaf[] memory leaves = _leaves(allocations[settlement]);
        uint256 index = seed % OPERATORS;
        bytes memory call = abi.encodeCall(
            REWARDS.claim,
            (settlement, leaves[index].operator, leaves[index].cumulative, RewardTree.proofOf(leaves, index))
        );
        if (seed % 7 == 0) call = abi.encodeCall(REWARDS.withdrawSurplus, ());
        GRABBER.setCall(address(REWARDS), call);
    }

    function _indexOf(address operator) private view returns (uint256 index) {
        while (operatorAt(index) != operator) ++index;
    }

    function _indices(uint256 subset) private pure returns (uint256[] memory indices) {
        uint256 count;
        for (uint256 i = 0; i < OPERATORS; ++i) {
            count += subset >> i & 1;
        }
        indices = new uint256[](count);
        for (uint256 i = OPERATORS; i > 0; --i) {
            if (subset >> (i - 1) & 1 == 1) indices[--count] = i - 1;
        }
    }

    function _leaves(uint256[OPERATORS] memory shares) private view returns (RewardTree.Leaf[] memory leaves) {
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
}
