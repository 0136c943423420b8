// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title BLAKE2b-256 of short messages
/// @notice One compression (RFC 7693) through precompile 0x09 (EIP-152), so at most 128 bytes.
library Blake2b {
    /// @dev BLAKE2b's initial vector as little-endian words, the first one xored with the parameter block
    /// 0x01010020: no key, 32 bytes of digest.
    bytes32 private constant STATE_LOW = 0x28c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5;
    bytes32 private constant STATE_HIGH = 0xd182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e1319cde05b;
    uint256 private constant MAX_LENGTH = 128;

    error MessageTooLong(uint256 length, uint256 max);
    error CompressionFailed();

    /// @notice BLAKE2b with a 32-byte digest and no key.
    function hash(bytes calldata message) internal view returns (bytes32 digest) {
        uint256 length = message.length;
        require(length <= MAX_LENGTH, MessageTooLong(length, MAX_LENGTH));
        bytes memory padding = new bytes(MAX_LENGTH - length);
        // rounds:4 ‖ state:64 ‖ message:128 ‖ bytes hashed so far:16 LE ‖ final block:1
        bytes memory input = abi.encodePacked(
            uint32(12), STATE_LOW, STATE_HIGH, message, padding, SafeCast.toUint8(length), bytes15(0), true
        );
        bool done;
        assembly ("memory-safe") {
            done := staticcall(gas(), 0x09, add(input, 32), mload(input), 0x00, 64)
            done := and(done, eq(returndatasize(), 64))
            digest := mload(0x00)
        }
        require(done, CompressionFailed());
    }
}
