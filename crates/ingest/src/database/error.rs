//! Errors of the database.

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use crate::IngestError;
#[cfg(feature = "postgres")]
use crate::server;

/// Why a database operation failed. Nothing that was answered before is lost, and the failed operation changed nothing.
///
/// It can be cloned because all operations of a group fail together.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// SQLite failed.
    #[error("the database {}: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        source: Arc<rusqlite::Error>,
    },
    /// PostgreSQL failed.
    #[cfg(feature = "postgres")]
    #[error("the database {database}: {}", server::reason(source))]
    Postgres {
        /// Its name and host.
        database: String,
        /// The error of client or server.
        source: Arc<postgres::Error>,
    },
    /// The table of measurements.
    #[error(transparent)]
    Ingest(Arc<IngestError>),
    /// A row that this program did not write.
    #[error("the database holds a malformed row: {0}")]
    BadRow(String),
    /// The queue of writes is full.
    #[error("{waiting} writes wait for the database; retry later, or use a faster disk")]
    Overloaded {
        /// The number of waiting writes.
        waiting: usize,
    },
    /// The process is shutting down.
    #[error("the database is closed: the process is shutting down")]
    Closed,
}

impl From<IngestError> for DatabaseError {
    fn from(error: IngestError) -> Self {
        Self::Ingest(Arc::new(error))
    }
}
