//! Coordinator: cuts rosters from live stations, opens rounds and reveals their beacons.
//!
//! ```text
//! Database ──live stations──▶ cut ──┐
//! task file ────────────────▶ read ─┴─▶ store, read back ──▶ outbox: open/N ──▶ Rounds
//! drand ─────────────────────▶ verify ─────────────────────▶ outbox: reveal/N ──▶ Rounds
//! ```
//!
//! [`Coordinator::pass`] polls the chain and does what is due. Its whole state is on chain or in the outbox, so it may
//! be killed at any point. Rounds follow the chain's clock: the time of its newest block.
//!
//! **Once.** An opening has the key `open/N`, and is not enqueued again while it is in progress or after it has taken
//! effect. The contract cannot tell which round number a call is meant for. So an opening whose round someone else has
//! opened (`openAsBefore`) is cancelled; otherwise it would open a later round with old lists.
//!
//! **Reorganisations.** If an opening disappears from the chain, the outbox sends the same bytes again: the same lists.
//! The beacon follows from the time of the block that includes them, so it is a later one, and as unknown then as the
//! first was when the lists were fixed. New lists would only let the coordinator choose twice. An opening that waits
//! unsigned, for funds or cheaper gas, is different: it is replaced by a new one, so that no round is opened with stations
//! that are no longer live.

mod alert;
mod beacons;
mod daemon;
mod duty;
mod error;
mod lists;
mod metrics;
mod pass;
mod report;
mod roster;
mod view;

pub use alert::CoordinatorAlert;
pub use error::CoordinatorError;
pub use lists::{TasksError, read_tasks};
pub use metrics::{Metrics, metrics};
pub use pass::{Boundary, Coordinator, Settings};
pub use report::{PassReport, Waiting};
pub use roster::cut;
