// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @notice FIP-0095's precompile 0xfe00…06, as strict as the real one; to be etched at its address.
/// @dev The real one aborts the whole transaction for a future epoch; an invalid opcode, which consumes all gas of the
/// call, is the closest that the test EVM offers.
contract BeaconDigestPrecompile {
    /// @notice BLAKE2b-256 of the beacon's signature of an epoch.
    mapping(uint256 epoch => bytes32 digest) public digests;

    fallback(bytes calldata input) external returns (bytes memory) {
        // Not an ABI call: the precompile reads one word; missing bytes are zero.
        bytes32 word;
        assembly ("memory-safe") {
            word := calldataload(0)
        }
        uint256 epoch = uint256(word);
        require(input.length <= 32 && epoch <= uint64(type(int64).max));
        if (epoch > block.number) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        // Every epoch has a beacon; epochs not recorded here have some other one.
        bytes32 digest = digests[epoch];
        return abi.encode(digest == 0 ? keccak256(abi.encode(epoch)) : digest);
    }
}
