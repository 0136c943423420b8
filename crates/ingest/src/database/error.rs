//! What can go wrong with the database.

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use crate::IngestError;
#[cfg(feature = "postgres")]
use crate::server;

/// Why the database did not do what it was asked. What was answered before stays; what was asked is not done at all.
///
/// All of a group fail together, so it can be cloned.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// SQLite.
    #[error("the database {}: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        source: Arc<rusqlite::Error>,
    },
    /// PostgreSQL.
    #[cfg(feature = "postgres")]
    #[error("the database {database}: {}", server::reason(source))]
    Postgres {
        /// Its name and host.
        database: String,
        /// The client's or server's reason.
        source: Arc<postgres::Error>,
    },
    /// The table of measurements.
    #[error(transparent)]
    Ingest(Arc<IngestError>),
    /// A row that this program did not write.
    #[error("the database holds a malformed row: {0}")]
    BadRow(String),
    /// More waits to be written than can wait.
    #[error("{waiting} writes wait for the database; retry later, or use a faster disk")]
    Overloaded {
        /// How many wait.
        waiting: usize,
    },
    /// The process is ending.
    #[error("the database is closed: the process is ending")]
    Closed,
}

impl From<IngestError> for DatabaseError {
    fn from(error: IngestError) -> Self {
        Self::Ingest(Arc::new(error))
    }
}
