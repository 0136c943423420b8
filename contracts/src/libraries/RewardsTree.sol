// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PositionalTree} from "./PositionalTree.sol";

/// @title Leaves of the rewards tree (docs/protocol.md §8.2)
library RewardsTree {
    /// @notice What a settlement says of an operator, in full.
    /// @param cumulative All-time amount in attoFIL.
    /// @param running Sum of `cumulative` of this leaf and all before it, in attoFIL.
    /// @param grown What the settlement adds, in attoFIL.
    /// @param reports Number of leaves in the operator's sheet.
    /// @param sheet Root of the sheet: what was accepted of each report of the operator's stations.
    struct Leaf {
        address operator;
        uint96 cumulative;
        uint96 running;
        uint96 grown;
        uint32 reports;
        bytes32 sheet;
    }

    /// @notice What a claim need not look at, as one word.
    function restOf(Leaf memory leaf) internal pure returns (bytes32) {
        return keccak256(abi.encode(leaf.running, leaf.grown, leaf.reports, leaf.sheet));
    }

    /// @notice The leaf's hash.
    function hashOf(Leaf memory leaf) internal pure returns (bytes32) {
        return hashOf(leaf.operator, leaf.cumulative, restOf(leaf));
    }

    /// @notice The hash of a leaf of which only the first two fields are known.
    function hashOf(address operator, uint256 cumulative, bytes32 rest) internal pure returns (bytes32) {
        return PositionalTree.leafOf(abi.encode(operator, cumulative, rest));
    }
}
