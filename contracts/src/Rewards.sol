// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IRewards} from "./interfaces/IRewards.sol";
import {IRounds} from "./interfaces/IRounds.sol";
import {Cid} from "./libraries/Cid.sol";

/// @title Rewards
/// @notice See `IRewards`.
contract Rewards is IRewards, Ownable2Step, EIP712, ReentrancyGuardTransient {
    /// @dev A settlement in storage: the CID as codec and digest.
    struct Record {
        bytes32 root;
        uint256 cumulativeTotal;
        bytes32 acceptedRoot;
        bytes32 cidDigest;
        uint64 parent;
        uint64 firstRound;
        uint64 lastRound;
        uint64 postedAt;
        uint64 activeAt;
        uint64 position;
        bytes1 cidCodec;
    }

    /// @notice Rounds in one settlement at most: about a week of rounds of 20 minutes.
    uint256 public constant MAX_ROUNDS_PER_SETTLEMENT = 512;
    /// @notice Evaluators in a set at most.
    uint256 public constant MAX_EVALUATORS = 32;
    /// @notice Longest challenge window, seconds.
    uint64 public constant MAX_CHALLENGE_WINDOW = 30 days;
    /// @notice Least gas that a batched payment may be given.
    uint256 public constant MIN_PAYMENT_GAS = 50_000;
    /// @notice EIP-712 type of what evaluators sign.
    bytes32 public constant SETTLEMENT_TYPEHASH = keccak256(
        "Settlement(uint64 parent,uint64 firstRound,uint64 lastRound,bytes32 root,uint256 cumulativeTotal,bytes32 acceptedRoot,bytes cid,uint64 evaluatorSet)"
    );

    /// @notice The rounds that settlements cover.
    IRounds public immutable ROUNDS;
    /// @notice Least challenge window that the owner can ever set, seconds.
    uint64 public immutable MIN_CHALLENGE_WINDOW;
    /// @notice Gas that each payment of `claimMany` gets, in the chain's own unit (Filecoin gas on Filecoin).
    uint256 public immutable PAYMENT_GAS;

    /// @inheritdoc IRewards
    address public guardian;
    /// @inheritdoc IRewards
    uint64 public challengeWindow;
    /// @inheritdoc IRewards
    uint64 public settlementCount;
    /// @dev Length of the chain of settlements that are not void.
    uint64 private _headPosition;
    uint64 private _evaluatorSet;
    uint64 private _threshold;

    /// @inheritdoc IRewards
    uint256 public totalDeposited;
    /// @inheritdoc IRewards
    uint256 public totalClaimed;
    /// @inheritdoc IRewards
    uint256 public highestActiveTotal;
    /// @inheritdoc IRewards
    mapping(address operator => uint256 attoFil) public claimed;

    mapping(address operator => address recipient) private _payoutAddresses;
    mapping(uint64 settlement => Record) private _settlements;
    /// @dev The chain: settlement by position, from 1. Beyond `_headPosition` lie leftovers of void branches.
    mapping(uint64 position => uint64 settlement) private _live;
    address[] private _evaluators;
    /// @dev The newest set to which an address belongs; an evaluator is one of the newest set of all.
    mapping(address evaluator => uint64 set) private _memberOf;

    /// @param rounds The rounds that settlements cover; it can never be changed.
    /// @param owner Sets evaluators, guardian and challenge window.
    /// @param firstGuardian May veto.
    /// @param minChallengeWindow Least window that the owner can ever set, seconds: at least a day on a public network.
    /// @param firstChallengeWindow Seconds between posting a settlement and its activation.
    /// @param paymentGas Gas that each payment of `claimMany` gets. Filecoin counts about 450 times the gas of
    /// Ethereum: 30 000 000 there is like 60 000 here.
    /// @param firstEvaluators Ascending by address.
    /// @param threshold Signatures that a settlement needs.
    constructor(
        IRounds rounds,
        address owner,
        address firstGuardian,
        uint64 minChallengeWindow,
        uint64 firstChallengeWindow,
        uint256 paymentGas,
        address[] memory firstEvaluators,
        uint256 threshold
    ) Ownable(owner) EIP712("Assize Rewards", "1") {
        require(address(rounds) != address(0), ZeroAddress());
        require(paymentGas >= MIN_PAYMENT_GAS, TooLittleGas(MIN_PAYMENT_GAS));
        ROUNDS = rounds;
        MIN_CHALLENGE_WINDOW = minChallengeWindow;
        PAYMENT_GAS = paymentGas;
        _setGuardian(firstGuardian);
        _setChallengeWindow(firstChallengeWindow);
        _setEvaluators(firstEvaluators, threshold);
    }

    /// @notice FIL sent plainly is a deposit too.
    receive() external payable {
        _deposit();
    }

    /// @inheritdoc IRewards
    function deposit() external payable {
        _deposit();
    }

    /// @inheritdoc IRewards
    function post(Proposal calldata proposal, bytes[] calldata signatures) external returns (uint64 settlement) {
        uint64 parentId = head();
        Record storage parent = _settlements[parentId];
        require(proposal.parent == parentId, WrongParent(parentId, proposal.parent));
        _checkRange(parent.lastRound, proposal.firstRound, proposal.lastRound);
        _checkMoney(parent.cumulativeTotal, proposal);
        require(proposal.root != 0, EmptyRoot());
        require(Cid.isValid(proposal.cid), InvalidCid(proposal.cid));
        _checkSignatures(digestOf(proposal), signatures);

        // Never before its parent, or the parent's fall would reach an active settlement.
        uint64 activeAt = SafeCast.toUint64(Math.max(block.timestamp + challengeWindow, parent.activeAt));
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
        require(msg.sender == guardian, NotGuardian(msg.sender, guardian));
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
        _checkProof(root, operator, cumulative, proof);
        uint256 before = claimed[operator];
        require(cumulative > before, NothingToClaim(operator, cumulative, before));
        amount = cumulative - before;
        _credit(operator, cumulative, amount, cap);

        address recipient = payoutAddressOf(operator);
        emit Claimed(settlement, operator, recipient, amount, cumulative);
        require(_send(recipient, amount, gasleft()), PaymentFailed(operator, recipient, amount));
    }

    /// @inheritdoc IRewards
    function claimMany(uint64 settlement, Claim[] calldata claims) external nonReentrant returns (uint256 paid) {
        (bytes32 root, uint256 cap) = _active(settlement);
        for (uint256 i = 0; i < claims.length; ++i) {
            Claim calldata item = claims[i];
            _checkProof(root, item.operator, item.cumulative, item.proof);
            paid += _payOrSkip(settlement, item.operator, item.cumulative, cap);
        }
    }

    /// @inheritdoc IRewards
    function setPayoutAddress(address recipient) external {
        address previous = payoutAddressOf(msg.sender);
        address current = recipient == address(0) ? msg.sender : recipient;
        require(current != previous, NothingChanged());
        _payoutAddresses[msg.sender] = recipient;
        emit PayoutAddressChanged(msg.sender, previous, current);
    }

    /// @inheritdoc IRewards
    function setEvaluators(address[] calldata newEvaluators, uint256 threshold) external onlyOwner {
        _setEvaluators(newEvaluators, threshold);
    }

    /// @inheritdoc IRewards
    function setGuardian(address newGuardian) external onlyOwner {
        _setGuardian(newGuardian);
    }

    /// @inheritdoc IRewards
    function setChallengeWindow(uint64 window) external onlyOwner {
        _setChallengeWindow(window);
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
    function evaluators() external view returns (address[] memory set, uint256 threshold, uint64 version) {
        return (_evaluators, _threshold, _evaluatorSet);
    }

    /// @inheritdoc IRewards
    function head() public view returns (uint64) {
        return _live[_headPosition];
    }

    /// @inheritdoc IRewards
    function statusOf(uint64 settlement) public view returns (Status) {
        if (settlement == 0 || settlement > settlementCount) return Status.None;
        Record storage record = _settlements[settlement];
        uint64 position = record.position;
        // Off the chain: cut off by a veto or a challenge, and perhaps replaced since.
        if (position > _headPosition || _live[position] != settlement) return Status.Void;
        return block.timestamp < record.activeAt ? Status.Pending : Status.Active;
    }

    /// @inheritdoc IRewards
    function payoutAddressOf(address operator) public view returns (address) {
        address recipient = _payoutAddresses[operator];
        return recipient == address(0) ? operator : recipient;
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
                    _evaluatorSet
                )
            )
        );
    }

    function _deposit() private {
        require(msg.value > 0, ZeroAmount());
        // Counted, not read from the balance: FIL forced in is nobody's.
        totalDeposited += msg.value;
        emit Deposited(msg.sender, msg.value, totalDeposited);
    }

    /// @dev Puts a settlement at the head of the chain.
    function _append(Proposal calldata proposal, uint64 activeAt) private returns (uint64 settlement) {
        settlement = ++settlementCount;
        uint64 position = ++_headPosition;
        _live[position] = settlement;
        (bytes1 codec, bytes32 digest) = Cid.unpack(proposal.cid);
        _settlements[settlement] = Record({
            root: proposal.root,
            cumulativeTotal: proposal.cumulativeTotal,
            acceptedRoot: proposal.acceptedRoot,
            cidDigest: digest,
            parent: proposal.parent,
            firstRound: proposal.firstRound,
            lastRound: proposal.lastRound,
            postedAt: SafeCast.toUint64(block.timestamp),
            activeAt: activeAt,
            position: position,
            cidCodec: codec
        });
    }

    /// @dev Cuts a settlement, and with it all that descend from it, off the chain; that it is pending is the caller's
    /// to check.
    function _void(uint64 settlement) private returns (uint64 lastVoid) {
        lastVoid = head();
        _headPosition = _settlements[settlement].position - 1;
    }

    /// @dev Pays, or takes the payment back if the recipient refuses it: then nothing has changed.
    function _payOrSkip(uint64 settlement, address operator, uint256 cumulative, uint256 cap)
        private
        returns (uint256 amount)
    {
        address recipient = payoutAddressOf(operator);
        uint256 before = claimed[operator];
        if (cumulative <= before) {
            emit ClaimSkipped(settlement, operator, recipient, 0);
            return 0;
        }
        amount = cumulative - before;
        _credit(operator, cumulative, amount, cap);

        // The call gets at most 63/64 of what is left after its own price. Twice the payment's gas covers both, so a
        // caller cannot make a payment fail by sending too little gas.
        uint256 needed = 2 * PAYMENT_GAS;
        require(gasleft() >= needed, TooLittleGas(needed));
        if (_send(recipient, amount, PAYMENT_GAS)) {
            emit Claimed(settlement, operator, recipient, amount, cumulative);
            return amount;
        }
        claimed[operator] = before;
        totalClaimed -= amount;
        emit ClaimSkipped(settlement, operator, recipient, amount);
        return 0;
    }

    /// @dev Books a payment. The cap holds whatever the root contains: claims never exceed what evaluators signed.
    function _credit(address operator, uint256 cumulative, uint256 amount, uint256 cap) private {
        uint256 wouldBePaid = totalClaimed + amount;
        require(wouldBePaid <= cap, OverTotal(wouldBePaid, cap));
        claimed[operator] = cumulative;
        totalClaimed = wouldBePaid;
    }

    /// @dev Sends FIL and copies nothing of what the recipient returns: it could fill our memory at our cost.
    function _send(address recipient, uint256 amount, uint256 gasLimit) private returns (bool success) {
        assembly ("memory-safe") {
            success := call(gasLimit, recipient, amount, 0, 0, 0, 0)
        }
    }

    /// @dev An active settlement's root, and the most that may have been paid in all.
    function _active(uint64 settlement) private returns (bytes32 root, uint256 cap) {
        Status status = statusOf(settlement);
        require(status != Status.None, NoSuchSettlement(settlement));
        require(status == Status.Active, NotActive(settlement, status));
        Record storage record = _settlements[settlement];
        root = record.root;
        cap = highestActiveTotal;
        if (record.cumulativeTotal > cap) {
            cap = record.cumulativeTotal;
            highestActiveTotal = cap;
        }
    }

    function _setGuardian(address newGuardian) private {
        require(newGuardian != address(0), ZeroAddress());
        require(newGuardian != guardian, NothingChanged());
        emit GuardianChanged(guardian, newGuardian);
        guardian = newGuardian;
    }

    function _setChallengeWindow(uint64 window) private {
        require(window >= MIN_CHALLENGE_WINDOW, WindowTooShort(window, MIN_CHALLENGE_WINDOW));
        require(window <= MAX_CHALLENGE_WINDOW, WindowTooLong(window, MAX_CHALLENGE_WINDOW));
        require(window != challengeWindow, NothingChanged());
        emit ChallengeWindowChanged(challengeWindow, window);
        challengeWindow = window;
    }

    function _setEvaluators(address[] memory newEvaluators, uint256 threshold) private {
        uint256 count = newEvaluators.length;
        require(count <= MAX_EVALUATORS, TooManyEvaluators(count, MAX_EVALUATORS));
        require(threshold > 0 && threshold <= count, BadThreshold(threshold, count));
        require(
            threshold != _threshold || keccak256(abi.encode(newEvaluators)) != keccak256(abi.encode(_evaluators)),
            NothingChanged()
        );
        uint64 version = ++_evaluatorSet;
        address previous = address(0);
        for (uint256 i = 0; i < count; ++i) {
            address evaluator = newEvaluators[i];
            require(evaluator > previous, EvaluatorsNotAscending(previous, evaluator));
            _memberOf[evaluator] = version;
            previous = evaluator;
        }
        _evaluators = newEvaluators;
        _threshold = SafeCast.toUint64(threshold);
        emit EvaluatorsChanged(version, newEvaluators, threshold);
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

    /// @dev Every round that a settlement covers is past its commit window, so what was not revealed never will be.
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

    /// @dev The range goes on where the parent's ended.
    function _checkRange(uint64 parentLast, uint64 first, uint64 last) private pure {
        uint64 expected = parentLast + 1;
        require(first == expected && last >= first, RangeDoesNotContinue(expected, first, last));
        uint256 rounds = uint256(last) - first + 1;
        require(rounds <= MAX_ROUNDS_PER_SETTLEMENT, TooManyRounds(rounds, MAX_ROUNDS_PER_SETTLEMENT));
    }

    /// @dev The total grows by no more than the rounds' budgets, and is covered by deposits.
    function _checkMoney(uint256 parentTotal, Proposal calldata proposal) private view {
        uint256 total = proposal.cumulativeTotal;
        require(total >= parentTotal, TotalDecreases(parentTotal, total));
        uint256 budget = ROUNDS.budgetOf(proposal.firstRound, proposal.lastRound);
        require(total - parentTotal <= budget, OverBudget(total - parentTotal, budget));
        require(total <= totalDeposited, Underfunded(total, totalDeposited));
    }

    /// @dev Signers ascend by address, so none counts twice.
    function _checkSignatures(bytes32 digest, bytes[] calldata signatures) private view {
        require(signatures.length >= _threshold, NotEnoughSignatures(signatures.length, _threshold));
        address previous = address(0);
        for (uint256 i = 0; i < signatures.length; ++i) {
            (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signatures[i]);
            require(failure == ECDSA.RecoverError.NoError, BadSignature(i));
            require(signer > previous, SignersNotAscending(previous, signer));
            require(_memberOf[signer] == _evaluatorSet, NotEvaluator(signer));
            previous = signer;
        }
    }

    function _checkProof(bytes32 root, address operator, uint256 cumulative, bytes32[] calldata proof) private pure {
        require(_inTree(root, abi.encode(operator, cumulative), proof), InvalidProof(operator, cumulative));
    }

    /// @dev Whether OpenZeppelin's standard Merkle tree has a leaf of this content.
    function _inTree(bytes32 root, bytes memory content, bytes32[] calldata proof) private pure returns (bool) {
        return MerkleProof.verifyCalldata(proof, root, keccak256(bytes.concat(keccak256(content))));
    }
}
