//! The location of the database.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

#[cfg(feature = "postgres")]
use super::postgres::PostgresTables;
use super::sqlite::SqliteTables;
use super::{DatabaseError, Tables};
#[cfg(feature = "postgres")]
use crate::PostgresIngest;
use crate::{Ingest, IngestError, SqliteIngest};

/// A file, or a PostgreSQL database.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file, created if it does not exist.
    File(PathBuf),
    /// `postgres://user:password@host/database`; needs the feature `postgres`.
    Postgres(String),
}

impl Location {
    /// Connects, and creates missing tables.
    ///
    /// # Errors
    /// [`DatabaseError`] names the database.
    pub fn connect(&self) -> Result<Box<dyn Tables>, DatabaseError> {
        Ok(match self {
            Self::File(path) => Box::new(SqliteTables(SqliteIngest::open(path)?)),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => Box::new(PostgresTables(PostgresIngest::connect(url)?)),
            #[cfg(not(feature = "postgres"))]
            Self::Postgres(_) => return Err(IngestError::NoPostgres.into()),
        })
    }

    /// Connects to the measurement table only, and creates it if it is missing.
    ///
    /// # Errors
    /// [`IngestError`] names the database.
    pub fn connect_ingest(&self) -> Result<Box<dyn Ingest>, IngestError> {
        Ok(match self {
            Self::File(path) => Box::new(SqliteIngest::open(path)?),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => Box::new(PostgresIngest::connect(url)?),
            #[cfg(not(feature = "postgres"))]
            Self::Postgres(_) => return Err(IngestError::NoPostgres),
        })
    }
}

impl FromStr for Location {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let server = text.starts_with("postgres://") || text.starts_with("postgresql://");
        Ok(match server {
            true => Self::Postgres(text.into()),
            false => Self::File(text.into()),
        })
    }
}

/// Omits the password.
impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_server_and_anything_else_a_file() {
        let location = |text: &str| text.parse::<Location>().unwrap();
        assert_eq!(location("api.sqlite"), Location::File("api.sqlite".into()));
        let url = "postgres://me:secret@db/api";
        assert_eq!(location(url), Location::Postgres(url.into()));
        assert!(!format!("{:?}", location(url)).contains("secret"));
    }
}
