//! Errors of the measurement table.

use std::io;

use assize_service::sqlite::SqliteError;
use thiserror::Error;

#[cfg(feature = "postgres")]
use crate::server;

/// Why the measurement table could not be read or written. Nothing is lost: what was stored before remains, and the
/// failed call stored nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IngestError {
    /// SQLite failed.
    #[error(transparent)]
    Sqlite(#[from] SqliteError),
    /// PostgreSQL failed.
    #[cfg(feature = "postgres")]
    #[error("the ingest database {database}: {}", server::reason(source))]
    Postgres {
        /// Its name and host.
        database: String,
        /// The error of client or server.
        source: postgres::Error,
    },
    /// The location is a PostgreSQL database, but the program was built without its client.
    #[error(
        "the ingest table in PostgreSQL needs the cargo feature `postgres`, which this program does not have; build it with \
         `--features postgres`, or give a file"
    )]
    NoPostgres,
    /// A row that this program did not write.
    #[error("the ingest table contains a malformed row: {0}")]
    BadRow(String),
    /// The measurements to import could not be read.
    #[error("cannot read measurements: {0}")]
    Input(io::Error),
    /// The measurements read could not be passed on.
    #[error("cannot write measurements: {0}")]
    Output(io::Error),
}

impl IngestError {
    /// Whether the server may answer a later try: it cannot be reached now, or is starting, stopping or full.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres { source, .. } => server::is_transient(source),
            _ => false,
        }
    }
}

/// Why a file of measurements was not imported. None of it is in the table.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The table.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The file.
    #[error("cannot read {name}: {source}")]
    File {
        /// The file.
        name: String,
        /// The operating system's error.
        source: io::Error,
    },
}
