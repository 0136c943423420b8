//! Commit submitter: takes measurements in, closes them into batches of one round each, stores the batches and commits
//! their CIDs on chain.
//!
//! ```text
//! files, API ──▶ Ingest ──close──▶ Batch ──store, read back──▶ Store
//!               (SQLite,             │
//!              PostgreSQL)           └──commit──▶ Outbox ──▶ Rounds
//! ```
//!
//! The process may be killed at any instruction: each step is written down where it was done, and doing it again changes
//! nothing. A measurement is in one batch for good once its batch is closed; a batch's CID follows from its measurements;
//! a CID is enqueued under its own key; the contract takes it once. DESIGN §2.5, §5.
//!
//! [`Publisher`] does one pass, [`daemon`] does it for ever.

mod daemon;
mod error;
mod import;
mod ingest;
mod metrics;
mod publisher;

pub use daemon::PublisherDaemon;
pub use error::{IngestError, PublishError};
pub use import::{ImportReport, Rejected, import};
#[cfg(feature = "postgres")]
pub use ingest::PostgresIngest;
pub use ingest::{
    Batch, BatchState, DailyLimit, FileMark, Found, Ingest, Lines, NewRow, Rows, SignedRow, SqliteIngest,
    Taken, Totals, Unbatched, open as open_ingest,
};
pub use metrics::Metrics;
pub use publisher::{Boundary, Closing, CommittedBatch, PublishReport, Publisher};
