//! The database shared by API, coordinator and publisher.
//!
//! ```text
//! API ───────heartbeats, measurements──▶ Database ◀──live stations── coordinator
//!                                           │ (one SQLite file, or one PostgreSQL database)
//! publisher ──import, close, read──────▶ Ingest
//! ```
//!
//! [`Ingest`] is the publisher's view: the table of measurements and batches, over one blocking connection. [`Tables`]
//! adds the stations and the results of evaluation. [`Database`] runs such connections on their own threads for API and
//! coordinator. [`Location`] names the database, and opens any of them.
//!
//! SQLite is the embedded default. PostgreSQL, for an API with several instances, is the feature `postgres`. Both pass
//! the same tests.

mod database;
mod error;
mod import;
#[cfg(feature = "postgres")]
mod server;
mod table;
mod tree;

pub use database::{
    BatchMarks, Database, DatabaseError, DatabaseOptions, Heartbeat, HeartbeatOutcome, Location, NO_LABEL,
    Receiving, Standing, Station, SubnetLimit, Tables,
};
pub use error::{ImportError, IngestError};
pub use import::{ImportReport, Rejected, import};
#[cfg(feature = "postgres")]
pub use table::PostgresIngest;
pub use table::{
    Batch, BatchLimit, BatchState, DailyLimit, FileMark, Found, Ingest, Lines, NewRow, Rows, SignedRow,
    SqliteIngest, Stored, Taken, Totals, Unbatched,
};
pub use tree::BatchTree;
