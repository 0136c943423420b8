// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

/// @notice Fixtures and constants that several tests share.
abstract contract BaseTest is Test {
    struct BeaconCase {
        bytes32 randomness;
        uint64 round;
        bytes signature;
    }

    uint64 internal constant QUICKNET_GENESIS = 1_692_803_367;
    uint64 internal constant QUICKNET_PERIOD = 3;
    /// @dev quicknet's public key as EIP-2537 encodes points of G2.
    bytes internal constant QUICKNET_KEY = hex"000000000000000000000000000000000d1fec758c921cc22b0e17e63aaf4bcb"
        hex"5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
        hex"0000000000000000000000000000000003cf0f2896adee7eb8b5f01fcad39122"
        hex"12c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451"
        hex"000000000000000000000000000000000e5db2b6bfbb01c867749cadffca88b3"
        hex"6c24f3012ba09fc4d3022c5c37dce0f977d3adb5d183c7477c442b1f04515273"
        hex"0000000000000000000000000000000001a714f2edb74119a2f2b0d5a7c75ba9"
        hex"02d163700a61bc224ededd8e63aef7be1aaf8e93d7a9718b047ccddb3eb5d68b";

    function fixture(string memory name) internal view returns (string memory) {
        // forge-lint: disable-next-line(unsafe-cheatcode) reading is all that foundry.toml permits, and only here
        return vm.readFile(string.concat("contracts/test/fixtures/", name));
    }

    /// @notice The recorded quicknet beacons.
    function beacons() internal view returns (BeaconCase[] memory) {
        string memory type_ = "BeaconCase(bytes32 randomness,uint64 round,bytes signature)";
        return abi.decode(vm.parseJsonTypeArray(fixture("beacons.json"), ".cases", type_), (BeaconCase[]));
    }

    /// @notice Unix time at which quicknet publishes a round.
    function publishedAt(uint64 beaconRound) internal pure returns (uint256) {
        return QUICKNET_GENESIS + uint256(beaconRound - 1) * QUICKNET_PERIOD;
    }

    /// @notice The first 48 bytes of a signature.
    function compressedOf(bytes memory signature) internal pure returns (bytes memory compressed) {
        compressed = new bytes(48);
        for (uint256 i = 0; i < 48; ++i) {
            compressed[i] = signature[i];
        }
    }
}
