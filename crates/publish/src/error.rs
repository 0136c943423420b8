//! What can go wrong with publishing.

use assize_chain::ChainError;
use assize_ingest::IngestError;
use assize_outbox::OutboxError;
use assize_protocol::{FileCid, RoundNumber};
use assize_store::StoreError;
use thiserror::Error;

use crate::Boundary;

/// Why publishing stopped. Nothing is lost: measurements stay in the table, and the next run goes on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The ingest table.
    #[error(transparent)]
    Ingest(#[from] IngestError),
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
        "the store gives {read} bytes for {cid}, but was given {written}; nothing was committed: check the store"
    )]
    ReadBack {
        /// The batch.
        cid: FileCid,
        /// Bytes given to it.
        written: u64,
        /// Bytes it gave back.
        read: u64,
    },
    /// The contract does not take a batch.
    #[error(
        "the contract does not take batch {cid} of round {round}: {reason}; its measurements stay in the table"
    )]
    Refused {
        /// The batch.
        cid: FileCid,
        /// Its round.
        round: RoundNumber,
        /// The contract's reason.
        reason: String,
    },
    /// A test ended the run.
    #[error("stopped at {0:?}")]
    Stopped(Boundary),
}

impl PublishError {
    /// Whether the next try may succeed without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Chain(error) => error.is_transient(),
            Self::Outbox(error) => error.is_transient(),
            _ => false,
        }
    }
}
