// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IRoles} from "./interfaces/IRoles.sol";

/// @title Roles
/// @notice See `IRoles`.
/// @dev A change takes effect by the clock alone: `next…` is in force from its time on, and becomes the current value
/// when the next change is announced.
contract Roles is IRoles, Ownable2Step {
    struct EvaluatorSet {
        address[] members;
        uint256 threshold;
        /// Place in `members`, from 1; 0 for others.
        mapping(address evaluator => uint256) place;
    }

    /// @notice Maximum number of evaluators in a set.
    uint256 public constant MAX_EVALUATORS = 32;
    /// @notice Maximum challenge window in seconds.
    uint64 public constant MAX_CHALLENGE_WINDOW = 30 days;

    /// @inheritdoc IRoles
    uint64 public immutable MIN_CHALLENGE_WINDOW;

    mapping(uint64 version => EvaluatorSet) private _evaluatorSets;
    /// @dev Number of sets ever announced.
    uint64 private _evaluatorSetCount;
    uint64 private _evaluatorSet;
    uint64 private _nextEvaluatorSet;
    uint64 private _nextEvaluatorSetAt;

    address private _guardian;
    address private _nextGuardian;
    uint64 private _nextGuardianAt;

    uint64 private _challengeWindow;
    uint64 private _nextChallengeWindow;
    uint64 private _nextChallengeWindowAt;

    /// @param firstOwner Announces changes.
    /// @param firstGuardian Cancels them, vetoes settlements, and suspends publishers and the coordinator.
    /// @param minChallengeWindow Minimum window that the owner can ever set, in seconds.
    /// @param firstChallengeWindow Seconds between posting a settlement and its activation, and between the announcement of a
    /// change and its effect.
    /// @param firstEvaluators Ascending by address.
    /// @param threshold Signatures that a settlement needs.
    constructor(
        address firstOwner,
        address firstGuardian,
        uint64 minChallengeWindow,
        uint64 firstChallengeWindow,
        address[] memory firstEvaluators,
        uint256 threshold
    ) Ownable(firstOwner) {
        require(firstGuardian != address(0), ZeroAddress());
        MIN_CHALLENGE_WINDOW = minChallengeWindow;
        _checkWindow(firstChallengeWindow);
        _challengeWindow = firstChallengeWindow;
        emit ChallengeWindowChanged(0, firstChallengeWindow, _now());
        _guardian = firstGuardian;
        emit GuardianChanged(address(0), firstGuardian, _now());
        _evaluatorSet = _storeEvaluators(firstEvaluators, threshold);
        emit EvaluatorsChanged(_evaluatorSet, firstEvaluators, threshold, _now());
    }

    /// @inheritdoc IRoles
    function setEvaluators(address[] calldata newEvaluators, uint256 threshold) external onlyOwner {
        uint64 current = evaluatorSet();
        EvaluatorSet storage set = _evaluatorSets[current];
        require(
            threshold != set.threshold || keccak256(abi.encode(newEvaluators)) != keccak256(abi.encode(set.members)),
            NothingChanged()
        );
        if (_isAhead(_nextEvaluatorSetAt)) emit EvaluatorsCancelled(_nextEvaluatorSet, msg.sender);
        _evaluatorSet = current;
        _nextEvaluatorSet = _storeEvaluators(newEvaluators, threshold);
        _nextEvaluatorSetAt = _now() + challengeWindow();
        emit EvaluatorsChanged(_nextEvaluatorSet, newEvaluators, threshold, _nextEvaluatorSetAt);
    }

    /// @inheritdoc IRoles
    function cancelEvaluators() external {
        checkMayCancel(msg.sender);
        require(_isAhead(_nextEvaluatorSetAt), NothingChanged());
        emit EvaluatorsCancelled(_nextEvaluatorSet, msg.sender);
        _nextEvaluatorSetAt = 0;
    }

    /// @inheritdoc IRoles
    function setGuardian(address newGuardian) external onlyOwner {
        require(newGuardian != address(0), ZeroAddress());
        address current = guardian();
        require(newGuardian != current, NothingChanged());
        if (_isAhead(_nextGuardianAt)) emit GuardianCancelled(_nextGuardian, msg.sender);
        _guardian = current;
        _nextGuardian = newGuardian;
        _nextGuardianAt = _now() + challengeWindow();
        emit GuardianChanged(current, newGuardian, _nextGuardianAt);
    }

    /// @inheritdoc IRoles
    function cancelGuardian() external {
        checkMayCancel(msg.sender);
        require(_isAhead(_nextGuardianAt), NothingChanged());
        emit GuardianCancelled(_nextGuardian, msg.sender);
        _nextGuardianAt = 0;
    }

    /// @inheritdoc IRoles
    function setChallengeWindow(uint64 window) external onlyOwner {
        _checkWindow(window);
        uint64 current = challengeWindow();
        // Setting the current window cancels an announced decrease.
        require(window != current || _isAhead(_nextChallengeWindowAt), NothingChanged());
        if (window < current) {
            _challengeWindow = current;
            _nextChallengeWindow = window;
            _nextChallengeWindowAt = _now() + current;
            emit ChallengeWindowChanged(current, window, _nextChallengeWindowAt);
        } else {
            _challengeWindow = window;
            _nextChallengeWindowAt = 0;
            emit ChallengeWindowChanged(current, window, _now());
        }
    }

    /// @inheritdoc IRoles
    function cancelChallengeWindow() external {
        checkMayCancel(msg.sender);
        require(_isAhead(_nextChallengeWindowAt), NothingChanged());
        emit ChallengeWindowCancelled(_nextChallengeWindow, msg.sender);
        _nextChallengeWindowAt = 0;
    }

    /// @inheritdoc IRoles
    function evaluators() external view returns (address[] memory set, uint256 threshold, uint64 version) {
        version = evaluatorSet();
        return (_evaluatorSets[version].members, _evaluatorSets[version].threshold, version);
    }

    /// @inheritdoc IRoles
    function nextEvaluators()
        external
        view
        returns (address[] memory set, uint256 threshold, uint64 version, uint64 effectiveAt)
    {
        if (!_isAhead(_nextEvaluatorSetAt)) return (set, 0, 0, 0);
        version = _nextEvaluatorSet;
        return (_evaluatorSets[version].members, _evaluatorSets[version].threshold, version, _nextEvaluatorSetAt);
    }

    /// @inheritdoc IRoles
    function nextGuardian() external view returns (address newGuardian, uint64 effectiveAt) {
        return _isAhead(_nextGuardianAt) ? (_nextGuardian, _nextGuardianAt) : (address(0), 0);
    }

    /// @inheritdoc IRoles
    function nextChallengeWindow() external view returns (uint64 window, uint64 effectiveAt) {
        return _isAhead(_nextChallengeWindowAt) ? (_nextChallengeWindow, _nextChallengeWindowAt) : (0, 0);
    }

    /// @inheritdoc IRoles
    function seatOf(address evaluator) external view returns (uint64 version, uint256 seat, uint256 threshold) {
        version = evaluatorSet();
        EvaluatorSet storage set = _evaluatorSets[version];
        uint256 place = set.place[evaluator];
        require(place != 0, NotEvaluator(evaluator));
        return (version, place - 1, set.threshold);
    }

    /// @inheritdoc IRoles
    function owner() public view override(IRoles, Ownable) returns (address) {
        return super.owner();
    }

    /// @inheritdoc IRoles
    function checkMayCancel(address caller) public view {
        require(caller == owner() || caller == guardian(), NotOwnerOrGuardian(caller));
    }

    /// @inheritdoc IRoles
    function evaluatorSet() public view returns (uint64 version) {
        return _hasCome(_nextEvaluatorSetAt) ? _nextEvaluatorSet : _evaluatorSet;
    }

    /// @inheritdoc IRoles
    function guardian() public view returns (address) {
        return _hasCome(_nextGuardianAt) ? _nextGuardian : _guardian;
    }

    /// @inheritdoc IRoles
    function challengeWindow() public view returns (uint64) {
        return _hasCome(_nextChallengeWindowAt) ? _nextChallengeWindow : _challengeWindow;
    }

    /// @inheritdoc IRoles
    /// @dev Signers ascend by address, so none counts twice.
    function checkSignatures(bytes32 digest, bytes[] calldata signatures) external view {
        EvaluatorSet storage set = _evaluatorSets[evaluatorSet()];
        uint256 threshold = set.threshold;
        require(signatures.length >= threshold, NotEnoughSignatures(signatures.length, threshold));
        address previous = address(0);
        for (uint256 i = 0; i < signatures.length; ++i) {
            // slither-disable-next-line unused-return
            (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signatures[i]);
            require(failure == ECDSA.RecoverError.NoError, BadSignature(i));
            require(signer > previous, SignersNotAscending(previous, signer));
            require(set.place[signer] != 0, NotEvaluator(signer));
            previous = signer;
        }
    }

    function _now() private view returns (uint64) {
        return SafeCast.toUint64(block.timestamp);
    }

    function _storeEvaluators(address[] memory members, uint256 threshold) private returns (uint64 version) {
        uint256 count = members.length;
        require(count <= MAX_EVALUATORS, TooManyEvaluators(count, MAX_EVALUATORS));
        require(threshold > 0 && threshold <= count, BadThreshold(threshold, count));
        version = ++_evaluatorSetCount;
        EvaluatorSet storage set = _evaluatorSets[version];
        address previous = address(0);
        for (uint256 i = 0; i < count; ++i) {
            address evaluator = members[i];
            require(evaluator > previous, EvaluatorsNotAscending(previous, evaluator));
            set.place[evaluator] = i + 1;
            previous = evaluator;
        }
        set.members = members;
        set.threshold = threshold;
    }

    function _checkWindow(uint64 window) private view {
        require(window >= MIN_CHALLENGE_WINDOW, WindowTooShort(window, MIN_CHALLENGE_WINDOW));
        require(window <= MAX_CHALLENGE_WINDOW, WindowTooLong(window, MAX_CHALLENGE_WINDOW));
    }

    /// @dev Whether a change was announced and is in force.
    function _hasCome(uint64 at) private view returns (bool) {
        return at != 0 && block.timestamp >= at;
    }

    /// @dev Whether a change was announced and is not yet in force.
    function _isAhead(uint64 at) private view returns (bool) {
        return block.timestamp < at;
    }
}
