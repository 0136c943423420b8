//! Shared by the tests.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "not every test file uses all of it; a failed test panics"
)]

pub(crate) mod server;

use assize_testkit::services::Place;

/// A new SQLite file.
pub(crate) fn sqlite() -> Place {
    Place::sqlite().unwrap()
}

/// The same, and a new PostgreSQL server if the build has a client for it.
pub(crate) fn places() -> Vec<Place> {
    Place::all(cfg!(feature = "postgres")).unwrap()
}
