// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @title What happens when, after a round has closed (docs/protocol.md §3.1)
/// @notice All times are `closesAt` and a number of steps, a parameter of the round (60 seconds by default).
library Timetable {
    uint64 private constant SEALS = 3;
    uint64 private constant OWN_SEALS = 6;
    uint64 private constant SHOW = 11;
    uint64 private constant PUBLISH = 21;
    uint64 private constant COMMITS = 27;
    uint64 private constant DEDUPE = 32;
    uint64 private constant OBJECTIONS = 147;

    /// @notice Last second in which publishers commit lists of seals.
    function sealsUntil(uint64 closesAt, uint64 step) internal pure returns (uint64) {
        return closesAt + SEALS * step;
    }

    /// @notice Last second in which a station commits its own seal.
    function ownSealsUntil(uint64 closesAt, uint64 step) internal pure returns (uint64) {
        return closesAt + OWN_SEALS * step;
    }

    /// @notice When stations begin to show what they sealed: by then no seal can be taken back by a reorganisation.
    function showFrom(uint64 closesAt, uint64 step) internal pure returns (uint64) {
        return closesAt + SHOW * step;
    }

    /// @notice Last second in which publishers commit batches.
    function publishUntil(uint64 closesAt, uint64 step) internal pure returns (uint64) {
        return closesAt + PUBLISH * step;
    }

    /// @notice Last second in which anything is committed; after `publishUntil` only a station's own lines.
    function commitsUntil(uint64 closesAt, uint64 step) internal pure returns (uint64) {
        return closesAt + COMMITS * step;
    }

    /// @notice The time after which the dedupe beacon is published. A beacon a few seconds after a deadline would be known
    /// before the block of that deadline is made.
    function dedupeFrom(uint64 closesAt, uint64 step) internal pure returns (uint64) {
        return closesAt + DEDUPE * step;
    }

    /// @notice When evaluators may object to rosters, task lists and batches that they could not get.
    function objectionsFrom(uint64 closesAt, uint64 step) internal pure returns (uint64) {
        return closesAt + OBJECTIONS * step;
    }
}
