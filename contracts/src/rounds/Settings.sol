// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IRoles} from "../interfaces/IRoles.sol";
import {IRounds} from "../interfaces/IRounds.sol";
import {ParameterBounds} from "../libraries/ParameterBounds.sol";

/// @title Parameters, coordinator and publishers of future rounds
/// @notice The owner announces changes; they hold for rounds opened one challenge window later, unless owner or guardian
/// cancel them before. Only the guardian acts at once, and only to stop.
/// @dev A change takes effect by the clock alone, as in `Roles`.
abstract contract Settings is IRounds {
    /// @dev The rounds whose batches a publisher may commit: those opened in `from <= openedAt < until`. `from` is zero for
    /// those never admitted, or suspended; `until` is NEVER for those to stay.
    struct Admission {
        uint40 from;
        uint40 until;
    }

    uint40 private constant NEVER = type(uint40).max;

    /// @inheritdoc IRounds
    IRoles public immutable ROLES;

    Parameters private _parameters;
    Parameters private _nextParameters;
    uint40 private _nextParametersAt;

    address private _coordinator;
    address private _nextCoordinator;
    uint40 private _nextCoordinatorAt;

    mapping(address publisher => Admission) private _admissions;

    /// @dev By these, the owner of `ROLES` and its guardian act here too.
    modifier onlyOwner() {
        address owner = ROLES.owner();
        require(msg.sender == owner, IRoles.NotOwner(msg.sender, owner));
        _;
    }

    modifier onlyGuardian() {
        address guardian = ROLES.guardian();
        require(msg.sender == guardian, IRoles.NotGuardian(msg.sender, guardian));
        _;
    }

    constructor(
        IRoles roles,
        address firstCoordinator,
        address[] memory firstPublishers,
        Parameters memory firstParameters
    ) {
        require(address(roles) != address(0) && firstCoordinator != address(0), ZeroAddress());
        ROLES = roles;
        ParameterBounds.check(firstParameters);
        _parameters = firstParameters;
        emit ParametersChanged(firstParameters, _now());
        _coordinator = firstCoordinator;
        emit CoordinatorChanged(address(0), firstCoordinator, _now());
        for (uint256 i = 0; i < firstPublishers.length; ++i) {
            _admit(firstPublishers[i], _now());
        }
    }

    /// @inheritdoc IRounds
    function setParameters(Parameters calldata newParameters) external onlyOwner {
        ParameterBounds.check(newParameters);
        Parameters memory current = getParameters();
        require(keccak256(abi.encode(current)) != keccak256(abi.encode(newParameters)), NothingChanged());
        if (_isAhead(_nextParametersAt)) emit ParametersCancelled(msg.sender);
        _parameters = current;
        _nextParameters = newParameters;
        _nextParametersAt = _announced();
        emit ParametersChanged(newParameters, _nextParametersAt);
    }

    /// @inheritdoc IRounds
    function cancelParameters() external {
        ROLES.checkMayCancel(msg.sender);
        require(_isAhead(_nextParametersAt), NothingChanged());
        _nextParametersAt = 0;
        emit ParametersCancelled(msg.sender);
    }

    /// @inheritdoc IRounds
    function setCoordinator(address newCoordinator) external onlyOwner {
        require(newCoordinator != address(0), ZeroAddress());
        address current = coordinator();
        require(newCoordinator != current, NothingChanged());
        if (_isAhead(_nextCoordinatorAt)) emit CoordinatorCancelled(_nextCoordinator, msg.sender);
        _coordinator = current;
        _nextCoordinator = newCoordinator;
        _nextCoordinatorAt = _announced();
        emit CoordinatorChanged(current, newCoordinator, _nextCoordinatorAt);
    }

    /// @inheritdoc IRounds
    function cancelCoordinator() external {
        ROLES.checkMayCancel(msg.sender);
        require(_isAhead(_nextCoordinatorAt), NothingChanged());
        _nextCoordinatorAt = 0;
        emit CoordinatorCancelled(_nextCoordinator, msg.sender);
    }

    /// @inheritdoc IRounds
    function setPublisher(address publisher, bool allowed) external onlyOwner {
        Admission storage admission = _admissions[publisher];
        // An end that was announced is cancelled, not overtaken: who is admitted anew may not commit to rounds that are open.
        require(allowed ? !_isAhead(admission.until) : admission.until == NEVER, NothingChanged());
        if (allowed) {
            _admit(publisher, _announced());
        } else {
            admission.until = _announced();
            emit PublisherChanged(publisher, false, admission.until);
        }
    }

    /// @inheritdoc IRounds
    function cancelPublisher(address publisher) external {
        ROLES.checkMayCancel(msg.sender);
        Admission storage admission = _admissions[publisher];
        if (_isAhead(admission.from)) {
            delete _admissions[publisher];
        } else {
            require(_isAhead(admission.until) && admission.until != NEVER, NothingChanged());
            admission.until = NEVER;
        }
        emit PublisherChangeCancelled(publisher, msg.sender);
    }

    /// @inheritdoc IRounds
    function suspendPublisher(address publisher) external onlyGuardian {
        require(_admissions[publisher].from != 0, NothingChanged());
        delete _admissions[publisher];
        emit PublisherSuspended(publisher, msg.sender);
    }

    /// @inheritdoc IRounds
    function suspendCoordinator(uint64 listsOf) external onlyGuardian {
        address current = coordinator();
        // Without a coordinator, other lists can still be chosen.
        require(_useListsOf(listsOf) || current != address(0), NothingChanged());
        if (_hasCome(_nextCoordinatorAt)) _nextCoordinatorAt = 0;
        _coordinator = address(0);
        emit CoordinatorSuspended(current, msg.sender, listsOf);
    }

    /// @inheritdoc IRounds
    function isPublisher(address publisher) external view returns (bool) {
        return _mayCommit(publisher, _now());
    }

    /// @inheritdoc IRounds
    function admissionOf(address publisher) external view returns (uint64 from, uint64 until) {
        return (_admissions[publisher].from, _admissions[publisher].until);
    }

    /// @inheritdoc IRounds
    function nextCoordinator() external view returns (address newCoordinator, uint64 effectiveAt) {
        return _isAhead(_nextCoordinatorAt) ? (_nextCoordinator, uint64(_nextCoordinatorAt)) : (address(0), 0);
    }

    /// @inheritdoc IRounds
    function nextParameters() external view returns (Parameters memory newParameters, uint64 effectiveAt) {
        if (_isAhead(_nextParametersAt)) (newParameters, effectiveAt) = (_nextParameters, _nextParametersAt);
    }

    /// @inheritdoc IRounds
    function coordinator() public view returns (address) {
        return _hasCome(_nextCoordinatorAt) ? _nextCoordinator : _coordinator;
    }

    /// @inheritdoc IRounds
    function getParameters() public view returns (Parameters memory) {
        return _hasCome(_nextParametersAt) ? _nextParameters : _parameters;
    }

    /// @dev Has `openAsBefore` take the lists of this round; of the newest with a batch if it is 0.
    function _useListsOf(uint64 round) internal virtual returns (bool changed);

    /// @dev Whether a publisher may commit batches of a round opened at this time.
    function _mayCommit(address publisher, uint40 openedAt) internal view returns (bool) {
        Admission storage admission = _admissions[publisher];
        return admission.from != 0 && admission.from <= openedAt && openedAt < admission.until;
    }

    function _now() internal view returns (uint40) {
        return SafeCast.toUint40(block.timestamp);
    }

    function _admit(address publisher, uint40 from) private {
        require(publisher != address(0), ZeroAddress());
        _admissions[publisher] = Admission({from: from, until: NEVER});
        emit PublisherChanged(publisher, true, from);
    }

    /// @dev When a change that is announced now takes effect.
    function _announced() private view returns (uint40) {
        return SafeCast.toUint40(block.timestamp + ROLES.challengeWindow());
    }

    /// @dev Whether a change was announced and is in force.
    function _hasCome(uint40 at) private view returns (bool) {
        return at != 0 && block.timestamp >= at;
    }

    /// @dev Whether a change was announced and is not yet in force.
    function _isAhead(uint40 at) private view returns (bool) {
        return block.timestamp < at;
    }
}
