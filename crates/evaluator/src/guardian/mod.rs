//! Guardian: recomputes every pending settlement from the files, its parent included, and vetoes one that differs, with the
//! first difference as the reason.
//!
//! ```text
//!  chain: pending settlements, oldest first ──▶ recompute ──▶ right ──▶ answer what the Court is asked about it
//!  store, gateways, drand ──────────────────────▲      └────▶ wrong twice, or nobody serves its files ──▶ veto, alert, webhook
//!  chain: files that evaluators object to ──▶ read ──▶ can be read ──▶ keep, alert, webhook
//! ```
//!
//! What it cannot judge by its own fault or its node's is an alert, and no veto.
//! Without the guardian's key it watches: it raises the same alerts, and anybody can run it so; with any other key it also answers
//! the Court. Nothing is built on what it says of a settlement; after a restart it recomputes what is pending (docs/protocol.md §11).

mod agent;
mod alert;
mod daemon;
mod error;
mod judge;
mod keeping;
mod metrics;
mod verdict;
mod webhook;

pub use agent::{Guardian, Parts, Pass};
pub use alert::GuardianAlert;
pub use daemon::GuardianDaemon;
pub use error::GuardianError;
pub use judge::Judgement;
pub use metrics::{Metrics, Seen, metrics};
pub use webhook::{Webhook, WebhookError};
