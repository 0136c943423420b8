// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IRewards} from "../interfaces/IRewards.sol";
import {Fvm} from "../libraries/Fvm.sol";
import {Roles} from "./Roles.sol";

/// @title The pool: deposits, and the surplus at the end of the programme
/// @notice Deposits are counted, not read from the balance: FIL that came otherwise is booked by `sync`. Deposits leave in
/// two ways only: to operators by claims, and, after the programme has ended, to the treasury as far as they
/// were never promised.
abstract contract Pool is IRewards, Roles, ReentrancyGuardTransient {
    /// @notice Minimum time between the announcement and the end of the programme, in seconds: all earlier rounds can
    /// still be settled.
    uint64 public constant END_NOTICE = 30 days;
    /// @notice Time without a settlement after which anyone may announce the programme's end, in seconds.
    uint64 public constant ABANDONED_AFTER = 90 days;

    uint96 private _totalDeposited;
    uint96 private _totalWithdrawn;
    /// @inheritdoc IRewards
    address public treasury;
    /// @inheritdoc IRewards
    uint64 public endsAt;
    /// @dev When the last settlement was posted, or the owner last declared that the programme continues.
    uint64 private _aliveAt;
    /// @dev Whether the end was announced because nothing was posted; the next settlement then cancels it.
    bool private _abandoned;

    constructor(address firstTreasury) {
        require(firstTreasury != address(0), ZeroAddress());
        treasury = firstTreasury;
        emit TreasuryChanged(address(0), firstTreasury);
        _aliveAt = _now();
    }

    /// @notice A call with FIL is a deposit too. A plain transfer on Filecoin (method 0) does not run this: `sync`.
    receive() external payable {
        _deposit();
    }

    /// @inheritdoc IRewards
    function deposit() external payable {
        _deposit();
    }

    /// @inheritdoc IRewards
    /// @dev Not during a payment, when the amount under way would be counted again.
    function sync() external nonReentrant returns (uint256 amount) {
        amount = address(this).balance + totalClaimed() + _totalWithdrawn - _totalDeposited;
        require(amount > 0, ZeroAmount());
        _book(address(0), amount);
    }

    /// @inheritdoc IRewards
    function setEnd(uint64 at) external onlyOwner {
        _checkNotEnded();
        require(at != endsAt, NothingChanged());
        require(at == 0 || at >= _now() + END_NOTICE, EndTooSoon(at, _now() + END_NOTICE));
        _abandoned = false;
        _aliveAt = _now();
        _changeEnd(at);
    }

    /// @inheritdoc IRewards
    function endAbandoned() external {
        uint64 abandonedAt = _aliveAt + ABANDONED_AFTER;
        require(block.timestamp > abandonedAt, NotAbandoned(abandonedAt));
        uint64 at = _now() + END_NOTICE;
        // An end that was announced for later is brought forward; otherwise an absent owner could have postponed it
        // forever.
        require(endsAt == 0 || at < endsAt, NothingChanged());
        _abandoned = true;
        _changeEnd(at);
    }

    /// @inheritdoc IRewards
    function setTreasury(address newTreasury) external {
        require(msg.sender == treasury, NotTreasury(msg.sender, treasury));
        require(newTreasury != address(0), ZeroAddress());
        require(newTreasury != treasury, NothingChanged());
        emit TreasuryChanged(treasury, newTreasury);
        treasury = newTreasury;
    }

    /// @inheritdoc IRewards
    function withdrawSurplus() external nonReentrant returns (uint256 amount) {
        require(_hasEnded(), NotEnded(endsAt));
        amount = surplus();
        require(amount > 0, ZeroAmount());
        // The surplus is part of the deposits, which are a uint96.
        // forge-lint: disable-next-line(unsafe-typecast)
        _totalWithdrawn += uint96(amount);
        emit SurplusWithdrawn(treasury, amount);
        require(_transfer(treasury, amount, gasleft()), PaymentFailed(treasury, treasury, amount));
    }

    /// @inheritdoc IRewards
    function totalDeposited() public view returns (uint256) {
        return _totalDeposited;
    }

    /// @inheritdoc IRewards
    function totalWithdrawn() external view returns (uint256) {
        return _totalWithdrawn;
    }

    /// @inheritdoc IRewards
    function surplus() public view returns (uint256) {
        return _totalDeposited - _totalWithdrawn - _promised();
    }

    /// @inheritdoc IRewards
    function totalClaimed() public view virtual returns (uint256);

    /// @dev Everything that valid settlements have ever granted, in attoFIL.
    function _promised() internal view virtual returns (uint256);

    /// @dev A posted settlement proves that the programme is active.
    function _noteAlive() internal {
        _checkNotEnded();
        _aliveAt = _now();
        if (_abandoned) {
            _abandoned = false;
            _changeEnd(0);
        }
    }

    /// @dev Sends FIL to an EVM address. Returned data is not copied: it could fill our memory at our cost.
    function _transfer(address recipient, uint256 amount, uint256 gasLimit) internal returns (bool success) {
        if (Fvm.isMaskedId(recipient)) return _transferToId(recipient, amount, gasLimit);
        assembly ("memory-safe") {
            success := call(gasLimit, recipient, amount, 0, 0, 0, 0)
        }
    }

    /// @dev On Filecoin, a call to an id without an actor succeeds and moves nothing, so the balance decides. What the
    /// recipient deposits meanwhile has come back by another way.
    function _transferToId(address recipient, uint256 amount, uint256 gasLimit) private returns (bool success) {
        uint256 expected = address(this).balance;
        uint256 depositedBefore = _totalDeposited;
        assembly ("memory-safe") {
            success := call(gasLimit, recipient, amount, 0, 0, 0, 0)
        }
        expected += _totalDeposited - depositedBefore;
        return success && address(this).balance + amount <= expected;
    }

    /// @dev Called by `receive` and `deposit`, which are payable.
    // slither-disable-next-line msg-value-in-nonpayable
    function _deposit() private {
        require(msg.value > 0, ZeroAmount());
        _checkNotEnded();
        _book(msg.sender, msg.value);
    }

    function _book(address from, uint256 amount) private {
        _totalDeposited += SafeCast.toUint96(amount);
        emit Deposited(from, amount, _totalDeposited);
    }

    function _changeEnd(uint64 at) private {
        emit EndChanged(endsAt, at, msg.sender);
        endsAt = at;
    }

    function _hasEnded() private view returns (bool) {
        return endsAt != 0 && block.timestamp >= endsAt;
    }

    function _checkNotEnded() private view {
        require(!_hasEnded(), Ended(endsAt));
    }
}
