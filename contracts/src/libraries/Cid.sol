// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @title The CIDs that Assize accepts
/// @notice CIDv1, sha2-256, raw or dag-pb, in binary: 0x01, codec, 0x12, 0x20, 32 bytes of digest. With both codecs the
/// digest alone identifies the block; the codec only says how to read it.
library Cid {
    bytes1 internal constant RAW = 0x55;
    bytes1 internal constant DAG_PB = 0x70;

    uint256 private constant LENGTH = 36;
    bytes1 private constant VERSION_1 = 0x01;
    bytes2 private constant SHA2_256_OF_32_BYTES = 0x1220;

    /// @notice Whether `cid` has the accepted form.
    function isValid(bytes calldata cid) internal pure returns (bool) {
        return cid.length == LENGTH && cid[0] == VERSION_1 && (cid[1] == RAW || cid[1] == DAG_PB)
            && bytes2(cid[2:4]) == SHA2_256_OF_32_BYTES;
    }

    /// @notice Codec and digest of a valid CID.
    function unpack(bytes calldata cid) internal pure returns (bytes1 codec, bytes32 digest) {
        return (cid[1], bytes32(cid[4:36]));
    }

    /// @notice The binary CID of a codec and a digest.
    function pack(bytes1 codec, bytes32 digest) internal pure returns (bytes memory) {
        return bytes.concat(VERSION_1, codec, SHA2_256_OF_32_BYTES, digest);
    }
}
