//! Payout scheduler: pays operators what an active settlement grants them, in batches.
//!
//! [`plan()`] decides, purely, whom to pay; [`Scheduler`] sends the batches through the outbox and reports who was paid
//! and whose address refused the money; [`claim_one`] is an operator's own claim. What was paid is what the chain says
//! (`claimed`), so running twice pays once. DESIGN §2.7.

mod allocations;
mod claim;
mod error;
mod plan;
mod scheduler;

pub use allocations::Allocations;
pub use claim::{Paid, claim_one};
pub use error::PayoutError;
pub use plan::{Batch, Limits, Payout, Plan, plan};
pub use scheduler::{PaidBatch, PayoutReport, Scheduler};
