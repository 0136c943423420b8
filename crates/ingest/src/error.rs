//! Errors of the measurement table.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

#[cfg(feature = "postgres")]
use crate::server;

/// Why the measurement table could not be read or written. Nothing is lost: what was stored before remains, and the
/// failed call stored nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IngestError {
    /// SQLite failed.
    #[error("ingest table {}: {source}{}", path.display(), remedy(source))]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// PostgreSQL failed.
    #[cfg(feature = "postgres")]
    #[error("ingest table in database {database}: {}", server::reason(source))]
    Postgres {
        /// Its name and host.
        database: String,
        /// The error of client or server.
        source: postgres::Error,
    },
    /// The location is a PostgreSQL database, but the program was built without its client.
    #[error(
        "the ingest table in PostgreSQL needs the cargo feature `postgres`, which this program was built without; build it with \
         `--features postgres`, or give a file"
    )]
    NoPostgres,
    /// A row that this program did not write.
    #[error("the ingest table holds a malformed row: {0}")]
    BadRow(String),
    /// The measurements to import could not be read.
    #[error("cannot read measurements: {0}")]
    Input(io::Error),
    /// The measurements read could not be passed on.
    #[error("cannot write measurements: {0}")]
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

/// Advice for errors that have a remedy.
fn remedy(error: &rusqlite::Error) -> &'static str {
    use rusqlite::ErrorCode as Code;
    match error.sqlite_error_code() {
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => {
            "; another process has locked it for 10 s: stop that process, nothing is lost"
        }
        Some(Code::DiskFull) => "; free disk space and run it again, nothing is lost",
        Some(Code::ReadOnly) => "; give this user write access to it",
        Some(Code::CannotOpen) => {
            "; check that its directory exists and that this user has write access to it"
        }
        Some(Code::NotADatabase | Code::DatabaseCorrupt) => {
            "; check the path; keep this file, and use another one"
        }
        _ => "",
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
