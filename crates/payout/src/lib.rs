//! Payout scheduler: pays operators what an active settlement grants them, in batches.
//!
//! ```text
//! settlement ──▶ Allocations ─┐
//! chain: claimed ─────────────┼─▶ Plan ──▶ Batches ──▶ Outbox ──▶ Rewards.claimMany
//! History: waiting since ─────┤    └─▶ held, with the reason
//! PayoutPolicy, DenyList ─────┘
//! ```
//!
//! [`Plan`] decides, purely, whom to pay; [`Scheduler`] sends the batches through the outbox and reads from the events who
//! was paid and whose address refused the money; [`Daemon`] does so on a [`Schedule`]. Operators' own claims: [`SettlementTimeline`] and
//! [`Statement`] tell where they stand, [`claims`] makes transactions of what is due, [`claim_one`] sends one, [`until_final`]
//! sees that nothing can undo it. What was paid is what the chain says (`claimed`), so running twice pays once.

mod alert;
mod allocations;
mod claim;
mod cron;
mod daemon;
mod deny;
mod error;
mod finality;
mod history;
mod metrics;
mod plan;
mod policy;
mod schedule;
mod scheduler;
mod statement;

pub use alert::{Condition, PayoutAlert};
pub use allocations::Allocations;
pub use claim::{ClaimBatch, Due, GasCost, Paid, claim_gas, claim_one, claims, expect_own, send_claims};
pub use daemon::{AllocationSource, PayoutDaemon};
pub use deny::DenyList;
pub use error::PayoutError;
pub use finality::{Distance, until_final};
pub use history::{History, LastPass, Totals};
pub use metrics::{Metrics, Snapshot};
pub use plan::{Batch, Doubt, Held, Limits, Payout, Plan, Terms, Why};
pub use policy::{AlertPolicy, BatchPolicy, GasShare, PayoutPolicy, PolicyError};
pub use schedule::Schedule;
pub use scheduler::{PaidBatch, PayoutReport, Planned, Planner, Scheduler};
pub use statement::{Pending, SettlementTimeline, Statement};
