// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {Cid} from "../src/libraries/Cid.sol";

contract CidTest is Test {
    function testFuzz_pack_isUndoneByUnpack(bytes32 digest, bool raw) public view {
        bytes1 codec = raw ? bytes1(0x55) : bytes1(0x70);
        bytes memory cid = Cid.pack(codec, digest);
        assertEq(cid, abi.encodePacked(bytes1(0x01), codec, hex"1220", digest));
        assertTrue(this.isValid(cid));
        (bytes1 unpackedCodec, bytes32 unpackedDigest) = this.unpack(cid);
        assertEq(unpackedCodec, codec);
        assertEq(unpackedDigest, digest);
    }

    /// @dev Any change to the first four bytes, or of the length, makes another kind of CID.
    function testFuzz_isValid_refusesOtherHeaders(bytes4 header, bytes32 digest) public view {
        vm.assume(header != 0x01551220 && header != 0x01701220);
        assertFalse(this.isValid(abi.encodePacked(header, digest)));
    }

    function test_isValid_refusesOtherLengths() public view {
        assertFalse(this.isValid(""));
        assertFalse(this.isValid(abi.encodePacked(bytes4(0x01551220), bytes31(0))));
        assertFalse(this.isValid(abi.encodePacked(bytes4(0x01551220), bytes32(0), uint8(0))));
    }

    function isValid(bytes calldata cid) external pure returns (bool) {
        return Cid.isValid(cid);
    }

    function unpack(bytes calldata cid) external pure returns (bytes1, bytes32) {
        return Cid.unpack(cid);
    }
}
