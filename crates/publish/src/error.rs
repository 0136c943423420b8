//! What can go wrong with publishing.

use std::io;
use std::path::{Path, PathBuf};

use assize_chain::ChainError;
use assize_outbox::OutboxError;
use assize_protocol::{FileCid, RoundNumber};
use assize_store::StoreError;
use thiserror::Error;

use crate::Boundary;

/// Why the ingest table cannot be read or written. Nothing is lost: what was taken in before stays, what was being taken
/// in is not there at all.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IngestError {
    /// SQLite.
    #[error("the ingest table {}: {source}{}", path.display(), remedy(source))]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// PostgreSQL.
    #[cfg(feature = "postgres")]
    #[error("the ingest table in the database {database}: {}", words(source))]
    Postgres {
        /// Its name and host.
        database: String,
        /// The client's or server's reason.
        source: postgres::Error,
    },
    /// A database that only a build with the feature `postgres` can use.
    #[error(
        "the ingest table in PostgreSQL needs the cargo feature `postgres`, which this program was built without: build it with `--features postgres`, or name a file"
    )]
    NoPostgres,
    /// A row that this program did not write.
    #[error("the ingest table holds a row that makes no sense: {0}")]
    BadRow(String),
    /// What was to be taken in cannot be read.
    #[error("cannot read the measurements: {0}")]
    Input(io::Error),
    /// What was read cannot be passed on.
    #[error("cannot write the measurements: {0}")]
    Output(io::Error),
}

impl IngestError {
    pub(crate) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        Self::Sqlite {
            path: path.to_owned(),
            source,
        }
    }
}

/// What to do about the errors that have a remedy.
fn remedy(error: &rusqlite::Error) -> &'static str {
    use rusqlite::ErrorCode as Code;
    match error.sqlite_error_code() {
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => {
            "; another process has held it for 10 s: end that process, nothing is lost"
        }
        Some(Code::DiskFull) => "; make room on the disk and run it again, nothing is lost",
        Some(Code::ReadOnly) => "; give this user the right to write there",
        Some(Code::CannotOpen) => "; does its directory exist, and may this user write there?",
        Some(Code::NotADatabase | Code::DatabaseCorrupt) => {
            "; is this the right file? Keep it, and use another one"
        }
        _ => "",
    }
}

/// PostgreSQL's errors say only "db error"; the words are in their cause.
#[cfg(feature = "postgres")]
fn words(error: &postgres::Error) -> String {
    let cause = std::error::Error::source(error);
    match (error.as_db_error(), cause) {
        (Some(error), _) => error.to_string(),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

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
    /// A file of measurements.
    #[error("cannot read {name}: {source}")]
    File {
        /// The file.
        name: String,
        /// The operating system's reason.
        source: io::Error,
    },
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
