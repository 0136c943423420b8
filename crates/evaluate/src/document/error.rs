//! Errors of settlements.

use assize_facts::Contracts;
use assize_protocol::RoundNumber;
use assize_protocol::canonical::FormError;
use thiserror::Error;

use super::DOCUMENT_VERSION;

/// Why rounds cannot be settled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SettleError {
    /// There is nothing to settle.
    #[error("there are no rounds to settle: include at least round {next}")]
    NoRounds {
        /// The first round of the range.
        next: RoundNumber,
    },
    /// The rounds do not continue the parent, or each other.
    #[error("round {round} cannot be settled now: round {expected} comes first")]
    NotNext {
        /// The round that comes next.
        expected: RoundNumber,
        /// The given round.
        round: RoundNumber,
    },
    /// The parent belongs to another deployment.
    #[error(
        "settlement {settlement} belongs to chain {}, Rounds {}, Rewards {}, but this one belongs to chain {}, Rounds {}, \
         Rewards {}: use the document of the right deployment",
        theirs.chain_id, theirs.rounds, theirs.rewards, ours.chain_id, ours.rounds, ours.rewards
    )]
    OtherContracts {
        /// The parent's number.
        settlement: u64,
        /// The parent's contracts.
        theirs: Contracts,
        /// The rounds' contracts.
        ours: Contracts,
    },
    /// The rewards exceed 128 bits: 10¹¹ times all FIL that will ever exist.
    #[error("the rewards exceed 2^128 attoFIL: lower the budget of a round")]
    Overflow,
}

/// Why a settlement document is rejected.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Not a document.
    #[error("this is not a settlement document: {0}")]
    Json(#[from] serde_json::Error),
    /// Written by another version of the program.
    #[error(
        "the settlement document has version {version}, this program supports version {DOCUMENT_VERSION}: use the release \
         that wrote it"
    )]
    Version {
        /// The document's version.
        version: u32,
    },
    /// It contradicts itself.
    #[error(
        "the settlement document contradicts itself: `{field}` is {stated}, but {computed} follows from the rest"
    )]
    Inconsistent {
        /// Path of the field, such as `rounds[2].rewarded`.
        field: String,
        /// The value in the document.
        stated: String,
        /// The right value.
        computed: String,
    },
    /// The content is right, the bytes are not the canonical ones (`docs/protocol.md` §6.1).
    #[error("the settlement document is not valid: {0}")]
    Form(#[from] FormError),
}
