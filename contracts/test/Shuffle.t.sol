// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Shuffle} from "../src/libraries/Shuffle.sol";
import {BaseTest} from "./BaseTest.sol";

/// @notice Only the shuffle: the library's code and a dispatcher.
contract Shuffler {
    function shuffled(uint256 index, uint256 count, bytes32 seed) external view returns (uint256) {
        return Shuffle.shuffled(index, count, seed);
    }
}

/// @notice Only the inverse.
contract Unshuffler {
    function unshuffled(uint256 position, uint256 count, bytes32 seed) external view returns (uint256) {
        return Shuffle.unshuffled(position, count, seed);
    }
}

contract ShuffleTest is BaseTest {
    struct ShuffleCase {
        uint256 count;
        uint256[] positions;
        bytes32 seed;
    }

    /// @dev Vectors of ethereum/consensus-spec-tests, from 0 to 1000 entries.
    function test_shuffled_holdsConsensusVectors() public view {
        string memory type_ = "ShuffleCase(uint256 count,uint256[] positions,bytes32 seed)";
        ShuffleCase[] memory cases =
            abi.decode(vm.parseJsonTypeArray(fixture("shuffle.json"), ".cases", type_), (ShuffleCase[]));
        assertGt(cases.length, 20);
        for (uint256 i = 0; i < cases.length; ++i) {
            ShuffleCase memory item = cases[i];
            assertEq(item.positions.length, item.count);
            for (uint256 index = 0; index < item.count; ++index) {
                assertEq(Shuffle.shuffled(index, item.count, item.seed), item.positions[index]);
                assertEq(Shuffle.unshuffled(item.positions[index], item.count, item.seed), index);
            }
        }
    }

    /// @dev Fixed points beyond 65 536 entries, where the third byte of the bucket counts.
    function test_shuffled_holdsLargeCounts() public view {
        bytes32 seed = hex"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        assertEq(Shuffle.shuffled(0, 333, seed), 109);
        assertEq(Shuffle.shuffled(1, 333, seed), 229);
        assertEq(Shuffle.shuffled(332, 333, seed), 77);
        assertEq(Shuffle.shuffled(99_999, 100_003, seed), 62_776);
    }

    function testFuzz_shuffled_matchesSpecification(uint256 index, uint256 count, bytes32 seed) public view {
        count = bound(count, 1, type(uint32).max);
        index = bound(index, 0, count - 1);
        uint256 position = Shuffle.shuffled(index, count, seed);
        assertEq(position, _specified(index, count, seed));
        assertLt(position, count);
        assertEq(Shuffle.unshuffled(position, count, seed), index);
    }

    function testFuzz_shuffled_isPermutation(uint256 count, bytes32 seed) public view {
        count = bound(count, 1, 40);
        uint256 seen;
        for (uint256 index = 0; index < count; ++index) {
            seen |= 1 << Shuffle.shuffled(index, count, seed);
        }
        assertEq(seen, (1 << count) - 1);
    }

    /// @dev The budget of a fraud proof: two of them, and a proof in each of two trees, in 250 000 gas.
    function testFuzz_shuffled_gas(uint256 index, uint256 count, bytes32 seed) public view {
        count = bound(count, 1, type(uint32).max);
        index = bound(index, 0, count - 1);
        uint256 before = gasleft();
        Shuffle.shuffled(index, count, seed);
        assertLe(before - gasleft(), 80_000);
        before = gasleft();
        Shuffle.unshuffled(index, count, seed);
        assertLe(before - gasleft(), 80_000);
    }

    /// @dev Including about 110 bytes of dispatcher and ABI decoder.
    function test_shuffled_size() public {
        assertLe(address(new Shuffler()).code.length, 450);
        assertLe(address(new Unshuffler()).code.length, 450);
    }

    /// @dev `compute_shuffled_index` as the specification writes it.
    function _specified(uint256 index, uint256 count, bytes32 seed) private pure returns (uint256) {
        for (uint8 round = 0; round < 90; ++round) {
            uint256 pivot = _littleEndian(bytes8(sha256(abi.encodePacked(seed, round)))) % count;
            uint256 flip = (pivot + count - index) % count;
            uint256 position = index > flip ? index : flip;
            uint32 bucket = uint32(position / 256);
            bytes4 bucketLittleEndian =
                bytes4(abi.encodePacked(uint8(bucket), uint8(bucket >> 8), uint8(bucket >> 16), uint8(bucket >> 24)));
            bytes32 source = sha256(abi.encodePacked(seed, round, bucketLittleEndian));
            uint8 octet = uint8(source[(position % 256) / 8]);
            if ((octet >> (position % 8)) % 2 == 1) index = flip;
        }
        return index;
    }

    function _littleEndian(bytes8 octets) private pure returns (uint256 number) {
        for (uint256 i = 0; i < 8; ++i) {
            number |= uint256(uint8(octets[i])) << (8 * i);
        }
    }
}
