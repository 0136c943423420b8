//! The checker: a station's program.
//!
//! ```text
//!             ┌ heartbeat ───────────▶
//!  Checker ───┼ follow ──rounds──────▶ coordinator     (its answers are derived again: assignment)
//!             │   └ work ──Retriever──▶ indexers, providers
//!             │       └──▶ spool ──┐
//!             └ submit ◀───────────┘──measurements──▶ ingest ──receipts──▶ receipts/round-N.ndjson
//! ```
//!
//! The coordinator is not trusted about a round. The chain, through a node that the operator chooses, and drand's key
//! determine committee, seat and tasks. If the coordinator's documents differ, the checker does nothing in that round and
//! reports the first difference ([`Disagreement`]). Only the coordinator can say that it has a measurement; its word counts
//! once it is a receipt signed by a known ingest key.
//!
//! A measurement is stored before it is sent. It is kept until its receipt is on disk, it is rejected for good, or its round
//! no longer accepts any. A process that was killed resumes: finished tasks are not repeated, interrupted ones are.

mod assignment;
mod checker;
mod coordinator;
mod event;
mod follow;
mod heartbeat;
mod key;
mod metrics;
mod receipts;
mod spool;
mod submit;
#[cfg(test)]
mod testing;
mod view;
mod work;

pub use assignment::{
    AssignedTask, Disagreement, RoundAssignment, check_draw, check_round_document, check_station_document,
};
pub use checker::{Beacons, Checker, CheckerError, Config, Parts, Summary};
pub use coordinator::AskError;
pub use event::{Event, Listener};
pub use key::StationKey;
pub use metrics::Metrics;
pub use receipts::ReceiptError;
pub use spool::SpoolError;
pub use view::View;
