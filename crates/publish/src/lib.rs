//! Publisher: closes the measurements of the ingest table into batches of one round each, stores the batches and commits
//! the roots of their lines on chain.
//!
//! ```text
//! assize-ingest ──close──▶ Batch ──store, read back──▶ Store
//!                            └──commit──▶ Outbox ──▶ Rounds
//! ```
//!
//! The process may be killed at any instruction: each step is recorded durably and is idempotent. Once its batch is closed, a
//! measurement is in that batch permanently; a batch's root follows from its measurements; a root is enqueued under its own key;
//! the contract accepts it once from each publisher (docs/protocol.md §9.1).
//!
//! [`Publisher`] does one pass, [`PublisherDaemon`] repeats it.

mod alert;
mod daemon;
mod error;
mod metrics;
mod plan;
mod publisher;

pub use alert::PublisherAlert;
pub use daemon::PublisherDaemon;
pub use error::PublishError;
pub use metrics::{Metrics, Snapshot, metrics};
pub use publisher::{Boundary, Closing, CommittedBatch, PublishReport, Publisher};
