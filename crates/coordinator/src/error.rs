//! What can go wrong with a pass.

use assize_chain::ChainError;
use assize_ingest::DatabaseError;
use assize_outbox::OutboxError;
use assize_protocol::{BeaconRound, FileCid, RosterError};
use assize_store::StoreError;
use thiserror::Error;

use crate::Boundary;

/// Why a pass ended early. Nothing is lost: the next one goes on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CoordinatorError {
    /// The book of stations.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The transaction queue.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store.
    #[error("roster and task list cannot be stored: {0}")]
    Store(#[from] StoreError),
    /// What was stored is not what is read back.
    #[error(
        "the store gives {read} bytes for {cid}, but was given {written}; no round was opened: check the store"
    )]
    ReadBack {
        /// The list.
        cid: FileCid,
        /// Bytes given to it.
        written: u64,
        /// Bytes it gave back.
        read: u64,
    },
    /// The book names a station twice.
    #[error("the book of stations makes no roster: {0}")]
    Roster(#[from] RosterError),
    /// A beacon of another kind than the contract checks.
    #[error(
        "beacon {round} cannot be revealed on chain, {reason}: name the drand chain that the contracts were deployed with"
    )]
    Beacon {
        /// The drand round.
        round: BeaconRound,
        /// What is wrong with it.
        reason: String,
    },
    /// A thread ended badly.
    #[error("storing the lists ended badly: {0}")]
    Thread(String),
    /// A test ended the run.
    #[error("stopped at {0:?}")]
    Stopped(Boundary),
}

impl CoordinatorError {
    /// Whether the same may succeed later without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Chain(error) => error.is_transient(),
            Self::Outbox(error) => error.is_transient(),
            Self::Database(error) => matches!(error, DatabaseError::Overloaded { .. }),
            _ => false,
        }
    }
}

impl assize_service::PassError for CoordinatorError {
    fn is_transient(&self) -> bool {
        Self::is_transient(self)
    }

    fn is_fatal(&self) -> bool {
        matches!(self, Self::Outbox(error) if error.is_fatal())
    }
}
