//! Why the table of measurements failed.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

#[cfg(feature = "postgres")]
use crate::server;

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
    #[error("the ingest table in the database {database}: {}", server::reason(source))]
    Postgres {
        /// Its name and host.
        database: String,
        /// The client's or server's reason.
        source: postgres::Error,
    },
    /// A PostgreSQL database is given, and the program was built without its client.
    #[error(
        "the ingest table in PostgreSQL needs the cargo feature `postgres`, which this program was built without; build it with \
         `--features postgres`, or give a file"
    )]
    NoPostgres,
    /// A row that this program did not write.
    #[error("the ingest table holds a malformed row: {0}")]
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

/// Why a file of measurements was not imported. Nothing of it is in the table then.
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
        /// The operating system's reason.
        source: io::Error,
    },
}
