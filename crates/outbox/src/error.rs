//! What can go wrong with the queue itself.

use std::path::PathBuf;

use assize_chain::ChainError;
use thiserror::Error;

use crate::Boundary;

/// Why the queue cannot go on now. Nothing is lost: a later run goes on where this one stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// The database.
    #[error("the queue's database {}: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// A statement of a database that is open.
    #[error("the queue's database: {0}")]
    Sql(#[from] rusqlite::Error),
    /// A file of another program, or of an older version of this one.
    #[error(
        "{} was made by another version, or is no queue: end what is under way with that version, then use a new file", path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
    },
    /// Another process works with the same file.
    #[error("{} is in use by another process; stop it first, two senders with one key would take each other's nonces", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// Another machine works with the same file.
    #[error(
        "{} is in use by {holder}, whose lease is good for {seconds} s more; stop it there, or wait that long", path.display()
    )]
    Leased {
        /// The file.
        path: PathBuf,
        /// The machine.
        holder: String,
        /// Until its lease runs out.
        seconds: u64,
    },
    /// Another process has taken the lease over.
    #[error("another process sends with this key now; this one has stopped, nothing was lost")]
    Fenced,
    /// The lock file cannot be made.
    #[error("cannot lock {}: {source}", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The file belongs to another key or chain.
    #[error("{} is the queue of {there}, but this run is of {here}; use another file", path.display())]
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
    /// Nothing moves on by itself.
    #[error("{key} is parked: {why}; it is kept, and goes on when that has changed")]
    Parked {
        /// The intent's idempotency key.
        key: String,
        /// What it waits for.
        why: String,
    },
    /// The intent is still under way.
    #[error("{key} does not count after {seconds} s; run it again to go on waiting, nothing is sent twice")]
    StillUnderWay {
        /// The intent's idempotency key.
        key: String,
        /// How long was waited.
        seconds: u64,
    },
    /// A row that this program did not write.
    #[error("the queue holds a row that makes no sense: {0}")]
    BadRow(String),
    /// A test ended the run.
    #[error("stopped at {0:?}")]
    Stopped(Boundary),
}
