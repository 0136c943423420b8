//! Durable transaction queue: what is enqueued takes effect on chain once, or ends with a reason; whatever instruction
//! the process dies at.
//!
//! - An *intent* is a call to be made, under an idempotency key. It is enqueued in the caller's own database
//!   transaction, so that business rows and intent are one.
//! - An *attempt* is a signed transaction for an intent. Nonce and bytes are stored before the first send; after a crash
//!   the same bytes are sent again, which can have no second effect. A stuck attempt is replaced by one with higher
//!   fees and the same nonce; the payload is never given up.
//! - [`step()`] decides, purely, what to do next; [`Outbox`] looks at the chain, does it, and writes it down.
//!
//! One process works for a key at a time: the queue's file is locked. Intents go one after the other, so nonces have no
//! gaps. CHAIN.md, «Durable transaction submission».

mod database;
mod error;
mod outbox;
mod policy;
mod step;

pub use database::{Ended, enqueue};
pub use error::OutboxError;
pub use outbox::{Boundary, Outbox};
pub use policy::{Clock, Policy, SystemClock};
pub use step::{Action, Attempt, Mined, Observation, State, step};
