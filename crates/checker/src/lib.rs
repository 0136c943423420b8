//! The checker: a station's program.
//!
//! ```text
//!             ┌ heartbeat ───────────▶
//!  Checker ───┼ follow ──rounds──────▶ coordinator     (its answers are derived again: assignment)
//!             │   └ work ──Retriever──▶ indexers, providers
//!             │       └──▶ spool ──┐
//!             ├ submit ◀───────────┤──measurements──▶ ingest ──receipts──▶ receipts/round-N.ndjson
//!             └ keep ◀─────────────┘──own report, if it was left out──▶ Rounds
//! ```
//!
//! The coordinator is not trusted about a round. The chain, through a node that the operator chooses, and drand's key
//! determine committee, seat and tasks. If the coordinator's documents differ, the checker does nothing in that round and
//! reports the first difference ([`Disagreement`]). Only the coordinator can say that it has a measurement; its word counts
//! once it is a receipt signed by a known ingest key.
//!
//! A measurement is stored before it is sent. It is kept until it is shown to be in a committed batch, the station has committed it
//! in a report of its own, or nothing can be committed to its round any more: whatever the ingest said to it. A process that was
//! killed resumes: finished tasks are not repeated, interrupted ones are.

mod assignment;
mod checker;
mod coordinator;
mod event;
mod follow;
mod heartbeat;
mod inclusion;
mod key;
mod metrics;
mod receipts;
mod spool;
mod submit;
#[cfg(test)]
mod testing;
mod view;
mod witness;
mod work;

pub use assignment::{
    AssignedTask, Disagreement, RoundAssignment, check_draw, check_round_document, check_station_document,
};
pub use checker::{Beacons, Checker, CheckerError, Config, Inclusion, Parts, Summary};
pub use coordinator::AskError;
pub use event::{Event, Listener, Remedy};
pub use inclusion::Cause;
pub use key::StationKey;
pub use metrics::Metrics;
pub use receipts::ReceiptError;
pub use spool::SpoolError;
pub use view::View;
