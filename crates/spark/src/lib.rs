//! Spark's own rules, exactly as its evaluator applied them, to replay its history and to compare the engines.
//!
//! ```text
//! files ──Chunks──▶ whole lines ──Parser──▶ Row ──check_claim──▶ records of 64 bytes ─┐
//! Round ──────────────────────────────────────────────────────────────────────────────┴─evaluate──▶ labels, Report
//! ```
//!
//! [Spark](https://filspark.com) checked retrievals on Filecoin before Assize. Its rows differ from Assize's: each names its
//! participant, station id and network group, and is unsigned; Assize takes operator and subnet from the roster, and stations
//! sign. Shared rules are defined once: result codes and most validity rules in `assize-measurement`, votes and majorities in
//! `assize-evaluate`.
//!
//! Both parsers give the same result: [`Parser::Reference`] is `serde_json`; [`Parser::Fast`] scans the format in which Spark's
//! publisher wrote every row, and passes all other lines to the reference.
//!
//! Where Spark's evaluator failed, this one continues. A row that cannot be parsed is reported, skipped and counted. A valid row
//! without a station id made Spark's tasker fail, and the whole round with it; here it is labelled
//! [`SparkLabel::TaskWrongNode`].

mod chunks;
mod date;
mod evaluation;
mod label;
mod read;
mod report;
mod round;
mod row;
mod scan;
mod tasker;
mod validity;
mod vote;

pub use chunks::{Chunk, ChunkKind, Chunks, MAX_LIST};
pub use date::{Iso, iso, parse_date};
pub use evaluation::{Evaluation, Labels, evaluate};
pub use label::SparkLabel;
pub use read::{Measurements, ReadError, Rejected};
pub use report::{DEAD, Deals, MAX_SCORE, Report, Rsr, SparkCounts};
pub use round::{RetrievalTask, Round, RoundError, epoch_start};
pub use row::{Fault, Field, HeadStatus, MAX_ROW, Parser, Row, Time, parse_list, too_long};
pub use tasker::Tasker;
pub use validity::{Rules, SparkInvalidity, is_station_id, participant};
