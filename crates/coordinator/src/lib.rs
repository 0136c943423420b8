//! Coordinator: cuts rosters from live stations, opens rounds and reveals their beacons.
//!
//! ```text
//! Database ──live stations──▶ cut ──┐
//! task file ────────────────▶ read ─┴─▶ store, read back ──▶ outbox: open/N ──▶ Rounds
//! drand ─────────────────────▶ verify ─────────────────────▶ outbox: reveal/N ──▶ Rounds
//! ```
//!
//! [`Coordinator::pass`] looks at the chain and does what is due; all that it knows is on the chain or in the outbox, so it
//! may be killed anywhere. The clock of rounds is the chain's: the time of its newest block.
//!
//! **Once.** An opening has the key `open/N`, and is not enqueued again while it is under way or has taken effect. The
//! contract does not know the number that a call is meant for, so an opening whose round somebody else has opened
//! (`openAsBefore`) is cancelled, that it does not open a later one with old lists.
//!
//! **Reorganisations.** If the chain forgets an opening, the outbox sends the same bytes again: the same lists. The beacon
//! follows from the time of the block that takes them, so it is a later one, which is as unknown then as the first was when
//! the lists were fixed; new lists would only let the coordinator choose twice. An opening that waits unsigned, for money
//! or cheaper gas, is another matter: it is cut anew, that no round is opened with stations long gone.

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
pub use lists::TasksError;
pub use metrics::{Metrics, Snapshot};
pub use pass::{Boundary, Coordinator, Settings};
pub use report::{PassReport, Waiting};
pub use roster::cut;
