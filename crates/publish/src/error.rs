//! Errors of publishing.

use std::time::Duration;

use assize_chain::ChainError;
use assize_ingest::IngestError;
use assize_outbox::OutboxError;
use assize_protocol::{FileCid, RoundNumber};
use assize_service::{PassError, Stopped};
use assize_store::StoreError;
use thiserror::Error;

use crate::Boundary;

/// Why publishing stopped. Nothing is lost: measurements stay in the table, and the next run continues.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The ingest table failed.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The transaction queue failed.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store returned other bytes than it was given.
    #[error(
        "the store returned {read} bytes for {cid} after {written} were written; nothing was committed: check the store"
    )]
    ReadBack {
        /// The batch.
        cid: FileCid,
        /// Bytes written.
        written: u64,
        /// Bytes returned.
        read: u64,
    },
    /// The contract rejects a batch.
    #[error(
        "the contract rejects batch {cid} of round {round}: {reason}; its measurements stay in the table"
    )]
    Refused {
        /// The batch.
        cid: FileCid,
        /// Its round.
        round: RoundNumber,
        /// The contract's reason.
        reason: String,
    },
    /// A test stopped the run.
    #[error(transparent)]
    Stopped(#[from] Stopped<Boundary>),
}

impl PassError for PublishError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Chain(error) => error.is_transient(),
            Self::Outbox(error) => error.is_transient(),
            _ => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Chain(error) => error.retry_after(),
            Self::Outbox(error) => error.retry_after(),
            _ => None,
        }
    }

    fn is_fatal(&self) -> bool {
        matches!(self, Self::Outbox(error) if error.is_fatal())
    }

    fn is_stopped(&self) -> bool {
        matches!(self, Self::Stopped(_))
    }
}
