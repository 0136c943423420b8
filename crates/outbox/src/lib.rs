//! Durable transaction queue: what is enqueued takes effect on chain once, or ends with a reason; whatever instruction
//! the process dies at.
//!
//! - An *intent* is a call to be made, under an idempotency key. The contract must refuse or ignore a second call with the
//!   same effect, as `Rounds.commit` and `Rewards.claimMany` do: that is the last guard where a chain forgets.
//! - An *attempt* is a signed transaction for an intent. Nonce and bytes are stored before the first send; after a crash
//!   the same bytes are sent again, which can have no second effect. A stuck attempt is replaced by one with higher
//!   fees and the same nonce; the payload is never given up.
//! - [`step()`] decides, purely, what to do next with the whole [`Queue`]; [`Outbox`] looks at the chain, writes the
//!   decision down, and does it.
//!
//! ```text
//! Queued ──sign──▶ Pending ──deep enough──▶ Counts ──final──▶ Closed
//!   ▲  │              │  ▲                     │
//!   │  └─refused      │  └──reorganisation─────┘
//!   └──nonce used by somebody else
//! ```
//!
//! One process works for a key at a time: a lock on this machine, a lease with a fencing token between machines. What
//! would pass a cap on gas price or spending is parked, with an [`Alert`], and goes on when it can. Blocks are never
//! followed, only receipts and nonces asked for: Filecoin's null rounds stop the usual libraries' confirmations for ever.
//! CHAIN.md, «Durable transaction submission».

mod database;
mod error;
mod lease;
mod outbox;
mod policy;
mod queue;
mod stats;
mod step;

pub use database::{Ended, NewIntent};
pub use error::OutboxError;
pub use outbox::{Boundary, Outbox, Tick};
pub use policy::{Caps, Clock, Depth, Finality, Policy, SystemClock};
pub use queue::{Attempt, Gas, Intent, Kind, Mined, Phase, Purpose, Queue, day, highest_fee};
pub use stats::Stats;
pub use step::{Action, Alert, Observation, Park, Step, step, watched};
