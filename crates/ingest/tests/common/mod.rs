//! What the tests share.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, one that is skipped says so"
)]

use assize_ingest::Location;
use assize_testkit::postgres::{Postgres, PostgresError};
use tempfile::TempDir;

/// A database of one's own.
pub(crate) struct Place {
    pub(crate) location: Location,
    _directory: Option<TempDir>,
    _server: Option<Postgres>,
}

/// A new SQLite file.
pub(crate) fn sqlite() -> Place {
    let directory = tempfile::tempdir().unwrap();
    Place {
        location: Location::File(directory.path().join("ingest.sqlite")),
        _directory: Some(directory),
        _server: None,
    }
}

/// A new PostgreSQL server; none on a machine without, unless the environment says that there must be one.
pub(crate) fn postgres() -> Option<Place> {
    match Postgres::start() {
        Ok(server) => Some(Place {
            location: Location::Postgres(server.url()),
            _directory: None,
            _server: Some(server),
        }),
        Err(PostgresError::NotFound) if std::env::var_os("ASSIZE_REQUIRE_SERVICES").is_none() => {
            eprintln!("SKIPPED over PostgreSQL: {}", PostgresError::NotFound);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Both, if the build has a client for PostgreSQL.
pub(crate) fn places() -> impl Iterator<Item = Place> {
    let server = cfg!(feature = "postgres").then(postgres).flatten();
    std::iter::once(sqlite()).chain(server)
}
