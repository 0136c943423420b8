// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Roles: who may do what, and how slowly that changes
/// @notice Owner, guardian, evaluators and the challenge window, for `Rounds` and `Rewards` alike. Stopping is immediate and
/// the guardian's alone: it vetoes settlements (`Rewards`) and suspends publishers and the coordinator (`Rounds`). Everything
/// else is announced by the owner and in force one challenge window later, unless owner or guardian cancel it before. So the
/// owner's key alone can neither appoint evaluators nor remove the guardian.
interface IRoles {
    /// @dev Effective at `effectiveAt` unless cancelled; the same holds for the two below.
    event EvaluatorsChanged(uint64 indexed version, address[] evaluators, uint256 threshold, uint64 effectiveAt);
    event EvaluatorsCancelled(uint64 indexed version, address indexed by);
    event GuardianChanged(address indexed previous, address indexed current, uint64 effectiveAt);
    event GuardianCancelled(address indexed cancelled, address indexed by);
    /// @dev Any later change replaces a decrease that has not taken effect.
    event ChallengeWindowChanged(uint64 previous, uint64 current, uint64 effectiveAt);
    event ChallengeWindowCancelled(uint64 cancelled, address indexed by);

    error NotOwner(address caller, address owner);
    error NotGuardian(address caller, address guardian);
    error NotOwnerOrGuardian(address caller);
    error NotEnoughSignatures(uint256 given, uint256 threshold);
    error SignersNotAscending(address previous, address signer);
    error NotEvaluator(address signer);
    error BadSignature(uint256 index);
    error EvaluatorsNotAscending(address previous, address evaluator);
    error BadThreshold(uint256 threshold, uint256 evaluators);
    error TooManyEvaluators(uint256 evaluators, uint256 max);
    error WindowTooShort(uint64 window, uint64 min);
    error WindowTooLong(uint64 window, uint64 max);
    error NothingChanged();
    error ZeroAddress();

    /// @notice Announces new evaluators. They take effect one challenge window later, unless the owner or the guardian
    /// cancels them; signatures under the previous set are invalid from then on. Replaces an earlier announcement.
    /// Owner only.
    /// @param newEvaluators Ascending by address, at most MAX_EVALUATORS.
    /// @param threshold Signatures that a settlement needs.
    function setEvaluators(address[] calldata newEvaluators, uint256 threshold) external;
    /// @notice Cancels announced evaluators before they take effect. Owner or guardian.
    function cancelEvaluators() external;
    /// @notice Announces a new guardian, who takes office one challenge window later unless the owner or the guardian
    /// cancels it. Replaces an earlier announcement. Owner only. Warning: a guardian that refuses its replacement can
    /// be removed only by ending the programme.
    function setGuardian(address newGuardian) external;
    /// @notice Cancels an announced guardian before it takes office. Owner or guardian.
    function cancelGuardian() external;
    /// @notice Sets the challenge window, in seconds, of settlements posted from then on: a longer one at once, a
    /// shorter one after the current window has passed. Owner only.
    function setChallengeWindow(uint64 window) external;
    /// @notice Cancels an announced shorter window before it takes effect. Owner or guardian.
    function cancelChallengeWindow() external;

    /// @notice Announces changes.
    function owner() external view returns (address);
    /// @notice Vetoes, suspends and cancels.
    function guardian() external view returns (address);
    /// @notice The announced guardian, and when it takes office (Unix seconds); zeros if there is none.
    function nextGuardian() external view returns (address newGuardian, uint64 effectiveAt);
    /// @notice Minimum challenge window that the owner can ever set, in seconds.
    function MIN_CHALLENGE_WINDOW() external view returns (uint64);
    /// @notice Seconds between posting a settlement and its activation, and between an announcement and its effect.
    function challengeWindow() external view returns (uint64);
    /// @notice The announced shorter window, and when it takes effect (Unix seconds); zeros if there is none.
    function nextChallengeWindow() external view returns (uint64 window, uint64 effectiveAt);
    /// @notice The evaluators, the signatures that a settlement needs, and the version of the set, from 1.
    function evaluators() external view returns (address[] memory set, uint256 threshold, uint64 version);
    /// @notice The version of the current set.
    function evaluatorSet() external view returns (uint64 version);
    /// @notice The announced set, and when it takes effect (Unix seconds); empty if there is none.
    function nextEvaluators()
        external
        view
        returns (address[] memory set, uint256 threshold, uint64 version, uint64 effectiveAt);
    /// @notice An evaluator's place in the current set, from 0, with the set's version and the signatures that a settlement
    /// needs. Reverts for others.
    function seatOf(address evaluator) external view returns (uint64 version, uint256 seat, uint256 threshold);
    /// @notice Reverts unless at least `threshold` evaluators of the current set signed, ascending by address.
    /// @param signatures 65 bytes each.
    function checkSignatures(bytes32 digest, bytes[] calldata signatures) external view;
    /// @notice Reverts unless `caller` is the owner or the guardian, who may cancel what was announced.
    function checkMayCancel(address caller) external view;
}
