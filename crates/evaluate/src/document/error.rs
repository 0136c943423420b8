//! What can be wrong with a settlement.

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
    #[error("there are no rounds to settle: give at least round {next}")]
    NoRounds {
        /// The first that would come.
        next: RoundNumber,
    },
    /// The rounds do not continue the parent, or each other.
    #[error("round {round} cannot be settled now: round {expected} comes first")]
    NotNext {
        /// The round that comes next.
        expected: RoundNumber,
        /// The round given.
        round: RoundNumber,
    },
    /// The parent belongs to another deployment.
    #[error(
        "settlement {settlement} belongs to chain {}, Rounds {}, Rewards {}, but this one belongs to chain {}, Rounds {}, \
         Rewards {}: give the document of the right deployment",
        theirs.chain_id, theirs.rounds, theirs.rewards, ours.chain_id, ours.rounds, ours.rewards
    )]
    OtherContracts {
        /// The parent's number.
        settlement: u64,
        /// The parent's.
        theirs: Contracts,
        /// Those of the rounds.
        ours: Contracts,
    },
    /// More attoFIL than 128 bits can count: 10¹¹ times all the FIL that there will be.
    #[error("the rewards exceed 2^128 attoFIL: lower the budget of a round")]
    Overflow,
}

/// Why a settlement document is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Not a document at all.
    #[error("this is not a settlement document: {0}")]
    Json(#[from] serde_json::Error),
    /// Written by another version of this program.
    #[error(
        "the settlement document has version {version}, this program reads version {DOCUMENT_VERSION}: use the release \
         that wrote it"
    )]
    Version {
        /// The document's.
        version: u32,
    },
    /// It contradicts itself.
    #[error(
        "the settlement document contradicts itself: `{field}` is {stated}, but {computed} follows from the rest"
    )]
    Inconsistent {
        /// Path of the field, such as `rounds[2].rewarded`.
        field: String,
        /// What the document says.
        stated: String,
        /// What it should say.
        computed: String,
    },
    /// The content is right, the bytes are not the canonical ones (`docs/protocol.md` §6.1).
    #[error("the settlement document is not valid: {0}")]
    Form(#[from] FormError),
}
