//! Payout scheduler: pays operators what an active settlement grants them, in batches.
//!
//! ```text
//! settlement ──▶ Allocations ─┐
//! chain: claimed, gas ────────┼─▶ Plan ──▶ Batches ──▶ Outbox ──▶ Rewards.claimMany, claim
//! History: waiting since ─────┤    └─▶ held, with the reason
//! PayoutPolicy, DenyList ─────┘
//! ```
//!
//! [`Plan`] decides, purely, whom to pay, and [`Batch`] who is paid together: those in a range of places; [`Scheduler`] sends the batches through the outbox and reads from the events who
//! was paid and whose address refused the money; [`PayoutDaemon`] does so on a [`Schedule`]. Operators' own claims:
//! [`SettlementTimeline`] and [`Statement`] tell where they stand, [`Claimer`] makes transactions of what is due, sends them and
//! sees that nothing can undo them. What was paid is what the chain says (`claimed`), so running twice pays once.

mod alert;
mod allocations;
mod batch;
mod claim;
mod claimer;
mod cron;
mod daemon;
mod deny;
mod documents;
mod error;
mod finality;
mod gas;
mod history;
mod metrics;
mod plan;
mod policy;
mod ranges;
mod schedule;
mod scheduler;
mod settlements;
mod statement;

pub use alert::{Condition, PayoutAlert};
pub use allocations::Allocations;
pub use batch::{Batch, Call};
pub use claim::{ClaimBatch, Due, GasCost, Paid, claim_one};
pub use claimer::{ClaimPlan, Claimer, NothingToClaim, SentClaims, Unclaimed};
pub use daemon::PayoutDaemon;
pub use deny::DenyList;
pub use documents::Documents;
pub use error::PayoutError;
pub use finality::Distance;
pub use gas::{Gas, Margin};
pub use history::{History, LastPass, Totals};
pub use metrics::{Metrics, Snapshot, metrics};
pub use plan::{FailedPayment, Held, HoldReason, Payout, Plan, Terms};
pub use policy::{AlertPolicy, BatchPolicy, GasShare, PayoutPolicy, PolicyError};
pub use ranges::Limits;
pub use schedule::Schedule;
pub use scheduler::{PaidBatch, PayoutReport, Planned, Planner, Scheduler};
pub use settlements::settlement_to_pay;
pub use statement::{Pending, SettlementTimeline, Statement};
