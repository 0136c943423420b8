//! What can go wrong with publishing.

use assize_chain::ChainError;
use assize_outbox::OutboxError;
use assize_protocol::{FileCid, RoundNumber};
use assize_store::StoreError;
use thiserror::Error;

use crate::Boundary;

/// Why publishing stopped. Nothing is lost: measurements stay in the database, and the next run goes on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The database.
    #[error("the publisher's database: {0}")]
    Database(#[from] rusqlite::Error),
    /// The transaction queue.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was stored is not what is read back.
    #[error(
        "the store gives other bytes for {cid} than it was given; nothing was committed: check the store's disk"
    )]
    ReadBack {
        /// The batch.
        cid: FileCid,
    },
    /// The contract does not take a batch.
    #[error(
        "the contract does not take batch {cid} of round {round}: {reason}; its measurements stay in the database"
    )]
    Refused {
        /// The batch.
        cid: FileCid,
        /// Its round.
        round: RoundNumber,
        /// The contract's reason.
        reason: String,
    },
    /// A row that this program did not write.
    #[error("the publisher's database holds a row that makes no sense: {0}")]
    BadRow(String),
    /// A test ended the run.
    #[error("stopped at {0:?}")]
    Stopped(Boundary),
}
