//! What can go wrong with the database.

use std::path::PathBuf;
use std::sync::Arc;

use assize_publish::IngestError;
use thiserror::Error;

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
    #[error("the database {database}: {}", words(source))]
    Postgres {
        /// Its name and host.
        database: String,
        /// The client's or server's reason.
        source: Arc<postgres::Error>,
    },
    /// A database that only a build with the feature `postgres` can use.
    #[error(
        "a PostgreSQL database needs the cargo feature `postgres`, which this program was built without: build it with `--features postgres`, or name a file"
    )]
    NoPostgres,
    /// The table of measurements.
    #[error(transparent)]
    Ingest(Arc<IngestError>),
    /// A row that this program did not write.
    #[error("the database holds a row that makes no sense: {0}")]
    BadRow(String),
    /// More waits to be written than can wait.
    #[error("{waiting} writes wait for the database already: come again, or give it a faster disk")]
    Overloaded {
        /// How many wait.
        waiting: usize,
    },
    /// The api is ending.
    #[error("the database is closed: the api is ending")]
    Closed,
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

impl From<IngestError> for DatabaseError {
    fn from(error: IngestError) -> Self {
        Self::Ingest(Arc::new(error))
    }
}
