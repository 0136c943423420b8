//! Spark's rules, exactly as its evaluator applied them (SPARK.md §2.4–§2.8), so that its history can be replayed and our
//! engine be held against theirs.
//!
//! ```text
//! Round ─┐
//! files ─┴─ Measurements::read ──▶ rows of 64 bytes ──evaluate──▶ labels, Report
//! ```
//!
//! Where Spark's evaluator gave up, this one goes on: a row that cannot be read is reported, skipped and counted, and a valid
//! row without a station id, at which Spark's tasker failed and the whole round with it, was not that station's to make.

mod evaluation;
mod read;
mod report;
mod round;
mod tasker;

pub use crate::label::{SparkLabel, SparkLabelCounts};
pub use evaluation::{Evaluation, Labels, evaluate};
pub use read::{Measurements, ReadError, Rejected};
pub use report::{DEAD, Deals, MAX_SCORE, Report, Rsr, SparkCounts};
pub use round::{RetrievalTask, Round, RoundError};
pub use tasker::Tasker;
