// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {PositionalTree} from "../../src/libraries/PositionalTree.sol";

/// @notice A place of a tree holds one leaf, whatever the proof: by halmos, to which keccak256 is a function without
/// collisions.
///   halmos --contract TreeProofsTest --function check_
contract TreeProofsTest is Test {
    function has(bytes32 root, uint256 count, bytes32 leaf, uint256 index, bytes32[] calldata proof)
        external
        pure
        returns (bool)
    {
        return PositionalTree.has(root, count, leaf, index, proof);
    }

    /// @dev Two leaves.
    function check_has_onlyTheLeafOfTwo(bytes32[2] memory leaves, bytes32 leaf, uint256 index, bytes32 sibling)
        public
        view
    {
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = sibling;
        bytes32 root = _parent(leaves[0], leaves[1]);
        if (!this.has(root, 2, leaf, index, proof)) return;
        // Halmos reads memory at known places only.
        bool isFirst = index == 0 && leaf == leaves[0] && sibling == leaves[1];
        assert(isFirst || (index == 1 && leaf == leaves[1] && sibling == leaves[0]));
    }

    /// @dev Three leaves, and the zero beside the last, which is none.
    function check_has_onlyTheLeafOfThree(
        bytes32[3] memory leaves,
        bytes32 leaf,
        uint256 index,
        bytes32 first,
        bytes32 second
    ) public view {
        bytes32[] memory proof = new bytes32[](2);
        (proof[0], proof[1]) = (first, second);
        bytes32 root = _parent(_parent(leaves[0], leaves[1]), _parent(leaves[2], 0));
        if (!this.has(root, 3, leaf, index, proof)) return;
        bool isOneOfTwo = (index == 0 && leaf == leaves[0]) || (index == 1 && leaf == leaves[1]);
        assert(isOneOfTwo || (index == 2 && leaf == leaves[2]));
    }

    /* THE SAME, AT RANDOM */

    function testFuzz_has_onlyTheLeaf(bytes32[3] memory leaves, uint256 index, uint256 how) public view {
        uint256 place = how % 3;
        bytes32 first = [leaves[1], leaves[0], bytes32(0)][place];
        bytes32 second = place == 2 ? _parent(leaves[0], leaves[1]) : _parent(leaves[2], 0);
        check_has_onlyTheLeafOfThree(leaves, leaves[how / 3 % 3], index % 5, first, second);
        check_has_onlyTheLeafOfTwo([leaves[0], leaves[1]], leaves[how / 9 % 2], index % 3, leaves[how / 18 % 2]);
    }

    function _parent(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(left, right));
    }
}
