//! Seeds: from a beacon's randomness to the shuffles (`docs/protocol.md` §3, §10.1).

use core::fmt;
use core::str::FromStr;

use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{RoundNumber, TaskIndex};

const SEED_DOMAIN: &[u8] = b"assize/seed/v1";
const ROSTER_DOMAIN: &[u8] = b"assize/roster/v1";
const TASKS_DOMAIN: &[u8] = b"assize/tasks/v1";
const DEDUPE_DOMAIN: &[u8] = b"assize/dedupe/v1";

/// Text that is not the hexadecimal form of 32 bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HexError {
    /// Too few or too many digits.
    #[error("{digits} hexadecimal digits instead of 64: a seed has 32 bytes, with or without 0x")]
    Length {
        /// Digits found, without the `0x`.
        digits: usize,
    },
    /// A character that is not a hexadecimal digit.
    #[error("`{character}` at digit {position} is not a hexadecimal digit (0-9, a-f)")]
    Digit {
        /// The character found.
        character: char,
        /// Its position after the `0x`, from 0.
        position: usize,
    },
}

fn parse_word(text: &str) -> Result<B256, HexError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if let Some((position, character)) = digits.chars().enumerate().find(|(_, c)| !c.is_ascii_hexdigit()) {
        return Err(HexError::Digit { character, position });
    }
    digits
        .parse()
        .map_err(|_| HexError::Length { digits: digits.len() })
}

fn hash(parts: &[&[u8]]) -> B256 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    B256::new(hasher.finalize().into())
}

macro_rules! word {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub B256);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = HexError;

            fn from_str(text: &str) -> Result<Self, HexError> {
                parse_word(text).map(Self)
            }
        }
    };
}

word!(
    /// Randomness of a drand beacon: the SHA-256 of its compressed signature.
    Randomness
);
word!(
    /// Seed of a round, as the contract stores it.
    Seed
);
word!(
    /// Seed of one shuffle: of the roster or of the task list.
    ShuffleSeed
);
word!(
    /// Seed of the choice of one voter per subnet and task. It comes from a beacon after the round's end, so nobody
    /// can know it while the round runs (`docs/protocol.md` §3).
    DedupeSeed
);

impl Randomness {
    /// `H(compressed signature)`; the signature is not verified here.
    #[must_use]
    pub fn of_signature(compressed: &[u8]) -> Self {
        Self(hash(&[compressed]))
    }
}

impl Seed {
    /// `H("assize/seed/v1" ‖ chainid:u256 ‖ contract:20 ‖ round:u64 ‖ randomness:32)` (`docs/protocol.md` §3), where
    /// `contract` is the `Rounds` contract.
    #[must_use]
    pub fn derive(chain_id: u64, contract: Address, round: RoundNumber, randomness: Randomness) -> Self {
        Self(hash(&[
            SEED_DOMAIN,
            &U256::from(chain_id).to_be_bytes::<32>(),
            contract.as_slice(),
            &round.0.to_be_bytes(),
            randomness.0.as_slice(),
        ]))
    }

    /// Seed of the roster's shuffle: `H("assize/roster/v1" ‖ seed)` (`docs/protocol.md` §3).
    #[must_use]
    pub fn roster(&self) -> ShuffleSeed {
        ShuffleSeed(hash(&[ROSTER_DOMAIN, self.0.as_slice()]))
    }

    /// Seed of the task list's shuffle: `H("assize/tasks/v1" ‖ seed)` (`docs/protocol.md` §3).
    #[must_use]
    pub fn tasks(&self) -> ShuffleSeed {
        ShuffleSeed(hash(&[TASKS_DOMAIN, self.0.as_slice()]))
    }
}

impl DedupeSeed {
    /// `H("assize/dedupe/v1" ‖ randomness)` of the first beacon after the round's end (`docs/protocol.md` §3).
    #[must_use]
    pub fn derive(randomness: Randomness) -> Self {
        Self(hash(&[DEDUPE_DOMAIN, randomness.0.as_slice()]))
    }

    /// `H(dedupeSeed ‖ station ‖ task:u32)`: among the stations of one subnet that measured one task, the one with the
    /// lowest rank votes (`docs/protocol.md` §10.1).
    #[must_use]
    pub fn rank(&self, station: Address, task: TaskIndex) -> B256 {
        hash(&[self.0.as_slice(), station.as_slice(), &task.0.to_be_bytes()])
    }
}
