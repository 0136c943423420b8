// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {FilecoinBeacon} from "../src/beacon/FilecoinBeacon.sol";
import {DrandBeacon} from "../src/beacon/DrandBeacon.sol";
import {IBeacon} from "../src/beacon/IBeacon.sol";
import {Blake2b} from "../src/libraries/Blake2b.sol";
import {BaseTest} from "./BaseTest.sol";
import {BeaconDigestPrecompile} from "./mocks/BeaconDigestPrecompile.sol";

contract FilecoinBeaconTest is BaseTest {
    uint64 private constant MAINNET_GENESIS = 1_598_306_400;
    uint64 private constant CALIBRATION_GENESIS = 1_667_326_380;
    address private constant PRECOMPILE = 0xfE00000000000000000000000000000000000006;

    FilecoinBeacon private mainnet;
    /// @dev Mainnet's block 4863283 carries this round in its header.
    BeaconCase private genuine;
    uint64 private constant GENUINE_EPOCH = 4_863_283;

    function setUp() public {
        mainnet = new FilecoinBeacon(MAINNET_GENESIS, 5);
        vm.etch(PRECOMPILE, type(BeaconDigestPrecompile).runtimeCode);
        BeaconCase[] memory cases = beacons();
        for (uint256 i = 0; i < cases.length; ++i) {
            if (cases[i].round == 17_133_832) genuine = cases[i];
            int256 distance = int256(uint256(cases[i].round)) - mainnet.ROUND_OFFSET();
            if (distance % 10 == 0) _record(uint256(distance / 10), cases[i].signature);
        }
        assertEq(genuine.round, 17_133_832);
        vm.roll(GENUINE_EPOCH);
    }

    /* VERIFY */

    function test_verify_acceptsTheEpochsBeacon() public view {
        assertEq(mainnet.verify(genuine.round, genuine.signature), genuine.randomness);
    }

    function test_verify_takesTheCompressedFormAlone() public view {
        assertEq(mainnet.verify(genuine.round, compressedOf(genuine.signature)), genuine.randomness);
    }

    function test_verify_agreesWithThePairing() public {
        DrandBeacon pairing = new DrandBeacon(QUICKNET_KEY, QUICKNET_GENESIS, QUICKNET_PERIOD);
        vm.roll(10_000_000);
        BeaconCase[] memory cases = beacons();
        uint256 compared;
        for (uint256 i = 0; i < cases.length; ++i) {
            if (cases[i].round % 10 != 2) continue;
            bytes32 randomness = mainnet.verify(cases[i].round, cases[i].signature);
            assertEq(randomness, pairing.verify(cases[i].round, cases[i].signature));
            ++compared;
        }
        assertGe(compared, 6);
    }

    function test_verify_refusesAnotherSignature() public {
        bytes memory signature = genuine.signature;
        signature[47] ^= 0x01;
        vm.expectRevert(abi.encodeWithSelector(IBeacon.WrongSignature.selector, genuine.round));
        mainnet.verify(genuine.round, signature);
    }

    function test_verify_refusesTheSignatureOfAnotherEpoch() public {
        vm.expectRevert(abi.encodeWithSelector(IBeacon.WrongSignature.selector, genuine.round - 10));
        mainnet.verify(genuine.round - 10, genuine.signature);
    }

    /// @dev The precompile must not even be called: it would consume all the gas.
    function test_verify_refusesFutureEpochsCheaply() public {
        vm.roll(GENUINE_EPOCH - 1);
        vm.expectCall(PRECOMPILE, abi.encode(GENUINE_EPOCH), 0);
        uint256 before = gasleft();
        vm.expectRevert(abi.encodeWithSelector(FilecoinBeacon.FutureEpoch.selector, GENUINE_EPOCH, GENUINE_EPOCH - 1));
        mainnet.verify(genuine.round, genuine.signature);
        assertLt(before - gasleft(), 50_000);
    }

    function testFuzz_verify_neverAsksForTheFuture(uint64 round, uint40 blockNumber) public {
        vm.roll(blockNumber);
        round = uint64(bound(round, 1, type(uint64).max));
        uint256 before = gasleft();
        try mainnet.verify(round, genuine.signature) {} catch {}
        assertLt(before - gasleft(), 100_000);
    }

    /// @dev The mock is as strict as documented, or the tests above would prove nothing.
    function test_precompile_killsCallersFromThePast() public view {
        uint256 before = gasleft();
        (bool success,) = PRECOMPILE.staticcall{gas: 1_000_000}(abi.encode(block.number + 1));
        assertFalse(success);
        assertGt(before - gasleft(), 1_000_000);
        (success,) = PRECOMPILE.staticcall(abi.encode(uint256(1) << 63));
        assertFalse(success);
        (success,) = PRECOMPILE.staticcall(abi.encode(block.number));
        assertTrue(success);
    }

    function test_verify_refusesRoundsOffTheGrid() public {
        for (uint64 step = 1; step < 10; ++step) {
            vm.expectRevert(abi.encodeWithSelector(FilecoinBeacon.RoundNotOnChain.selector, genuine.round - step));
            mainnet.verify(genuine.round - step, genuine.signature);
        }
    }

    function test_verify_refusesRoundsBeforeTheChain() public {
        // A chain that started after quicknet: its epoch 0 carries round 33, so round 23 is on no epoch.
        FilecoinBeacon devnet = new FilecoinBeacon(QUICKNET_GENESIS + 126, 0);
        assertEq(devnet.ROUND_OFFSET(), 33);
        vm.expectRevert(abi.encodeWithSelector(FilecoinBeacon.RoundNotOnChain.selector, 23));
        devnet.verify(23, genuine.signature);
    }

    function test_verify_refusesRoundZero() public {
        vm.expectRevert(IBeacon.RoundZero.selector);
        mainnet.verify(0, genuine.signature);
    }

    function testFuzz_verify_refusesLengths(uint8 length) public {
        vm.assume(length != 48 && length != 96);
        vm.expectRevert(abi.encodeWithSelector(IBeacon.SignatureLength.selector, length));
        mainnet.verify(genuine.round, new bytes(length));
    }

    /// @dev On any other chain the address has no code: the call succeeds and returns nothing.
    function test_verify_namesTheMissingPrecompile() public {
        vm.etch(PRECOMPILE, "");
        vm.expectRevert(abi.encodeWithSelector(FilecoinBeacon.NoBeaconDigest.selector, GENUINE_EPOCH));
        mainnet.verify(genuine.round, genuine.signature);
    }

    /* SCHEDULE */

    /// @dev Round offsets of both networks, from their genesis times.
    function test_constructor_findsTheGrid() public {
        assertEq(mainnet.ROUND_OFFSET(), -31_498_998);
        assertEq(new FilecoinBeacon(CALIBRATION_GENESIS, 0).ROUND_OFFSET(), -8_492_338);
    }

    function test_constructor_refusesGenesisOffTheGrid() public {
        vm.expectRevert(abi.encodeWithSelector(FilecoinBeacon.GenesisOffGrid.selector, MAINNET_GENESIS + 1));
        new FilecoinBeacon(MAINNET_GENESIS + 1, 0);
    }

    function test_constructor_refusesTooMuchSlack() public {
        vm.expectRevert(abi.encodeWithSelector(FilecoinBeacon.TooMuchSlack.selector, 901, 900));
        new FilecoinBeacon(MAINNET_GENESIS, 901);
    }

    function testFuzz_roundAfter_isFirstUnpredictableRoundOnTheGrid(uint256 timestamp, uint64 slack) public {
        timestamp = bound(timestamp, QUICKNET_GENESIS, type(uint40).max);
        slack = uint64(bound(slack, 0, 900));
        FilecoinBeacon beacon = new FilecoinBeacon(MAINNET_GENESIS, slack);
        uint64 round = beacon.roundAfter(timestamp);
        int256 distance = int256(uint256(round)) - beacon.ROUND_OFFSET();
        assertEq(distance % 10, 0, "on the grid");
        uint256 epoch = uint256(distance / 10);
        uint256 current = (timestamp - MAINNET_GENESIS) / 30;
        assertEq(epoch, current + 2 + slack);
        uint256 published = publishedAt(round);
        assertEq(published, MAINNET_GENESIS + 30 * epoch - 30, "published one epoch before it is on the chain");
        assertGt(published, timestamp, "strictly after");
        if (slack == 0) assertLe(published - 30, timestamp, "the first such round");
    }

    function test_roundAfter_beforeTheNetworksStarted() public {
        assertEq(mainnet.roundAfter(0), mainnet.roundAfter(QUICKNET_GENESIS));
        FilecoinBeacon devnet = new FilecoinBeacon(QUICKNET_GENESIS + 126, 0);
        assertEq(devnet.roundAfter(0), 33 + 2 * 10);
    }

    /* HELPERS */

    function _record(uint256 epoch, bytes memory signature) private {
        bytes32 digest = this.blake2b(compressedOf(signature));
        vm.store(PRECOMPILE, keccak256(abi.encode(epoch, uint256(0))), digest);
    }

    function blake2b(bytes calldata message) external view returns (bytes32) {
        return Blake2b.hash(message);
    }
}
