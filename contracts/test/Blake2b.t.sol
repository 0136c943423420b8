// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {Blake2b} from "../src/libraries/Blake2b.sol";

contract Blake2bTest is Test {
    /// @dev Digests by Python's hashlib.
    function test_hash_matchesAnotherImplementation() public view {
        assertEq(this.hash(""), 0x0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8);
        assertEq(this.hash("abc"), 0xbddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319);
        assertEq(this.hash(_counting(48)), 0x48de881e6c1dc35253d9c8d56e773743640f097bb7274b80ec090f1b33d1dc2e);
        assertEq(this.hash(_counting(128)), 0xc3582f71ebb2be66fa5dd750f80baae97554f3b015663c8be377cfcb2488c1d1);
    }

    function test_hash_refusesMoreThanOneBlock() public {
        vm.expectRevert(abi.encodeWithSelector(Blake2b.MessageTooLong.selector, 129, 128));
        this.hash(_counting(129));
    }

    function hash(bytes calldata message) external view returns (bytes32) {
        return Blake2b.hash(message);
    }

    /// @dev 0x00, 0x01, 0x02, …
    function _counting(uint256 length) private pure returns (bytes memory message) {
        message = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            message[i] = bytes1(uint8(i));
        }
    }
}
