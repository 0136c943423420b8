//! Spark's own rows, for replaying its rounds (SPARK.md §1.2–§1.4).
//!
//! Assize's rows have no such fields as participant, station id and network group: operator and subnet come from the
//! roster, and the station signs. What both kinds of row share, the result codes and most of the validity rules, is
//! shared code.
//!
//! ```text
//! files ──Chunks──▶ whole lines ──Parser──▶ Row ──check_claim──▶ columns (assize-evaluate)
//! ```
//!
//! There are two parsers, and they read the same: [`Parser::Reference`] is `serde_json`; [`Parser::Fast`] looks for the
//! form in which Spark's publisher wrote every row, and leaves all other lines to the reference.

mod chunks;
mod date;
mod row;
mod scan;
mod validity;

pub use chunks::{Chunk, ChunkKind, Chunks, MAX_LIST};
pub use date::{Iso, iso, parse_date};
pub use row::{Fault, Field, HeadStatus, MAX_ROW, Parser, Row, Time, parse_list, too_long};
pub use validity::{Rules, SparkInvalidity, is_station_id, participant};
