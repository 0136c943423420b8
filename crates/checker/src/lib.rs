//! The checker: a station's program.
//!
//! ```text
//!             ┌ heartbeat ───────────▶
//!  Checker ───┼ follow ──rounds──────▶ coordinator     (what it says is derived anew: assignment)
//!             │   └ work ──Retriever──▶ indexers, providers
//!             │       └──▶ spool ──┐
//!             └ submit ◀───────────┘──measurements──▶ ingest ──receipts──▶ receipts/round-N.ndjson
//! ```
//!
//! The coordinator is believed in nothing about a round: chain (a node of one's own choosing) and drand's key are, and
//! committee, seat and tasks follow from them. Where the coordinator's documents say otherwise, nothing is done in that
//! round, and the first difference is told ([`Disagreement`]). What it alone can say is that it has a measurement, and
//! that is worth something only with the receipt of an ingest key that is known.
//!
//! A measurement is durable before it is sent, and stays until there is a receipt on disk, a refusal for good, or no time
//! any more. A process that is killed goes on where it was: a task that was done is not done again, one that was under
//! way is begun anew.

mod assignment;
mod checker;
mod coordinator;
mod event;
mod follow;
mod heartbeat;
mod key;
mod metrics;
mod plain;
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
pub use plain::Plain;
pub use receipts::ReceiptError;
pub use spool::SpoolError;
pub use view::View;
