//! Commit submitter: takes measurements in, closes them into batches of one round each, stores the batches and commits
//! their CIDs on chain.
//!
//! Everything it knows is in one SQLite file together with the transaction queue ([`assize_outbox`]), so that a batch and
//! the intent to commit it are written in one transaction. The process may be killed at any instruction: the next run
//! goes on, no batch is committed twice and none is lost. DESIGN §2.5, §5.

mod database;
mod error;
mod import;
mod publisher;

pub use error::PublishError;
pub use import::{ImportReport, Refused};
pub use publisher::{Boundary, CommittedBatch, PublishReport, Publisher};
