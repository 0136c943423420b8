// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @title Swap-or-not shuffle of Ethereum's consensus layer
/// @notice `compute_shuffled_index` with SHUFFLE_ROUND_COUNT = 90, unchanged, and its inverse (docs/protocol.md §4).
/// Every round swaps pairs of positions, so it is its own inverse; the inverse of the whole runs the rounds backwards.
/// @dev About 74 000 gas for one index, in about 300 bytes of code. Counts are below 2^40, so the bucket `position /
/// 256` fits into its four bytes.
library Shuffle {
    uint256 internal constant ROUND_COUNT = 90;
    uint256 private constant MINUS_ONE = type(uint256).max;

    /// @notice The position of `index` in the shuffle of `count` entries. The caller checks that `index < count`.
    function shuffled(uint256 index, uint256 count, bytes32 seed) internal view returns (uint256) {
        return _swapOrNot(index, count, seed, 0, 1);
    }

    /// @notice The index at `position`: `shuffled(unshuffled(p)) = p`.
    function unshuffled(uint256 position, uint256 count, bytes32 seed) internal view returns (uint256) {
        // Unchecked, or the compiler would emit a check of this constant.
        unchecked {
            return _swapOrNot(position, count, seed, ROUND_COUNT - 1, MINUS_ONE);
        }
    }

    /// @dev All rounds, from `first` on in steps of `step` (1 or -1). The hashed messages are `seed ‖ round:1` and
    /// `seed ‖ round:1 ‖ (position / 256):4 LE`, in scratch memory (0x00–0x24); each hash replaces the second word.
    function _swapOrNot(uint256 index, uint256 count, bytes32 seed, uint256 first, uint256 step)
        private
        view
        returns (uint256 result)
    {
        assembly ("memory-safe") {
            result := index
            mstore(0x00, seed)
            // Both directions leave the range 0..89 at the end: upwards to 90, downwards to 2^256 - 1.
            for { let round := first } lt(round, ROUND_COUNT) { round := add(round, step) } {
                mstore8(0x20, round)
                // Precompile 2 is SHA-256; it fails only if gas runs out.
                if iszero(staticcall(gas(), 2, 0x00, 33, 0x20, 32)) { revert(0, 0) }

                // The first eight bytes as a little-endian number: swap bytes, then pairs, then halves.
                let pivot := shr(192, mload(0x20))
                pivot := or(shr(8, and(pivot, 0xff00ff00ff00ff00)), shl(8, and(pivot, 0x00ff00ff00ff00ff)))
                pivot := or(shr(16, and(pivot, 0xffff0000ffff0000)), shl(16, and(pivot, 0x0000ffff0000ffff)))
                pivot := mod(or(shr(32, pivot), shl(32, and(pivot, 0xffffffff))), count)

                let flip := mod(sub(add(pivot, count), result), count)
                let difference := xor(result, flip)
                let position := xor(result, mul(difference, gt(flip, result)))

                mstore8(0x20, round)
                mstore8(0x21, shr(8, position))
                mstore8(0x22, shr(16, position))
                mstore8(0x23, shr(24, position))
                mstore8(0x24, shr(32, position))
                if iszero(staticcall(gas(), 2, 0x00, 37, 0x20, 32)) { revert(0, 0) }

                // Bit `position % 256` of the hash: bytes in order, bits from the least significant.
                let swap := and(shr(and(position, 7), byte(shr(3, and(position, 0xff)), mload(0x20))), 1)
                result := xor(result, mul(difference, swap))
            }
        }
    }
}
