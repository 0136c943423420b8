//! Why something could not be recomputed, or does not hold.

use assize_chain::{ChainError, SettlementId};
use assize_drand::BeaconError;
use assize_evaluate::SettlementError;
use assize_protocol::{FileCid, ListError, RoundNumber};
use assize_store::StoreError;
use thiserror::Error;

/// Result of this crate.
pub type Result<T, E = VerifyError> = std::result::Result<T, E>;

/// What stopped the recomputation. [`VerifyError::is_contradiction`] tells a false statement from a missing input.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The chain cannot be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A beacon cannot be had, or is forged.
    #[error("round {round}: {source}")]
    Beacon {
        /// The round that needs it.
        round: RoundNumber,
        /// Why.
        source: BeaconError,
    },
    /// A file is missing from the store, or damaged.
    #[error("{what}: {source}")]
    Store {
        /// Whose file it is.
        what: String,
        /// Why.
        source: StoreError,
    },
    /// A roster or task list that nobody can use.
    #[error("{what} ({cid}): {source}")]
    List {
        /// Whose file it is.
        what: String,
        /// The file.
        cid: FileCid,
        /// Why.
        source: ListError,
    },
    /// A settlement document that contradicts itself or cannot be read.
    #[error("the document of {what} ({cid}): {source}")]
    Document {
        /// Which settlement.
        what: String,
        /// The file.
        cid: FileCid,
        /// Why.
        source: SettlementError,
    },
    /// The chain says one thing, the inputs that it names another.
    #[error("{what} is {ours} by recomputation, but {theirs} on chain")]
    Contradiction {
        /// What was compared.
        what: String,
        /// Recomputed.
        ours: String,
        /// On chain.
        theirs: String,
    },
    /// The rounds to settle are not all over.
    #[error("round {round} takes batches until {commits_until} (Unix seconds); settle up to round {before} or wait")]
    RoundOpen {
        /// The first round that is not over.
        round: RoundNumber,
        /// Unix seconds.
        commits_until: u64,
        /// The round before it.
        before: u64,
    },
    /// There is nothing to settle.
    #[error("rounds up to {last} are settled already by settlement {settlement}; the next round to settle is {next}")]
    NothingNew {
        /// The last round asked for.
        last: RoundNumber,
        /// The head of the chain of settlements.
        settlement: SettlementId,
        /// Its last round and one.
        next: u64,
    },
}

impl VerifyError {
    /// Whether the chain's statement is shown to be false, rather than an input missing.
    #[must_use]
    pub fn is_contradiction(&self) -> bool {
        matches!(self, Self::Contradiction { .. })
    }
}

/// Compares what was recomputed with what the chain says.
pub(crate) fn compare<T: PartialEq + std::fmt::Display>(
    what: impl FnOnce() -> String,
    ours: T,
    theirs: T,
) -> Result<()> {
    match ours == theirs {
        true => Ok(()),
        false => {
            Err(VerifyError::Contradiction { what: what(), ours: ours.to_string(), theirs: theirs.to_string() })
        }
    }
}
