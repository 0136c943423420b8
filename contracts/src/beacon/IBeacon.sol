// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title A verifier of drand quicknet beacons
/// @notice Every implementation returns the same randomness for the same round, so a deployment chooses by price only.
interface IBeacon {
    error SignatureLength(uint256 length);
    /// @notice drand's rounds start at 1; in its HTTP API round 0 means "latest".
    error RoundZero();
    /// @notice A well-formed signature, but not the network's for this round.
    error WrongSignature(uint64 round);

    /// @notice The first beacon round that this contract can check and that is published strictly after `timestamp`.
    /// @dev Pure arithmetic on the schedule: it never depends on the block it is called in.
    /// @param timestamp Unix time, seconds.
    /// @return round drand round number, from 1.
    function roundAfter(uint256 timestamp) external view returns (uint64 round);

    /// @notice Checks a beacon and returns its randomness; reverts with the reason if it is not genuine.
    /// @param round drand round number, from 1.
    /// @param signature The 48 bytes of the compressed G1 signature as drand publishes it, followed by the 48 bytes
    /// of the point's y coordinate (big-endian). An implementation that has no use for y ignores it, and takes the
    /// 48 bytes alone too.
    /// @return randomness SHA-256 of the 48 compressed bytes.
    function verify(uint64 round, bytes calldata signature) external view returns (bytes32 randomness);
}
