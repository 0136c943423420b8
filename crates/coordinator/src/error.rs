//! Errors of a pass.

use std::time::Duration;

use assize_chain::ChainError;
use assize_ingest::DatabaseError;
use assize_outbox::OutboxError;
use assize_protocol::{BeaconRound, FileCid, ListError};
use assize_service::{PassError, Stopped};
use assize_store::StoreError;
use thiserror::Error;

use crate::Boundary;

/// Why a pass ended early. Nothing is lost: the next pass continues.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CoordinatorError {
    /// The database of stations.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The transaction queue.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store failed.
    #[error("failed to store roster and task list: {0}")]
    Store(#[from] StoreError),
    /// The stored file differs when read back.
    #[error(
        "the store returned {read} bytes for {cid} after {written} bytes were stored; no round was opened: check the store"
    )]
    ReadBack {
        /// The file.
        cid: FileCid,
        /// Bytes stored.
        written: u64,
        /// Bytes read back.
        read: u64,
    },
    /// The database lists a station twice.
    #[error("the live stations do not form a valid roster: {0}")]
    Roster(#[from] ListError),
    /// The contract does not verify beacons of this kind.
    #[error(
        "beacon {round} cannot be revealed on chain, {reason}: use the drand chain that the contracts were deployed with"
    )]
    Beacon {
        /// The drand round.
        round: BeaconRound,
        /// The cause.
        reason: String,
    },
    /// A thread panicked.
    #[error("the thread that stores the lists panicked: {0}")]
    Thread(String),
    /// A test stopped the run.
    #[error(transparent)]
    Stopped(#[from] Stopped<Boundary>),
}

impl PassError for CoordinatorError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Chain(error) => error.is_transient(),
            Self::Outbox(error) => error.is_transient(),
            Self::Database(error) => matches!(error, DatabaseError::Overloaded { .. }),
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
