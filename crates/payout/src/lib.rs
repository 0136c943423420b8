//! Payout scheduler: pays operators what an active settlement grants them, in batches.
//!
//! [`plan()`] decides, purely, whom to pay; [`Scheduler`] sends the batches through the outbox and reports who was paid
//! and whose address refused the money. What was paid is what the chain says (`claimed`), so running twice pays once.
//! DESIGN §2.7.

mod plan;

pub use plan::{Allocations, Limits, Payout, Plan, plan};
