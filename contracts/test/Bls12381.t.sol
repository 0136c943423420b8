// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {Bls12381} from "../src/libraries/Bls12381.sol";

/// @notice The bounds of the field, to the last bit; the rest of the library is tested through `DrandBeacon`.
contract Bls12381Test is Test {
    uint256 private constant P_HIGH = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant P_LOW = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;
    uint256 private constant HALF_P_HIGH = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant HALF_P_LOW = 0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;

    function test_isCanonical_endsBelowP() public pure {
        assertTrue(Bls12381.isCanonical(0, 0));
        assertTrue(Bls12381.isCanonical(P_HIGH - 1, type(uint256).max));
        assertTrue(Bls12381.isCanonical(P_HIGH, P_LOW - 1));
        assertFalse(Bls12381.isCanonical(P_HIGH, P_LOW));
        assertFalse(Bls12381.isCanonical(P_HIGH + 1, 0));
    }

    function test_isGreaterHalf_beginsAboveHalfP() public pure {
        assertFalse(Bls12381.isGreaterHalf(0, type(uint256).max));
        assertFalse(Bls12381.isGreaterHalf(HALF_P_HIGH, HALF_P_LOW));
        assertTrue(Bls12381.isGreaterHalf(HALF_P_HIGH, HALF_P_LOW + 1));
        assertTrue(Bls12381.isGreaterHalf(HALF_P_HIGH + 1, 0));
    }
}
