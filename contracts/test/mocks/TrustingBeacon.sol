// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IBeacon} from "../../src/beacon/IBeacon.sol";

/// @notice quicknet's schedule with any signature: tests choose the randomness.
contract TrustingBeacon is IBeacon {
    function roundAfter(uint256 timestamp) external pure returns (uint64 round) {
        return timestamp < 1_692_803_367 ? 1 : uint64((timestamp - 1_692_803_367) / 3 + 2);
    }

    function verify(uint64 round, bytes calldata signature) external pure returns (bytes32 randomness) {
        return sha256(abi.encodePacked(round, signature));
    }
}
