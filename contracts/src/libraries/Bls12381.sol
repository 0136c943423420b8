// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @title BLS12-381 through the precompiles of EIP-2537
/// @notice What the verification of a BLS signature in G1 needs: field bounds, curve membership, hashing to G1 (RFC
/// 9380) and a product of two pairings.
/// @dev Field elements are 64 bytes, big-endian, of which the highest 16 are zero: two words. The memory layout of the
/// structs below is exactly what the precompiles expect.
library Bls12381 {
    struct G1 {
        uint256 xHigh;
        uint256 xLow;
        uint256 yHigh;
        uint256 yLow;
    }

    /// @dev Coordinates are c0 + c1·u.
    struct G2 {
        uint256 xc0High;
        uint256 xc0Low;
        uint256 xc1High;
        uint256 xc1Low;
        uint256 yc0High;
        uint256 yc0Low;
        uint256 yc1High;
        uint256 yc1Low;
    }

    /// @dev The field's prime p.
    uint256 private constant P_HIGH = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant P_LOW = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;
    /// @dev (p - 1) / 2
    uint256 private constant HALF_P_HIGH = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant HALF_P_LOW = 0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;

    /// @dev Domain separation tag of the suite, 43 bytes, and its length (DST_prime of RFC 9380 §5.3.1).
    bytes private constant DST_PRIME = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_\x2b";

    uint256 private constant MODEXP = 0x05;
    uint256 private constant G1_ADD = 0x0b;
    uint256 private constant PAIRING = 0x0f;
    uint256 private constant MAP_FP_TO_G1 = 0x10;

    /// @dev On most EVMs, a precompile that rejects its input burns all gas it was given (Filecoin's returns it and
    /// ignores these limits). Both are a few times the current costs of 375 and 102 900.
    uint256 private constant G1_ADD_GAS = 5000;
    uint256 private constant PAIRING_GAS = 400_000;

    /// @notice The chain lacks EIP-2537: a call to an address without code succeeds and returns nothing.
    error PrecompileMissing(uint256 precompile);
    error PrecompileFailed(uint256 precompile);

    /// @notice Whether `(high, low)` is a canonical field element, i.e. below p.
    function isCanonical(uint256 high, uint256 low) internal pure returns (bool) {
        return high < P_HIGH || (high == P_HIGH && low < P_LOW);
    }

    /// @notice Whether `(high, low)` is the greater of itself and its negative, i.e. above (p - 1) / 2: the sign bit of
    /// y in a compressed point.
    function isGreaterHalf(uint256 high, uint256 low) internal pure returns (bool) {
        return high > HALF_P_HIGH || (high == HALF_P_HIGH && low > HALF_P_LOW);
    }

    /// @notice Whether a point with canonical coordinates lies on the curve (not necessarily in the subgroup).
    /// @dev Adds the point at infinity: the precompile rejects points off the curve.
    function isOnCurve(G1 memory point) internal view returns (bool success) {
        G1 memory infinity;
        uint256[8] memory input = [point.xHigh, point.xLow, point.yHigh, point.yLow, 0, 0, 0, 0];
        uint256 returned;
        assembly ("memory-safe") {
            success := staticcall(G1_ADD_GAS, G1_ADD, input, 256, infinity, 128)
            returned := returndatasize()
        }
        require(!success || returned == 128, PrecompileMissing(G1_ADD));
    }

    /// @notice Hashes a 32-byte message to the subgroup of G1 under drand's domain separation tag: the suite
    /// BLS12381G1_XMD:SHA-256_SSWU_RO_ of RFC 9380 §8.8.1.
    function hashToG1(bytes32 message) internal view returns (G1 memory) {
        // expand_message_xmd (§5.3.1) to 128 bytes: a block of zeros, the message, the length, 0, DST_prime.
        bytes32 b0 = sha256(abi.encodePacked(bytes32(0), bytes32(0), message, uint16(128), uint8(0), DST_PRIME));
        // Then four times the hash of: b0 xor the previous hash, a counter, DST_prime.
        bytes memory block_ = abi.encodePacked(b0, uint8(0), DST_PRIME);
        bytes32 b1 = _expandNext(block_, b0, 1);
        bytes32 b2 = _expandNext(block_, b0 ^ b1, 2);
        bytes32 b3 = _expandNext(block_, b0 ^ b2, 3);
        bytes32 b4 = _expandNext(block_, b0 ^ b3, 4);
        // The precompile clears the cofactor of each point. Clearing is linear, so the sum needs no further step (§3).
        return _add(_mapToG1(b1, b2), _mapToG1(b3, b4));
    }

    /// @notice Whether e(a, b) · e(c, d) = 1.
    /// @return valid False if the precompile rejected a point: off the curve or outside its subgroup.
    /// @return one The product is one; meaningless unless `valid`.
    function pairingProductIsOne(G1 memory a, G2 memory b, G1 memory c, G2 memory d)
        internal
        view
        returns (bool valid, bool one)
    {
        uint256 returned;
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, a, 128)
            mcopy(add(input, 128), b, 256)
            mcopy(add(input, 384), c, 128)
            mcopy(add(input, 512), d, 256)
            valid := staticcall(PAIRING_GAS, PAIRING, input, 768, 0x00, 32)
            returned := returndatasize()
            one := eq(mload(0x00), 1)
        }
        require(!valid || returned == 32, PrecompileMissing(PAIRING));
    }

    /// @notice The negative of the standard generator of G2.
    function negatedG2Generator() internal pure returns (G2 memory) {
        return G2({
            xc0High: 0x024aa2b2f08f0a91260805272dc51051,
            xc0Low: 0xc6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8,
            xc1High: 0x13e02b6052719f607dacd3a088274f65,
            xc1Low: 0x596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e,
            yc0High: 0x0d1b3cc2c7027888be51d9ef691d77bc,
            yc0Low: 0xb679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa,
            yc1High: 0x13fa4d4a0ad8b1ce186ed5061789213d,
            yc1Low: 0x993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed
        });
    }

    /// @dev Overwrites the first 33 bytes of `block_` and hashes it.
    function _expandNext(bytes memory block_, bytes32 head, uint256 counter) private pure returns (bytes32) {
        assembly ("memory-safe") {
            mstore(add(block_, 32), head)
            mstore8(add(block_, 64), counter)
        }
        return sha256(block_);
    }

    /// @dev 64 bytes of hash, reduced mod p, mapped to a point of the subgroup.
    function _mapToG1(bytes32 high, bytes32 low) private view returns (G1 memory point) {
        // MODEXP: lengths of base, exponent and modulus; base; exponent 1; modulus p.
        bytes memory input = abi.encodePacked(uint256(64), uint256(1), uint256(64), high, low, uint8(1), P_HIGH, P_LOW);
        bool reduced;
        bool mapped;
        uint256 returned;
        assembly ("memory-safe") {
            reduced := staticcall(gas(), MODEXP, add(input, 32), mload(input), 0x00, 64)
            reduced := and(reduced, eq(returndatasize(), 64))
            mapped := staticcall(gas(), MAP_FP_TO_G1, 0x00, 64, point, 128)
            returned := returndatasize()
        }
        require(reduced, PrecompileFailed(MODEXP));
        require(mapped, PrecompileFailed(MAP_FP_TO_G1));
        require(returned == 128, PrecompileMissing(MAP_FP_TO_G1));
    }

    /// @dev Sum of two points on the curve; the caller has checked them.
    function _add(G1 memory a, G1 memory b) private view returns (G1 memory sum) {
        bool success;
        uint256 returned;
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, a, 128)
            mcopy(add(input, 128), b, 128)
            success := staticcall(gas(), G1_ADD, input, 256, sum, 128)
            returned := returndatasize()
        }
        require(success, PrecompileFailed(G1_ADD));
        require(returned == 128, PrecompileMissing(G1_ADD));
    }
}
