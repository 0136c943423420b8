//! Payout scheduler: pays operators what an active settlement grants them, in batches.
//!
//! [`plan()`] decides, purely, whom to pay; [`Scheduler`] sends the batches through the outbox and reports who was paid
//! and whose address refused the money. Operators' own claims: [`Course`] and [`Statement`] tell where they stand, [`claims`]
//! makes transactions of what is due, [`claim_one`] sends one, [`until_final`] sees that nothing can undo it. What was paid
//! is what the chain says (`claimed`), so running twice pays once. DESIGN §2.7.

mod allocations;
mod claim;
mod error;
mod finality;
mod plan;
mod scheduler;
mod statement;

pub use allocations::Allocations;
pub use claim::{ClaimBatch, Due, GasCost, Paid, claim_gas, claim_one, claims, expect_own, send_claims};
pub use error::PayoutError;
pub use finality::{Distance, until_final};
pub use plan::{Batch, Limits, Payout, Plan, plan};
pub use scheduler::{PaidBatch, PayoutReport, Scheduler};
pub use statement::{Course, Pending, Statement};
