// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IRewards} from "../interfaces/IRewards.sol";
import {IRoles} from "../interfaces/IRoles.sol";
import {Fvm} from "../libraries/Fvm.sol";

/// @title The pool: deposits, and the surplus at the end of the programme
/// @notice Deposits are counted, not read from the balance: FIL that came otherwise is booked by `sync`. Deposits leave in
/// two ways only: to operators by claims, and, after the programme has ended, to the treasury as far as they
/// were never promised.
abstract contract Pool is IRewards, ReentrancyGuardTransient {
    /// @notice Minimum time between the announcement and the end of the programme, in seconds: all earlier rounds can
    /// still be settled.
    uint64 public constant END_NOTICE = 30 days;
    /// @notice Time after which anyone may announce the programme's end if no settlement that grants something has become
    /// active, in seconds.
    uint64 public constant ABANDONED_AFTER = 90 days;

    /// @inheritdoc IRewards
    IRoles public immutable ROLES;

    uint96 private _totalDeposited;
    uint96 private _totalWithdrawn;
    /// @inheritdoc IRewards
    address public treasury;
    /// @dev The end that the owner announced; 0 if it did not.
    uint64 private _announcedEnd;
    /// @dev The end that anyone announced because nothing was granted; 0 if nobody did. Neither owner nor guardian can
    /// cancel it, only the next settlement that grants something and becomes active.
    uint64 private _abandonedEnd;
    /// @dev When the last settlement that grants something became active, as far as it was noted.
    uint64 private _aliveAt;

    constructor(IRoles roles, address firstTreasury) {
        require(address(roles) != address(0) && firstTreasury != address(0), ZeroAddress());
        ROLES = roles;
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
    function setEnd(uint64 at) external {
        address owner = ROLES.owner();
        require(msg.sender == owner, IRoles.NotOwner(msg.sender, owner));
        _checkNotEnded();
        uint64 before = endsAt();
        require(at != _announcedEnd, NothingChanged());
        require(at == 0 || at >= _now() + END_NOTICE, EndTooSoon(at, _now() + END_NOTICE));
        _announcedEnd = at;
        emit EndChanged(before, endsAt(), msg.sender);
    }

    /// @inheritdoc IRewards
    function cancelEnd() external {
        ROLES.checkMayCancel(msg.sender);
        _checkNotEnded();
        require(_announcedEnd != 0, NothingChanged());
        uint64 before = endsAt();
        _announcedEnd = 0;
        emit EndChanged(before, endsAt(), msg.sender);
    }

    /// @inheritdoc IRewards
    function noteActive() external {
        _noteActive(type(uint256).max);
    }

    /// @inheritdoc IRewards
    function endAbandoned() external {
        _noteActive(type(uint256).max);
        uint64 abandonedAt = _aliveAt + ABANDONED_AFTER;
        require(block.timestamp > abandonedAt, NotAbandoned(abandonedAt));
        uint64 at = _now() + END_NOTICE;
        uint64 before = endsAt();
        // An end that was announced for later is brought forward; otherwise an absent owner could have postponed it
        // forever.
        require(before == 0 || at < before, NothingChanged());
        _abandonedEnd = at;
        emit EndChanged(before, at, msg.sender);
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
        require(_hasEnded(), NotEnded(endsAt()));
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
    function endsAt() public view returns (uint64) {
        (uint64 announced, uint64 abandoned) = (_announcedEnd, _abandonedEnd);
        return announced == 0 || (abandoned != 0 && abandoned < announced) ? abandoned : announced;
    }

    /// @inheritdoc IRewards
    function totalClaimed() public view virtual returns (uint256);

    /// @dev Everything that valid settlements have ever granted, in attoFIL.
    function _promised() internal view virtual returns (uint256);

    /// @dev Notes settlements that became active, at most this many.
    function _noteActive(uint256 most) internal virtual;

    /// @dev A settlement that grants something and became active proves that the programme goes on. Posting alone does not:
    /// a guardian that vetoes all of them would keep the money for ever. It leaves the owner's end alone.
    function _noteAlive(uint64 at) internal {
        _aliveAt = at;
        uint64 abandoned = _abandonedEnd;
        if (abandoned == 0 || _hasEnded()) return;
        _abandonedEnd = 0;
        emit EndChanged(abandoned, endsAt(), msg.sender);
    }

    function _checkNotEnded() internal view {
        require(!_hasEnded(), Ended(endsAt()));
    }

    function _now() internal view returns (uint64) {
        return SafeCast.toUint64(block.timestamp);
    }

    /// @dev Sends FIL to an EVM address. Returned data is not copied: it could fill our memory at our cost.
    function _transfer(address recipient, uint256 amount, uint256 gasLimit) internal returns (bool success) {
        if (Fvm.isMaskedId(recipient)) return _transferToId(recipient, amount, gasLimit);
        assembly ("memory-safe") {
            success := call(gasLimit, recipient, amount, 0, 0, 0, 0)
        }
    }

    /// @dev On Filecoin, a call to an id without an actor succeeds and moves nothing, so the balance decides: it was paid if
    /// anything has gone. What the recipient deposits meanwhile has come back by another way. What it sends back by plain
    /// transfers was paid all the same, or it could take the same amount again and again for a unit each time.
    function _transferToId(address recipient, uint256 amount, uint256 gasLimit) private returns (bool success) {
        uint256 expected = address(this).balance;
        uint256 depositedBefore = _totalDeposited;
        assembly ("memory-safe") {
            success := call(gasLimit, recipient, amount, 0, 0, 0, 0)
        }
        expected += _totalDeposited - depositedBefore;
        return success && address(this).balance < expected;
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

    function _hasEnded() private view returns (bool) {
        uint64 at = endsAt();
        return at != 0 && block.timestamp >= at;
    }
}
