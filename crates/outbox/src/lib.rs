//! A durable transaction queue. Every enqueued call takes effect on chain exactly once or ends with a reason, even
//! if the process is killed at any point.
//!
//! - An *intent* is a call to be made, under an idempotency key. The contract must reject or ignore a second call with
//!   the same effect, as `Rounds.commit` and `Rewards.claimMany` do: this is the last safeguard if a reorganisation
//!   drops transactions.
//! - An *attempt* is a signed transaction for an intent. Nonce and bytes are stored before the first send. After a
//!   crash the same bytes are sent again, which cannot have a second effect. A stuck attempt is replaced by one with
//!   the same nonce and higher fees; the payload is never dropped.
//! - [`step()`] is a pure function that decides what to do next with the whole [`Queue`]; [`Outbox`] observes the
//!   chain, stores the decision, and executes it.
//!
//! ```text
//! Queued ──sign──▶ Pending ──confirmed──▶ Confirmed ──final──▶ Closed
//!   ▲  │              │  ▲                   │
//!   │  └─rejected     │  └──reorganisation───┘
//!   └──nonce used by another program
//! ```
//!
//! One process per key sends at a time: a lock excludes others on this machine, a lease with a fencing token those on
//! other machines. A transaction that would exceed a limit on gas price or spending is parked with an [`Alert`] and
//! resumes when it fits. The queue polls receipts and nonces and does not follow blocks: at Filecoin's null rounds,
//! waiting for confirmations in the usual libraries hangs forever.

mod database;
mod error;
mod lease;
mod metrics;
mod outbox;
mod policy;
mod queue;
mod stats;
mod step;
mod trouble;

pub use database::{Ended, NewIntent};
pub use error::OutboxError;
pub use metrics::{QueueState, parked, queue_metrics};
pub use outbox::{Boundary, Outbox, Tick};
pub use policy::{Caps, Depth, Finality, Policy};
pub use queue::{Attempt, Gas, Intent, Kind, Mined, Phase, Purpose, Queue, day};
pub use stats::Stats;
pub use step::{Action, Alert, Observation, Park, Step, step, watched};
pub use trouble::QueueAlert;
