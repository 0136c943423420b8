//! Leaves of the Merkle trees: `keccak256(keccak256(abi.encode(fields)))` (`docs/protocol.md` §8).

use alloy_primitives::{Address, B128, B256, U256, keccak256};

/// Leaf of a tuple of words. It is hashed twice, so that no leaf can be passed off as an inner node.
pub(crate) fn of_words(words: &[B256]) -> B256 {
    keccak256(keccak256(words.concat()))
}

/// ABI word of an unsigned integer.
pub(crate) fn number(value: impl Into<u64>) -> B256 {
    wide(U256::from(value.into()))
}

/// ABI word of a large unsigned integer.
pub(crate) fn wide(value: U256) -> B256 {
    B256::from(value)
}

/// ABI word of an address.
pub(crate) fn address(address: Address) -> B256 {
    address.into_word()
}

/// ABI word of a `bytes16`.
pub(crate) fn tag(tag: B128) -> B256 {
    B256::right_padding_from(tag.as_slice())
}
