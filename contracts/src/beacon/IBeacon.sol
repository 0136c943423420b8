// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title A verifier of drand quicknet beacons
/// @notice All implementations return the same randomness for the same round, so they differ in cost only.
interface IBeacon {
    error SignatureLength(uint256 length);
    /// @notice drand's rounds start at 1; in its HTTP API round 0 means "latest".
    error RoundZero();
    /// @notice A well-formed signature, but not the network's signature of this round.
    error WrongSignature(uint64 round);

    /// @notice The first beacon round that this contract can check and that is published strictly after `timestamp`.
    /// @dev A pure function of the schedule: it never depends on the current block.
    /// @param timestamp Unix time in seconds.
    /// @return round drand round number, from 1.
    function roundAfter(uint256 timestamp) external view returns (uint64 round);

    /// @notice Verifies a beacon and returns its randomness; reverts with the reason if it is not genuine.
    /// @param round drand round number, from 1.
    /// @param signature The 48 bytes of the compressed G1 signature as drand publishes it, followed by the 48 bytes of
    /// the point's y coordinate (big-endian). An implementation that does not need y ignores it, and also accepts the
    /// 48 bytes alone.
    /// @return randomness SHA-256 of the 48 compressed bytes.
    function verify(uint64 round, bytes calldata signature) external view returns (bytes32 randomness);
}
