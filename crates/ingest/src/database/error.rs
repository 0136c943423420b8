//! Errors of the database.

use std::sync::Arc;

use thiserror::Error;

use crate::IngestError;

/// Why a database operation failed. Nothing that was confirmed before is lost, and the failed operation changed nothing.
///
/// It can be cloned because all operations of a group fail together.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// SQLite or PostgreSQL failed.
    #[error(transparent)]
    Ingest(Arc<IngestError>),
    /// A row that this program did not write.
    #[error("the database contains a malformed row: {0}")]
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

impl DatabaseError {
    /// As [`IngestError::is_transient`].
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Ingest(error) if error.is_transient())
    }
}

impl From<IngestError> for DatabaseError {
    fn from(error: IngestError) -> Self {
        Self::Ingest(Arc::new(error))
    }
}
