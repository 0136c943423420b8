// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Shuffle} from "../src/libraries/Shuffle.sol";
import {BaseTest} from "./BaseTest.sol";

contract ShuffleTest is BaseTest {
    struct ShuffleCase {
        uint256 count;
        uint256[] mapping_;
        bytes32 seed;
    }

    /// @dev Vectors of ethereum/consensus-spec-tests.
    function test_shuffled_matchesConsensusVectors() public view {
        ShuffleCase[] memory cases = abi.decode(vm.parseJson(fixture("shuffle.json"), ".cases"), (ShuffleCase[]));
        assertGt(cases.length, 20);
        for (uint256 i = 0; i < cases.length; ++i) {
            ShuffleCase memory item = cases[i];
            assertEq(item.mapping_.length, item.count);
            for (uint256 index = 0; index < item.count; ++index) {
                assertEq(Shuffle.shuffled(index, item.count, item.seed), item.mapping_[index]);
                assertEq(Shuffle.unshuffled(item.mapping_[index], item.count, item.seed), index);
            }
        }
    }

    function test_gas() public {
        bytes32 seed = keccak256("x");
        uint256 before = gasleft();
        Shuffle.shuffled(5, 10_007, seed);
        emit log_named_uint("gas", before - gasleft());
        before = gasleft();
        Shuffle.unshuffled(5, 10_007, seed);
        emit log_named_uint("gas", before - gasleft());
    }
}
