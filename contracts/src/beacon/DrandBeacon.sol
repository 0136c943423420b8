// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Bls12381} from "../libraries/Bls12381.sol";
import {IBeacon} from "./IBeacon.sol";

/// @title Verifies drand beacons by pairing
/// @notice Scheme `bls-unchained-g1-rfc9380` (quicknet) on any EVM with EIP-2537; a devnet uses the same code with its
/// own key (docs/protocol.md §2). On Filecoin a check costs about 1.15 G gas: use `FilecoinBeacon` there.
contract DrandBeacon is IBeacon {
    // slither-disable-next-line unused-state
    uint256 private constant COMPRESSED_LENGTH = 48;
    uint256 private constant SIGNATURE_LENGTH = 96;
    uint256 private constant PUBLIC_KEY_LENGTH = 256;

    /// @dev The flags in the three highest bits of a compressed point.
    uint256 private constant COMPRESSED = 0x80;
    uint256 private constant INFINITY = 0x40;
    uint256 private constant Y_IS_GREATER = 0x20;
    /// @dev The 16 highest bytes of x without the flags.
    uint256 private constant X_HIGH_MASK = type(uint128).max >> 3;

    /// @notice Unix time of round 1 in seconds.
    uint64 public immutable GENESIS;
    /// @notice Seconds between rounds.
    uint64 public immutable PERIOD;

    uint256 private immutable KEY_XC0_HIGH;
    uint256 private immutable KEY_XC0_LOW;
    uint256 private immutable KEY_XC1_HIGH;
    uint256 private immutable KEY_XC1_LOW;
    uint256 private immutable KEY_YC0_HIGH;
    uint256 private immutable KEY_YC0_LOW;
    uint256 private immutable KEY_YC1_HIGH;
    uint256 private immutable KEY_YC1_LOW;

    /// @notice The public key is not a point of G2's subgroup other than infinity.
    error InvalidPublicKey(bytes publicKey);
    error PeriodZero();
    /// @notice The flag 0x80 of a compressed point is missing.
    error NotCompressed();
    /// @notice The flag 0x40 is set: the point at infinity is never a signature.
    error PointAtInfinity();
    /// @notice x or y is not below the field's prime.
    error FieldOverflow();
    /// @notice y is not the root that the flag 0x20 of the compressed form selects.
    error WrongSignOfY();
    error NotOnCurve();
    /// @notice On the curve, but outside the subgroup of prime order.
    error NotInSubgroup();

    /// @param key Point in G2 as EIP-2537 encodes it: 256 bytes, x then y, c0 before c1, each of 64 bytes.
    /// @param genesis Unix time of round 1 in seconds.
    /// @param period Seconds between rounds.
    constructor(bytes memory key, uint64 genesis, uint64 period) {
        require(key.length == PUBLIC_KEY_LENGTH, InvalidPublicKey(key));
        require(period > 0, PeriodZero());
        GENESIS = genesis;
        PERIOD = period;

        uint256[8] memory words = abi.decode(key, (uint256[8]));
        KEY_XC0_HIGH = words[0];
        KEY_XC0_LOW = words[1];
        KEY_XC1_HIGH = words[2];
        KEY_XC1_LOW = words[3];
        KEY_YC0_HIGH = words[4];
        KEY_YC0_LOW = words[5];
        KEY_YC1_HIGH = words[6];
        KEY_YC1_LOW = words[7];

        // With points at infinity on the other side the product is one, but each point of G2 is still checked.
        // slither-disable-next-line uninitialized-local
        Bls12381.G1 memory infinity;
        Bls12381.G2 memory point = Bls12381.G2({
            xc0High: words[0],
            xc0Low: words[1],
            xc1High: words[2],
            xc1Low: words[3],
            yc0High: words[4],
            yc0Low: words[5],
            yc1High: words[6],
            yc1Low: words[7]
        });
        // slither-disable-next-line unused-return
        (bool valid,) = Bls12381.pairingProductIsOne(infinity, point, infinity, point);
        bool isInfinity = words[0] | words[1] | words[2] | words[3] | words[4] | words[5] | words[6] | words[7] == 0;
        require(valid && !isInfinity, InvalidPublicKey(key));
    }

    /// @inheritdoc IBeacon
    function roundAfter(uint256 timestamp) external view returns (uint64 round) {
        if (timestamp < GENESIS) return 1;
        return SafeCast.toUint64((timestamp - GENESIS) / PERIOD + 2);
    }

    /// @inheritdoc IBeacon
    function verify(uint64 round, bytes calldata signature) external view returns (bytes32 randomness) {
        require(signature.length == SIGNATURE_LENGTH, SignatureLength(signature.length));
        require(round > 0, RoundZero());
        Bls12381.G1 memory point = _decode(signature);
        Bls12381.G1 memory message = Bls12381.hashToG1(sha256(abi.encodePacked(round)));
        // e(signature, -generator) · e(message, key) = 1
        (bool valid, bool one) =
            Bls12381.pairingProductIsOne(point, Bls12381.negatedG2Generator(), message, _publicKey());
        require(valid, NotInSubgroup());
        require(one, WrongSignature(round));
        return sha256(signature[:COMPRESSED_LENGTH]);
    }

    /// @notice The network's public key as passed to the constructor.
    function publicKey() external view returns (bytes memory) {
        return abi.encode(_publicKey());
    }

    /// @dev Decodes a compressed signature and its y. The two must match, so a signature has exactly one encoding, and
    /// the randomness, a hash of it, exactly one value.
    function _decode(bytes calldata signature) private view returns (Bls12381.G1 memory point) {
        uint256 flags = uint8(signature[0]);
        require(flags & COMPRESSED != 0, NotCompressed());
        require(flags & INFINITY == 0, PointAtInfinity());

        point.xHigh = uint128(bytes16(signature[0:16])) & X_HIGH_MASK;
        point.xLow = uint256(bytes32(signature[16:48]));
        point.yHigh = uint128(bytes16(signature[48:64]));
        point.yLow = uint256(bytes32(signature[64:96]));
        require(Bls12381.isCanonical(point.xHigh, point.xLow), FieldOverflow());
        require(Bls12381.isCanonical(point.yHigh, point.yLow), FieldOverflow());
        require((flags & Y_IS_GREATER != 0) == Bls12381.isGreaterHalf(point.yHigh, point.yLow), WrongSignOfY());
        require(Bls12381.isOnCurve(point), NotOnCurve());
    }

    function _publicKey() private view returns (Bls12381.G2 memory) {
        return Bls12381.G2({
            xc0High: KEY_XC0_HIGH,
            xc0Low: KEY_XC0_LOW,
            xc1High: KEY_XC1_HIGH,
            xc1Low: KEY_XC1_LOW,
            yc0High: KEY_YC0_HIGH,
            yc0Low: KEY_YC0_LOW,
            yc1High: KEY_YC1_HIGH,
            yc1Low: KEY_YC1_LOW
        });
    }
}
