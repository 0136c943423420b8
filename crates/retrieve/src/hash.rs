//! Hashes a block as a stream.

use blake2::Blake2b;
use blake2::digest::consts::U32;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::Multihash;

/// Compares a block with a multihash, in constant memory.
#[derive(Debug, Clone)]
pub(crate) struct BlockHash {
    wanted: Vec<u8>,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    /// The digest is the block itself: the number of bytes matched so far, unless they differ.
    Identity(Option<usize>),
    Sha2_256(Sha256),
    Sha2_384(Sha384),
    Sha2_512(Sha512),
    Blake2b256(Blake2b<U32>),
}

pub(crate) const IDENTITY: u64 = 0x00;

impl BlockHash {
    /// `None` if the hash function is not supported.
    pub(crate) fn new(hash: &Multihash) -> Option<Self> {
        let state = match hash.code() {
            IDENTITY => State::Identity(Some(0)),
            0x12 => State::Sha2_256(Sha256::new()),
            0x20 => State::Sha2_384(Sha384::new()),
            0x13 => State::Sha2_512(Sha512::new()),
            0xb220 => State::Blake2b256(Blake2b::new()),
            _ => return None,
        };
        let wanted = hash.digest().to_vec();
        Some(Self { wanted, state })
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        match &mut self.state {
            State::Identity(met) => {
                *met = met.and_then(|met| {
                    let end = met.checked_add(data.len())?;
                    (self.wanted.get(met..end)? == data).then_some(end)
                });
            }
            State::Sha2_256(state) => state.update(data),
            State::Sha2_384(state) => state.update(data),
            State::Sha2_512(state) => state.update(data),
            State::Blake2b256(state) => state.update(data),
        }
    }

    /// Whether the bytes are the block.
    pub(crate) fn matches(self) -> bool {
        match self.state {
            State::Identity(met) => met == Some(self.wanted.len()),
            State::Sha2_256(state) => state.finalize()[..] == self.wanted,
            State::Sha2_384(state) => state.finalize()[..] == self.wanted,
            State::Sha2_512(state) => state.finalize()[..] == self.wanted,
            State::Blake2b256(state) => state.finalize()[..] == self.wanted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests of "abc": FIPS 180-4 examples; RFC 7693 for blake2b has 512 bits only, so `b2sum -l 256` gave this one.
    const ABC: [(u64, &str); 5] = [
        (0x00, "616263"),
        (
            0x12,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            0x20,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            0x13,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (
            0xb220,
            "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
        ),
    ];

    #[test]
    fn known_digests_match_in_any_pieces_and_no_other_block_does() {
        for (code, digest) in ABC {
            let hash = Multihash::wrap(code, &const_hex::decode(digest).unwrap()).unwrap();
            let matches = |pieces: &[&[u8]]| {
                let mut state = BlockHash::new(&hash).unwrap();
                pieces.iter().for_each(|piece| state.update(piece));
                state.matches()
            };
            assert!(matches(&[b"abc"]), "{code:#x}");
            assert!(matches(&[b"a", b"", b"bc"]), "{code:#x}");
            for other in [&b""[..], b"ab", b"abd", b"abcd"] {
                assert!(!matches(&[other]), "{code:#x} {other:?}");
            }
        }
    }

    #[test]
    fn unknown_functions_and_cut_digests_do_not_match() {
        // keccak-256
        assert!(BlockHash::new(&Multihash::wrap(0x1b, &[0; 32]).unwrap()).is_none());
        let digest = const_hex::decode(ABC[1].1).unwrap();
        let mut state = BlockHash::new(&Multihash::wrap(0x12, &digest[..20]).unwrap()).unwrap();
        state.update(b"abc");
        assert!(!state.matches());
    }
}
