// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {ICourt} from "./interfaces/ICourt.sol";
import {IRewards} from "./interfaces/IRewards.sol";
import {IRoles} from "./interfaces/IRoles.sol";
import {IRounds} from "./interfaces/IRounds.sol";
import {Cid} from "./libraries/Cid.sol";
import {Fvm} from "./libraries/Fvm.sol";
import {PositionalTree} from "./libraries/PositionalTree.sol";
import {RewardsTree} from "./libraries/RewardsTree.sol";
import {Objections} from "./rewards/Objections.sol";
import {Pool} from "./rewards/Pool.sol";
import {Recipients} from "./rewards/Recipients.sol";

/// @title Rewards
/// @notice See `IRewards`. This contract has settlements and claims; `Pool` has deposits and the programme's end,
/// `Recipients` payments to operators, `Objections` the files that evaluators could not get.
contract Rewards is Recipients, Objections, EIP712 {
    using PositionalTree for bytes32;

    /// @dev A settlement in storage: the CID as codec and digest. The first two slots hold what claims read.
    struct Record {
        bytes32 root;
        uint96 cumulativeTotal;
        uint40 postedAt;
        uint40 activeAt;
        uint40 position;
        uint32 operators;
        bytes1 cidCodec;
        bytes32 cidDigest;
        uint64 parent;
        uint64 firstRound;
        uint64 lastRound;
        uint32 drops;
    }

    /// @dev The state that every claim reads and writes, in one slot.
    struct Ledger {
        uint96 totalClaimed;
        /// The maximum sum of all claims.
        uint96 highestActiveTotal;
        /// Length of the chain of settlements that are not void.
        uint40 headPosition;
    }

    /// @dev Settlements noted by `_noteActive` at each posting: more than one, so that it catches up.
    uint256 private constant NOTED_AT_ONCE = 4;

    /// @notice Maximum number of rounds in one settlement: about a week of 20-minute rounds.
    uint256 public constant MAX_ROUNDS_PER_SETTLEMENT = 512;
    /// @dev Minimum gas for a batched payment, in the chain's own unit.
    uint256 private constant MIN_PAYMENT_GAS = 50_000;
    /// @dev The same on Filecoin, where a contract wallet needs up to 8 000 000 to take a payment.
    uint256 private constant MIN_PAYMENT_GAS_ON_FILECOIN = 30_000_000;
    /// @notice EIP-712 type that evaluators sign.
    bytes32 public constant SETTLEMENT_TYPEHASH = keccak256(
        "Settlement(uint64 number,uint64 parent,uint64 firstRound,uint64 lastRound,bytes32 root,uint32 operators,uint256 cumulativeTotal,uint32 drops,bytes cid,uint64 evaluatorSet)"
    );

    /// @inheritdoc IRewards
    ICourt public immutable COURT;
    /// @notice Gas for each payment of `claimMany`, in the chain's own unit (Filecoin gas on Filecoin).
    uint256 public immutable PAYMENT_GAS;

    Ledger private _ledger;
    /// @inheritdoc IRewards
    uint64 public settlementCount;
    mapping(uint64 settlement => Record) private _settlements;
    /// @dev The chain: settlement by position, from 1. Positions beyond the head are leftovers of void branches.
    mapping(uint40 position => uint64 settlement) private _live;
    /// @dev Position of the newest settlement that was noted to be active; none before it can become void any more.
    uint40 private _notedPosition;

    /// @param roles Who may do what; immutable.
    /// @param rounds The rounds that settlements cover; immutable.
    /// @param court May void settlements that break past promises; immutable.
    /// @param firstTreasury Receives what was never promised, after the programme has ended.
    /// @param paymentGas Gas for each payment of `claimMany`. Filecoin's gas is about 450 times Ethereum's: 30 000 000
    /// there correspond to 60 000 here.
    constructor(IRoles roles, IRounds rounds, ICourt court, address firstTreasury, uint256 paymentGas)
        Pool(roles, firstTreasury)
        Objections(rounds)
        EIP712("Assize Rewards", "2")
    {
        require(address(court) != address(0), ZeroAddress());
        uint256 leastGas = Fvm.isHere() ? MIN_PAYMENT_GAS_ON_FILECOIN : MIN_PAYMENT_GAS;
        require(paymentGas >= leastGas, TooLittleGas(leastGas));
        (uint64 window, uint64 least) = (roles.MIN_CHALLENGE_WINDOW(), court.LEAST_CHALLENGE_WINDOW());
        require(window >= least, IRoles.WindowTooShort(window, least));
        COURT = court;
        PAYMENT_GAS = paymentGas;
    }

    /// @inheritdoc IRewards
    function post(Proposal calldata proposal, bytes[] calldata signatures) external returns (uint64 settlement) {
        _checkNotEnded();
        settlement = settlementCount + 1;
        require(proposal.number == settlement, WrongNumber(settlement, proposal.number));
        require(proposal.drops == dropCount(), StaleDrops(dropCount(), proposal.drops));
        uint64 parentId = head();
        Record storage parent = _settlements[parentId];
        require(proposal.parent == parentId, WrongParent(parentId, proposal.parent));
        _checkRange(parent.lastRound, proposal.firstRound, proposal.lastRound);
        _checkMoney(parent.cumulativeTotal, proposal);
        _checkTree(parent, proposal);
        require(Cid.isValid(proposal.cid), InvalidCid(proposal.cid));
        ROLES.checkSignatures(digestOf(proposal), signatures);

        _noteActive(NOTED_AT_ONCE);
        // Never before its parent. Otherwise voiding the parent would void an active settlement.
        uint40 activeAt = SafeCast.toUint40(Math.max(block.timestamp + ROLES.challengeWindow(), parent.activeAt));
        _append(proposal, activeAt);
        emit SettlementPosted(
            settlement,
            proposal.parent,
            proposal.firstRound,
            proposal.lastRound,
            proposal.root,
            proposal.operators,
            proposal.cumulativeTotal,
            proposal.drops,
            proposal.cid,
            activeAt
        );
    }

    /// @inheritdoc IRewards
    function veto(uint64 settlement, string calldata reason) external {
        address guardian = ROLES.guardian();
        require(msg.sender == guardian, IRoles.NotGuardian(msg.sender, guardian));
        emit SettlementVetoed(settlement, _void(settlement), msg.sender, reason);
    }

    /// @inheritdoc IRewards
    function voidByCourt(uint64 settlement) external {
        require(msg.sender == address(COURT), NotCourt(msg.sender, address(COURT)));
        emit SettlementDisproved(settlement, _void(settlement));
    }

    /// @inheritdoc IRewards
    function claim(uint64 settlement, uint32 index, Allocation calldata allocation, bytes32[] calldata proof)
        external
        nonReentrant
        returns (uint256 amount)
    {
        (bytes32 root, uint256 operators, uint256 cap) = _active(settlement);
        require(
            root.has(operators, _leaf(allocation), index, proof),
            InvalidProof(allocation.operator, allocation.cumulative)
        );
        return _claim(settlement, allocation.operator, allocation.cumulative, cap);
    }

    /// @inheritdoc IRewards
    function claimMany(uint64 settlement, uint32 start, Allocation[] calldata allocations, bytes32[] calldata siblings)
        external
        nonReentrant
        returns (uint256 paid)
    {
        (bytes32 root, uint256 operators, uint256 cap) = _active(settlement);
        bytes32[] memory leaves = new bytes32[](allocations.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = allocations[i].operator == address(0) ? allocations[i].rest : _leaf(allocations[i]);
        }
        require(root.hasRange(operators, leaves, start, siblings), InvalidRange(root));
        // All are credited before the first is paid: on Filecoin, a call stores what was written before it.
        uint256[] memory amounts = _creditAll(settlement, allocations, cap);
        for (uint256 i = 0; i < amounts.length; ++i) {
            if (amounts[i] > 0) paid += _payOrSkip(settlement, allocations[i], amounts[i]);
        }
    }

    /// @inheritdoc IRewards
    function getSettlement(uint64 settlement) external view returns (Settlement memory) {
        Status status = statusOf(settlement);
        require(status != Status.None, NoSuchSettlement(settlement));
        Record storage record = _settlements[settlement];
        return Settlement({
            proposal: Proposal({
                number: settlement,
                parent: record.parent,
                firstRound: record.firstRound,
                lastRound: record.lastRound,
                root: record.root,
                operators: record.operators,
                cumulativeTotal: record.cumulativeTotal,
                drops: record.drops,
                cid: Cid.pack(record.cidCodec, record.cidDigest)
            }),
            postedAt: record.postedAt,
            activeAt: record.activeAt,
            status: status
        });
    }

    /// @inheritdoc IRewards
    function factsOf(uint64 settlement) external view returns (Facts memory) {
        Record storage record = _settlements[settlement];
        Record storage parent = _settlements[record.parent];
        return Facts({
            root: record.root,
            operators: record.operators,
            cumulativeTotal: record.cumulativeTotal,
            parentRoot: parent.root,
            parentOperators: parent.operators,
            activeAt: record.activeAt,
            pending: statusOf(settlement) == Status.Pending
        });
    }

    /// @inheritdoc IRewards
    function totalClaimed() public view override returns (uint256) {
        return _ledger.totalClaimed;
    }

    /// @inheritdoc IRewards
    function highestActiveTotal() external view returns (uint256) {
        return _ledger.highestActiveTotal;
    }

    /// @inheritdoc IRewards
    function head() public view returns (uint64) {
        return _live[_ledger.headPosition];
    }

    /// @inheritdoc IRewards
    function statusOf(uint64 settlement) public view returns (Status) {
        Record storage record = _settlements[settlement];
        uint40 position = record.position;
        if (position == 0) return Status.None;
        // Not on the chain: removed by a veto or a challenge, and perhaps replaced since.
        if (position > _ledger.headPosition || _live[position] != settlement) return Status.Void;
        return block.timestamp < record.activeAt ? Status.Pending : Status.Active;
    }

    /// @inheritdoc IRewards
    function digestOf(Proposal calldata proposal) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    SETTLEMENT_TYPEHASH,
                    proposal.number,
                    proposal.parent,
                    proposal.firstRound,
                    proposal.lastRound,
                    proposal.root,
                    proposal.operators,
                    proposal.cumulativeTotal,
                    proposal.drops,
                    keccak256(proposal.cid),
                    ROLES.evaluatorSet()
                )
            )
        );
    }

    /// @dev Appends a settlement to the chain.
    function _append(Proposal calldata proposal, uint40 activeAt) private {
        settlementCount = proposal.number;
        uint40 position = ++_ledger.headPosition;
        _live[position] = proposal.number;
        (bytes1 codec, bytes32 digest) = Cid.unpack(proposal.cid);
        _settlements[proposal.number] = Record({
            root: proposal.root,
            // At most the deposits, which are a uint96.
            // forge-lint: disable-next-line(unsafe-typecast)
            cumulativeTotal: uint96(proposal.cumulativeTotal),
            postedAt: SafeCast.toUint40(block.timestamp),
            activeAt: activeAt,
            position: position,
            operators: proposal.operators,
            cidCodec: codec,
            cidDigest: digest,
            parent: proposal.parent,
            firstRound: proposal.firstRound,
            lastRound: proposal.lastRound,
            drops: proposal.drops
        });
    }

    /// @dev Removes a pending settlement and all its descendants from the chain.
    function _void(uint64 settlement) private returns (uint64 lastVoid) {
        Status status = statusOf(settlement);
        require(status == Status.Pending, NotPending(settlement, status));
        lastVoid = head();
        _ledger.headPosition = _settlements[settlement].position - 1;
    }

    /// @dev Pays one operator, or reverts.
    function _claim(uint64 settlement, address operator, uint256 cumulative, uint256 cap)
        private
        returns (uint256 amount)
    {
        Account storage account = _accountOf(operator);
        (uint256 before, address payoutAddress) = (account.claimed, account.payoutAddress);
        require(cumulative > before, NothingToClaim(operator, cumulative, before));
        amount = cumulative - before;
        uint256 unpaid = cap - _ledger.totalClaimed;
        require(amount <= unpaid, OverTotal(amount, unpaid));
        _credit(account, cumulative, amount);

        address recipient = _recipientOf(operator, payoutAddress);
        emit Claimed(settlement, operator, recipient, amount, cumulative);
        require(_pay(operator, recipient, amount, gasleft()), PaymentFailed(operator, recipient, amount));
    }

    /// @dev Credits each operator with what is due to it. Zero for those who are skipped.
    function _creditAll(uint64 settlement, Allocation[] calldata allocations, uint256 cap)
        private
        returns (uint256[] memory amounts)
    {
        amounts = new uint256[](allocations.length);
        uint256 unpaid = cap - _ledger.totalClaimed;
        uint256 credited = 0;
        for (uint256 i = 0; i < amounts.length; ++i) {
            (address operator, uint256 cumulative) = (allocations[i].operator, allocations[i].cumulative);
            if (operator == address(0)) continue;
            Account storage account = _accountOf(operator);
            uint256 before = account.claimed;
            if (cumulative <= before) {
                emit ClaimSkipped(settlement, operator, Skipped.NothingToClaim, 0);
                continue;
            }
            uint256 amount = cumulative - before;
            if (amount > unpaid - credited) {
                emit ClaimSkipped(settlement, operator, Skipped.OverTotal, amount);
                continue;
            }
            // Both at most the cap, a uint96.
            // forge-lint: disable-next-line(unsafe-typecast)
            account.claimed = uint96(cumulative);
            amounts[i] = amount;
            credited += amount;
        }
        // forge-lint: disable-next-line(unsafe-typecast)
        _ledger.totalClaimed += uint96(credited);
    }

    /// @dev Pays an operator that is credited, or takes the credit back if the recipient rejects the payment.
    function _payOrSkip(uint64 settlement, Allocation calldata allocation, uint256 amount) private returns (uint256) {
        // The call gets at most 63/64 of the gas that remains after its own cost. Twice the payment's gas covers both,
        // so a caller cannot make a payment fail by sending too little gas.
        uint256 needed = 2 * PAYMENT_GAS;
        require(gasleft() >= needed, TooLittleGas(needed));
        address operator = allocation.operator;
        Account storage account = _accountOf(operator);
        address recipient = _recipientOf(operator, account.payoutAddress);
        if (_pay(operator, recipient, amount, PAYMENT_GAS)) {
            emit Claimed(settlement, operator, recipient, amount, allocation.cumulative);
            return amount;
        }
        // The amount credited above.
        // forge-lint: disable-next-line(unsafe-typecast)
        account.claimed -= uint96(amount);
        // forge-lint: disable-next-line(unsafe-typecast)
        _ledger.totalClaimed -= uint96(amount);
        emit ClaimSkipped(settlement, operator, Skipped.Refused, amount);
        return 0;
    }

    /// @dev Records a payment. The caller has checked it against the cap: whatever a root contains, claims never exceed
    /// the total that evaluators signed. The cap is a uint96, so both amounts fit.
    function _credit(Account storage account, uint256 cumulative, uint256 amount) private {
        // forge-lint: disable-next-line(unsafe-typecast)
        account.claimed = uint96(cumulative);
        // forge-lint: disable-next-line(unsafe-typecast)
        _ledger.totalClaimed += uint96(amount);
    }

    /// @dev The tree of an active settlement, and the maximum sum of all claims.
    function _active(uint64 settlement) private returns (bytes32 root, uint256 operators, uint256 cap) {
        Status status = statusOf(settlement);
        require(status != Status.None, NoSuchSettlement(settlement));
        require(status == Status.Active, NotActive(settlement, status));
        Record storage record = _settlements[settlement];
        (root, operators) = (record.root, record.operators);
        uint96 total = record.cumulativeTotal;
        if (total > _ledger.highestActiveTotal) _ledger.highestActiveTotal = total;
        cap = _ledger.highestActiveTotal;
    }

    /// @dev Each settlement is noted once, in the order of the chain.
    function _noteActive(uint256 most) internal override {
        (uint40 position, uint40 last) = (_notedPosition, _ledger.headPosition);
        for (; most > 0 && position < last; --most) {
            Record storage next = _settlements[_live[position + 1]];
            if (block.timestamp < next.activeAt) break;
            ++position;
            if (next.cumulativeTotal > _settlements[next.parent].cumulativeTotal) _noteAlive(next.activeAt);
        }
        _notedPosition = position;
    }

    function _lastSettled() internal view override returns (uint64) {
        return _settlements[head()].lastRound;
    }

    /// @dev Totals grow along the chain, so the head's includes all others.
    function _promised() internal view override returns (uint256) {
        return _settlements[head()].cumulativeTotal;
    }

    /// @dev The range begins where the parent's ended.
    function _checkRange(uint64 parentLast, uint64 first, uint64 last) private pure {
        uint64 expected = parentLast + 1;
        require(first == expected && last >= first, RangeDoesNotContinue(expected, first, last));
        uint256 rounds = uint256(last) - first + 1;
        require(rounds <= MAX_ROUNDS_PER_SETTLEMENT, TooManyRounds(rounds, MAX_ROUNDS_PER_SETTLEMENT));
    }

    /// @dev The total grows at most by the rounds' budgets, and is covered by deposits.
    function _checkMoney(uint256 parentTotal, Proposal calldata proposal) private view {
        uint256 total = proposal.cumulativeTotal;
        require(total >= parentTotal, TotalDecreases(parentTotal, total));
        uint256 budget = ROUNDS.budgetOf(proposal.firstRound, proposal.lastRound);
        require(total - parentTotal <= budget, OverBudget(total - parentTotal, budget));
        require(total <= totalDeposited(), Underfunded(total, totalDeposited()));
    }

    /// @dev Where nothing was earned, the tree is the parent's. Where something was, it is another, which the Court judges.
    function _checkTree(Record storage parent, Proposal calldata proposal) private view {
        (bytes32 root, uint32 operators, uint256 total) = (proposal.root, proposal.operators, proposal.cumulativeTotal);
        bool empty = total == 0;
        require(empty == (root == 0) && empty == (operators == 0), EmptyTree(root, operators, total));
        bool nothing = total == parent.cumulativeTotal;
        require(
            nothing == (root == parent.root) && (!nothing || operators == parent.operators),
            NotTheParentsTree(root, operators)
        );
    }

    function _leaf(Allocation calldata allocation) private pure returns (bytes32) {
        return RewardsTree.hashOf(allocation.operator, allocation.cumulative, allocation.rest);
    }
}
