//! Errors of the queue itself.

use std::path::PathBuf;
use std::time::Duration;

use assize_chain::ChainError;
use assize_service::Stopped;
use assize_service::sqlite::SqliteError;
use thiserror::Error;

use crate::Boundary;

/// Why the queue stopped. Nothing is lost: the next run continues where this one stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] SqliteError),
    /// A statement failed on an open database.
    #[error("queue database: {0}")]
    Sql(#[from] rusqlite::Error),
    /// Another process uses the same file.
    #[error("{} is in use by another process; stop it first, because two senders with one key would use each other's nonces", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// Another machine uses the same file.
    #[error(
        "{} is in use by {holder}, whose lease expires in {seconds} s; stop that process, or wait", path.display()
    )]
    Leased {
        /// The file.
        path: PathBuf,
        /// The machine's name.
        holder: String,
        /// Seconds until its lease expires.
        seconds: u64,
    },
    /// Another process has taken over the lease.
    #[error("another process has taken over this key; this one has stopped, and nothing is lost")]
    Fenced,
    /// The lock file cannot be created.
    #[error("cannot lock {}: {source}", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The file belongs to another key or chain.
    #[error("{} is the queue of {there}, but this run uses {here}; use another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Key and chain in the file.
        there: String,
        /// Key and chain of this run.
        here: String,
    },
    /// The chain cannot be read or written.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The intent needs intervention, or a change in conditions.
    #[error("{key} is parked: {why}; it stays queued and resumes when that changes")]
    Parked {
        /// The intent's idempotency key.
        key: String,
        /// The condition that it waits for.
        why: String,
    },
    /// The intent is still pending.
    #[error("{key} is not confirmed after {seconds} s; run again to continue waiting, nothing is sent twice")]
    StillUnderWay {
        /// The intent's idempotency key.
        key: String,
        /// Seconds waited.
        seconds: u64,
    },
    /// A row that this program did not write.
    #[error("invalid row in the queue: {0}")]
    BadRow(String),
    /// A test stopped the run.
    #[error(transparent)]
    Stopped(#[from] Stopped<Boundary>),
}

impl OutboxError {
    /// Whether a retry may succeed without intervention.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Chain(error) => error.is_transient(),
            Self::StillUnderWay { .. } => true,
            _ => false,
        }
    }

    /// How long the node wants to be left alone, if it says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Chain(error) => error.retry_after(),
            _ => None,
        }
    }

    /// Whether to go on makes no sense: another process has taken over the key.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Fenced)
    }
}
