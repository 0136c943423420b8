// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IRewards} from "./interfaces/IRewards.sol";
import {IRounds} from "./interfaces/IRounds.sol";
import {Cid} from "./libraries/Cid.sol";
import {Fvm} from "./libraries/Fvm.sol";
import {Pool} from "./rewards/Pool.sol";
import {Recipients} from "./rewards/Recipients.sol";
import {Roles} from "./rewards/Roles.sol";

/// @title Rewards
/// @notice See `IRewards`. This contract has settlements and claims; `Roles` has permissions, `Pool` deposits and the
/// programme's end, `Recipients` payments to operators.
contract Rewards is Recipients, EIP712 {
    /// @dev A settlement in storage: the CID as codec and digest. The first two slots hold what claims read.
    struct Record {
        bytes32 root;
        uint96 cumulativeTotal;
        uint40 postedAt;
        uint40 activeAt;
        uint64 position;
        bytes1 cidCodec;
        bytes32 acceptedRoot;
        bytes32 cidDigest;
        uint64 parent;
        uint64 firstRound;
        uint64 lastRound;
    }

    /// @dev The state that every claim reads and writes, in one slot.
    struct Ledger {
        uint96 totalClaimed;
        /// The maximum sum of all claims.
        uint96 highestActiveTotal;
        /// Length of the chain of settlements that are not void.
        uint64 headPosition;
    }

    /// @notice Maximum number of rounds in one settlement: about a week of 20-minute rounds.
    uint256 public constant MAX_ROUNDS_PER_SETTLEMENT = 512;
    /// @dev Minimum gas for a batched payment, in the chain's own unit.
    uint256 private constant MIN_PAYMENT_GAS = 50_000;
    /// @dev The same on Filecoin, where a contract wallet needs up to 8 000 000 to take a payment.
    uint256 private constant MIN_PAYMENT_GAS_ON_FILECOIN = 30_000_000;
    /// @notice EIP-712 type that evaluators sign.
    bytes32 public constant SETTLEMENT_TYPEHASH = keccak256(
        "Settlement(uint64 parent,uint64 firstRound,uint64 lastRound,bytes32 root,uint256 cumulativeTotal,bytes32 acceptedRoot,bytes cid,uint64 evaluatorSet)"
    );

    /// @notice The rounds that settlements cover.
    IRounds public immutable ROUNDS;
    /// @notice Gas for each payment of `claimMany`, in the chain's own unit (Filecoin gas on Filecoin).
    uint256 public immutable PAYMENT_GAS;

    Ledger private _ledger;
    /// @inheritdoc IRewards
    uint64 public settlementCount;
    mapping(uint64 settlement => Record) private _settlements;
    /// @dev The chain: settlement by position, from 1. Positions beyond the head are leftovers of void branches.
    mapping(uint64 position => uint64 settlement) private _live;

    /// @param rounds The rounds that settlements cover; immutable.
    /// @param owner Announces changes of evaluators and guardian, sets challenge window and end; never touches money.
    /// @param firstGuardian May veto.
    /// @param firstTreasury Receives what was never promised, after the programme has ended.
    /// @param minChallengeWindow Minimum window that the owner can ever set, in seconds: at least a day on a public
    /// network.
    /// @param firstChallengeWindow Seconds between posting a settlement and its activation.
    /// @param paymentGas Gas for each payment of `claimMany`. Filecoin's gas is about 450 times Ethereum's: 30 000 000
    /// there correspond to 60 000 here.
    /// @param firstEvaluators Ascending by address.
    /// @param threshold Signatures that a settlement needs.
    constructor(
        IRounds rounds,
        address owner,
        address firstGuardian,
        address firstTreasury,
        uint64 minChallengeWindow,
        uint64 firstChallengeWindow,
        uint256 paymentGas,
        address[] memory firstEvaluators,
        uint256 threshold
    )
        Roles(owner, firstGuardian, minChallengeWindow, firstChallengeWindow, firstEvaluators, threshold)
        Pool(firstTreasury)
        EIP712("Assize Rewards", "1")
    {
        require(address(rounds) != address(0), ZeroAddress());
        uint256 leastGas = Fvm.isHere() ? MIN_PAYMENT_GAS_ON_FILECOIN : MIN_PAYMENT_GAS;
        require(paymentGas >= leastGas, TooLittleGas(leastGas));
        ROUNDS = rounds;
        PAYMENT_GAS = paymentGas;
    }

    /// @inheritdoc IRewards
    function post(Proposal calldata proposal, bytes[] calldata signatures) external returns (uint64 settlement) {
        _noteAlive();
        uint64 parentId = head();
        Record storage parent = _settlements[parentId];
        require(proposal.parent == parentId, WrongParent(parentId, proposal.parent));
        _checkRange(parent.lastRound, proposal.firstRound, proposal.lastRound);
        _checkMoney(parent.cumulativeTotal, proposal);
        require(proposal.root != 0, EmptyRoot());
        require(Cid.isValid(proposal.cid), InvalidCid(proposal.cid));
        _checkSignatures(digestOf(proposal), signatures);

        // Never before its parent. Otherwise voiding the parent would void an active settlement.
        uint40 activeAt = SafeCast.toUint40(Math.max(block.timestamp + challengeWindow(), parent.activeAt));
        settlement = _append(proposal, activeAt);
        emit SettlementPosted(
            settlement,
            proposal.parent,
            proposal.firstRound,
            proposal.lastRound,
            proposal.root,
            proposal.cumulativeTotal,
            proposal.acceptedRoot,
            proposal.cid,
            activeAt
        );
    }

    /// @inheritdoc IRewards
    function veto(uint64 settlement, string calldata reason) external {
        require(msg.sender == guardian(), NotGuardian(msg.sender, guardian()));
        _checkPending(settlement);
        uint64 lastVoid = _void(settlement);
        emit SettlementVetoed(settlement, lastVoid, msg.sender, reason);
    }

    /// @inheritdoc IRewards
    function challengeMembership(
        uint64 settlement,
        Accepted calldata accepted,
        bytes32[] calldata acceptedProof,
        RosterEntry calldata entry,
        bytes32[] calldata rosterProof,
        uint256 seat
    ) external {
        _checkPending(settlement);
        _checkAccepted(settlement, accepted, acceptedProof);
        require(entry.index == accepted.station, EntryOfAnotherStation(accepted.station, entry.index));

        IRounds.Draw memory draw = ROUNDS.drawOf(accepted.round, accepted.station, accepted.committee, accepted.k);
        require(_inTree(draw.rosterRoot, abi.encode(entry), rosterProof), NotInRoster(accepted.round, entry.index));
        require(seat == draw.seat, WrongSeat(draw.seat, seat));
        require(draw.committee != accepted.committee, NotFraud(draw.committee, seat));

        uint64 lastVoid = _void(settlement);
        emit MembershipDisproved(
            settlement, lastVoid, msg.sender, accepted, entry.station, entry.operator, draw.task, draw.committee
        );
    }

    /// @inheritdoc IRewards
    function challengeExistence(uint64 settlement, Accepted calldata accepted, bytes32[] calldata acceptedProof)
        external
    {
        _checkPending(settlement);
        _checkAccepted(settlement, accepted, acceptedProof);
        Impossibility reason = _impossibility(settlement, accepted);
        require(
            reason != Impossibility.None, CanExist(accepted.round, accepted.station, accepted.committee, accepted.k)
        );
        uint64 lastVoid = _void(settlement);
        emit ExistenceDisproved(settlement, lastVoid, msg.sender, accepted, reason);
    }

    /// @inheritdoc IRewards
    function claim(uint64 settlement, address operator, uint256 cumulative, bytes32[] calldata proof)
        external
        nonReentrant
        returns (uint256 amount)
    {
        (bytes32 root, uint256 cap) = _active(settlement);
        require(
            MerkleProof.verifyCalldata(proof, root, _leaf(operator, cumulative)), InvalidProof(operator, cumulative)
        );
        Account storage account = _accounts[operator];
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

    /// @inheritdoc IRewards
    function claimMany(
        uint64 settlement,
        Allocation[] calldata allocations,
        bytes32[] calldata proof,
        bool[] calldata proofFlags
    ) external nonReentrant returns (uint256 paid) {
        (bytes32 root, uint256 cap) = _active(settlement);
        bytes32[] memory leaves = new bytes32[](allocations.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = _leaf(allocations[i].operator, allocations[i].cumulative);
        }
        require(MerkleProof.multiProofVerifyCalldata(proof, proofFlags, root, leaves), InvalidMultiProof(root));
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
                parent: record.parent,
                firstRound: record.firstRound,
                lastRound: record.lastRound,
                root: record.root,
                cumulativeTotal: record.cumulativeTotal,
                acceptedRoot: record.acceptedRoot,
                cid: Cid.pack(record.cidCodec, record.cidDigest)
            }),
            postedAt: record.postedAt,
            activeAt: record.activeAt,
            status: status
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
        uint64 position = record.position;
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
                    proposal.parent,
                    proposal.firstRound,
                    proposal.lastRound,
                    proposal.root,
                    proposal.cumulativeTotal,
                    proposal.acceptedRoot,
                    keccak256(proposal.cid),
                    evaluatorSet()
                )
            )
        );
    }

    /// @dev Appends a settlement to the chain.
    function _append(Proposal calldata proposal, uint40 activeAt) private returns (uint64 settlement) {
        settlement = ++settlementCount;
        uint64 position = ++_ledger.headPosition;
        _live[position] = settlement;
        (bytes1 codec, bytes32 digest) = Cid.unpack(proposal.cid);
        _settlements[settlement] = Record({
            root: proposal.root,
            // At most the deposits, which are a uint96.
            // forge-lint: disable-next-line(unsafe-typecast)
            cumulativeTotal: uint96(proposal.cumulativeTotal),
            postedAt: SafeCast.toUint40(block.timestamp),
            activeAt: activeAt,
            position: position,
            cidCodec: codec,
            acceptedRoot: proposal.acceptedRoot,
            cidDigest: digest,
            parent: proposal.parent,
            firstRound: proposal.firstRound,
            lastRound: proposal.lastRound
        });
    }

    /// @dev Removes a settlement and all its descendants from the chain. The caller checks that it is pending.
    function _void(uint64 settlement) private returns (uint64 lastVoid) {
        lastVoid = head();
        _ledger.headPosition = _settlements[settlement].position - 1;
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
            Account storage account = _accounts[operator];
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
        Account storage account = _accounts[operator];
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

    /// @dev The root of an active settlement, and the maximum sum of all claims.
    function _active(uint64 settlement) private returns (bytes32 root, uint256 cap) {
        Status status = statusOf(settlement);
        require(status != Status.None, NoSuchSettlement(settlement));
        require(status == Status.Active, NotActive(settlement, status));
        Record storage record = _settlements[settlement];
        root = record.root;
        uint96 total = record.cumulativeTotal;
        if (total > _ledger.highestActiveTotal) _ledger.highestActiveTotal = total;
        cap = _ledger.highestActiveTotal;
    }

    /// @dev Totals grow along the chain, so the head's includes all others.
    function _promised() internal view override returns (uint256) {
        return _settlements[head()].cumulativeTotal;
    }

    function _checkPending(uint64 settlement) private view {
        Status status = statusOf(settlement);
        require(status == Status.Pending, NotPending(settlement, status));
    }

    function _checkAccepted(uint64 settlement, Accepted calldata accepted, bytes32[] calldata proof) private view {
        require(
            _inTree(_settlements[settlement].acceptedRoot, abi.encode(accepted), proof),
            NotAccepted(accepted.round, accepted.station, accepted.committee, accepted.k)
        );
    }

    /// @dev The commit window of every covered round is over, so an unrevealed round will never be revealed.
    function _impossibility(uint64 settlement, Accepted calldata accepted) private view returns (Impossibility) {
        Record storage record = _settlements[settlement];
        uint64 number = accepted.round;
        if (number < record.firstRound || number > record.lastRound) return Impossibility.RoundOutsideSettlement;
        IRounds.Round memory round = ROUNDS.getRound(number);
        if (round.seed == 0) return Impossibility.RoundNotRevealed;
        (uint256 committees, uint256 tasksPerCommittee) = ROUNDS.committeeCount(number);
        if (committees == 0) return Impossibility.RoundWithoutCommittees;
        if (accepted.station >= round.inputs.rosterCount) return Impossibility.NoSuchStation;
        if (accepted.committee >= committees) return Impossibility.NoSuchCommittee;
        if (accepted.k >= tasksPerCommittee) return Impossibility.NoSuchTask;
        return Impossibility.None;
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

    /// @dev Whether OpenZeppelin's standard Merkle tree has this leaf.
    function _inTree(bytes32 root, bytes memory content, bytes32[] calldata proof) private pure returns (bool) {
        return MerkleProof.verifyCalldata(proof, root, keccak256(bytes.concat(keccak256(content))));
    }

    /// @dev A leaf of the reward tree.
    function _leaf(address operator, uint256 cumulative) private pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(operator, cumulative))));
    }
}
