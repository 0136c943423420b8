// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {DrandBeacon} from "../src/beacon/DrandBeacon.sol";
import {IBeacon} from "../src/beacon/IBeacon.sol";
import {Bls12381} from "../src/libraries/Bls12381.sol";
import {BaseTest} from "./BaseTest.sol";

/// forge-config: ci.fuzz.runs = 1000
contract DrandBeaconTest is BaseTest {
    struct InvalidCase {
        string error;
        string name;
        uint64 round;
        bytes signature;
    }

    /// @dev Order of the groups.
    uint256 private constant R = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;

    DrandBeacon private beacon;
    BeaconCase private genuine;

    function setUp() public {
        beacon = new DrandBeacon(QUICKNET_KEY, QUICKNET_GENESIS, QUICKNET_PERIOD);
        genuine = beacons()[6];
        assertEq(genuine.round, 1000);
    }

    /* VERIFY: GENUINE BEACONS */

    function test_verify_acceptsEveryRecordedBeacon() public view {
        BeaconCase[] memory cases = beacons();
        assertEq(cases.length, 47);
        for (uint256 i = 0; i < cases.length; ++i) {
            assertEq(beacon.verify(cases[i].round, cases[i].signature), cases[i].randomness);
        }
    }

    /// @dev A devnet's own key: sign with a scalar, here through the multiplication precompiles.
    function testFuzz_verify_acceptsAnyNetworksKey(uint256 secret, uint64 round) public {
        secret = bound(secret, 1, R - 1);
        round = uint64(bound(round, 1, type(uint64).max));
        DrandBeacon devnet = new DrandBeacon(_publicKeyOf(secret), 0, 1);
        bytes memory signature = _sign(secret, round);
        assertEq(devnet.verify(round, signature), sha256(compressedOf(signature)));

        vm.expectRevert(abi.encodeWithSelector(IBeacon.WrongSignature.selector, round));
        beacon.verify(round, signature);
    }

    /* VERIFY: INVALID BEACONS */

    /// @dev The shared vectors, each with its own error.
    function test_verify_refusesEveryInvalidVector() public {
        string memory type_ = "InvalidCase(string error,string name,uint64 round,bytes signature)";
        InvalidCase[] memory cases =
            abi.decode(vm.parseJsonTypeArray(fixture("invalid_beacons.json"), ".cases", type_), (InvalidCase[]));
        assertEq(cases.length, 14);
        for (uint256 i = 0; i < cases.length; ++i) {
            _expectRefusal(cases[i].round, cases[i].signature, _errorOf(cases[i]), cases[i].name);
        }
    }

    function test_verify_refusesAnotherRound() public {
        vm.expectRevert(abi.encodeWithSelector(IBeacon.WrongSignature.selector, 1001));
        beacon.verify(1001, genuine.signature);
    }

    function test_verify_refusesLengths() public {
        uint8[4] memory lengths = [0, 48, 95, 97];
        for (uint256 i = 0; i < lengths.length; ++i) {
            bytes memory signature = new bytes(lengths[i]);
            vm.expectRevert(abi.encodeWithSelector(IBeacon.SignatureLength.selector, lengths[i]));
            beacon.verify(1000, signature);
        }
    }

    function test_verify_refusesMissingCompressionFlag() public {
        bytes memory signature = genuine.signature;
        signature[0] &= 0x7f;
        vm.expectRevert(DrandBeacon.NotCompressed.selector);
        beacon.verify(1000, signature);
    }

    function test_verify_refusesInfinity() public {
        bytes memory signature = new bytes(96);
        signature[0] = 0xc0;
        vm.expectRevert(DrandBeacon.PointAtInfinity.selector);
        beacon.verify(1000, signature);
    }

    /// @dev y + p is the same element of the field, so only the check of the bound keeps the encoding unique.
    function test_verify_refusesYBeyondTheField() public {
        (uint256 high, uint256 low) = _wordsOf(_slice(genuine.signature, 48, 96));
        uint256 sum;
        unchecked {
            sum = low + 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;
        }
        high += 0x1a0111ea397fe69a4b1ba7b6434bacd7 + (sum < low ? 1 : 0);
        bytes memory signature = abi.encodePacked(compressedOf(genuine.signature), uint128(high), sum);
        vm.expectRevert(DrandBeacon.FieldOverflow.selector);
        beacon.verify(1000, signature);
    }

    function test_verify_refusesTheOtherY() public {
        bytes memory signature = genuine.signature;
        signature[0] ^= 0x20;
        vm.expectRevert(DrandBeacon.WrongSignOfY.selector);
        beacon.verify(1000, signature);
    }

    function test_verify_refusesYOffTheCurve() public {
        bytes memory signature = genuine.signature;
        signature[95] ^= 0x01;
        vm.expectRevert(DrandBeacon.NotOnCurve.selector);
        beacon.verify(1000, signature);
    }

    /// @dev (0, 2) is on the curve and of order 3.
    function test_verify_refusesPointOfSmallOrder() public {
        bytes memory signature = new bytes(96);
        signature[0] = 0x80;
        signature[95] = 0x02;
        vm.expectRevert(DrandBeacon.NotInSubgroup.selector);
        beacon.verify(1000, signature);
    }

    function testFuzz_verify_refusesAnyFlippedBit(uint256 bit) public {
        bit = bound(bit, 0, 96 * 8 - 1);
        bytes memory signature = genuine.signature;
        signature[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        vm.expectRevert();
        beacon.verify(1000, signature);
    }

    function testFuzz_verify_refusesRandomBytes(uint64 round, bytes32 a, bytes32 b, bytes32 c) public {
        vm.expectRevert();
        beacon.verify(round, abi.encodePacked(a, b, c));
    }

    /// @dev Without EIP-2537 a call to the precompile's address succeeds and returns nothing.
    function test_verify_namesTheMissingPrecompile() public {
        uint8[3] memory precompiles = [0x0b, 0x0f, 0x10];
        for (uint256 i = 0; i < precompiles.length; ++i) {
            vm.mockCall(address(uint160(precompiles[i])), bytes(""), bytes(""));
            vm.expectRevert(abi.encodeWithSelector(Bls12381.PrecompileMissing.selector, precompiles[i]));
            beacon.verify(1000, genuine.signature);
            vm.clearMockedCalls();
        }
    }

    /// @dev A stale word in memory must not pass for the precompile's answer.
    function test_verify_refusesPairingThatIsNotOne() public {
        vm.mockCall(address(0x0f), bytes(""), abi.encode(uint256(2)));
        vm.expectRevert(abi.encodeWithSelector(IBeacon.WrongSignature.selector, 1000));
        beacon.verify(1000, genuine.signature);
    }

    /* SCHEDULE */

    function testFuzz_roundAfter_isTheFirstPublishedAfter(uint256 timestamp) public view {
        timestamp = bound(timestamp, 0, type(uint40).max);
        uint64 round = beacon.roundAfter(timestamp);
        assertGe(round, 1);
        assertGt(publishedAt(round), timestamp);
        if (round > 1) assertLe(publishedAt(round - 1), timestamp);
    }

    function test_roundAfter_examples() public view {
        assertEq(beacon.roundAfter(0), 1);
        assertEq(beacon.roundAfter(QUICKNET_GENESIS - 1), 1);
        assertEq(beacon.roundAfter(QUICKNET_GENESIS), 2);
        assertEq(beacon.roundAfter(QUICKNET_GENESIS + 2), 2);
        assertEq(beacon.roundAfter(QUICKNET_GENESIS + 3), 3);
    }

    /* CONSTRUCTOR */

    function test_constructor_keepsItsArguments() public view {
        assertEq(beacon.publicKey(), QUICKNET_KEY);
        assertEq(beacon.GENESIS(), QUICKNET_GENESIS);
        assertEq(beacon.PERIOD(), QUICKNET_PERIOD);
    }

    function test_constructor_refusesKeys() public {
        bytes memory offCurve = QUICKNET_KEY;
        offCurve[255] ^= 0x01;
        // x = 1 + u, on the twist but outside the subgroup.
        bytes memory offSubgroup = hex"0000000000000000000000000000000000000000000000000000000000000000"
            hex"0000000000000000000000000000000000000000000000000000000000000001"
            hex"0000000000000000000000000000000000000000000000000000000000000000"
            hex"0000000000000000000000000000000000000000000000000000000000000001"
            hex"0000000000000000000000000000000017faa6201231304f270b858dad946208"
            hex"9f2a5b83388e4b10773abc1eef6d193b9fce4e8ea2d9d28e3c3a315aa7de14ca"
            hex"0000000000000000000000000000000000cc12449be6ac4e7f367e7242250427"
            hex"c4fb4c39325d3164ad397c1837a90f0ea1a534757df374dd6569345eb41ed76e";
        bytes[5] memory keys = [new bytes(0), new bytes(96), new bytes(256), offCurve, offSubgroup];
        for (uint256 i = 0; i < keys.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(DrandBeacon.InvalidPublicKey.selector, keys[i]));
            new DrandBeacon(keys[i], QUICKNET_GENESIS, QUICKNET_PERIOD);
        }
    }

    function test_constructor_refusesPeriodZero() public {
        vm.expectRevert(DrandBeacon.PeriodZero.selector);
        new DrandBeacon(QUICKNET_KEY, QUICKNET_GENESIS, 0);
    }

    /* HELPERS */

    function _expectRefusal(uint64 round, bytes memory signature, bytes memory expected, string memory name) private {
        uint256 before = gasleft();
        (bool accepted, bytes memory reason) = address(beacon).call(abi.encodeCall(beacon.verify, (round, signature)));
        uint256 used = before - gasleft();
        assertFalse(accepted, name);
        assertEq(reason, expected, name);
        // The gas limits: what a failing precompile burns is bounded.
        assertLt(used, 500_000, name);
    }

    function _errorOf(InvalidCase memory item) private pure returns (bytes memory) {
        bytes32 name = keccak256(bytes(item.error));
        if (name == keccak256("SignatureLength")) {
            return abi.encodeWithSelector(IBeacon.SignatureLength.selector, item.signature.length);
        }
        if (name == keccak256("WrongSignature")) {
            return abi.encodeWithSelector(IBeacon.WrongSignature.selector, item.round);
        }
        return abi.encodeWithSignature(string.concat(item.error, "()"));
    }

    function _publicKeyOf(uint256 secret) private view returns (bytes memory key) {
        Bls12381.G2 memory generator = Bls12381.negatedG2Generator();
        (, key) = address(0x0e).staticcall(abi.encode(generator, R - secret));
    }

    function _sign(uint256 secret, uint64 round) private view returns (bytes memory) {
        Bls12381.G1 memory message = Bls12381.hashToG1(sha256(abi.encodePacked(round)));
        (, bytes memory encoded) = address(0x0c).staticcall(abi.encode(message, secret));
        Bls12381.G1 memory point = abi.decode(encoded, (Bls12381.G1));
        bytes memory signature = abi.encodePacked(uint128(point.xHigh), point.xLow, uint128(point.yHigh), point.yLow);
        signature[0] |= Bls12381.isGreaterHalf(point.yHigh, point.yLow) ? bytes1(0xa0) : bytes1(0x80);
        return signature;
    }

    function _wordsOf(bytes memory element) private pure returns (uint256 high, uint256 low) {
        return (uint128(bytes16(_slice(element, 0, 16))), uint256(bytes32(_slice(element, 16, 48))));
    }

    function _slice(bytes memory data, uint256 start, uint256 end) private pure returns (bytes memory part) {
        part = new bytes(end - start);
        for (uint256 i = 0; i < part.length; ++i) {
            part[i] = data[start + i];
        }
    }
}
