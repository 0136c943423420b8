//! Evaluator: recomputes rounds whose commit windows are over, signs their settlement, collects its peers' signatures,
//! and posts.
//!
//! ```text
//! chain, store, drand ──recompute──▶ settlement document ──sign──▶ SignedProposal ──GET /proposal──▶ peers
//!                                                                        │
//!                           peers' SignedProposals of the same digest ───┴──k of n──▶ Outbox ──▶ Rewards.post
//! ```
//!
//! A peer is trusted only for its signature, and only if it signed the digest that this evaluator computed itself. All
//! evaluators settle the same ranges, whenever they run: a settlement covers [`Plan::every`] rounds. None is built on a pending
//! settlement that the evaluator did not recompute itself. Files are copied into the evaluator's store as soon as a round commits
//! to them, so that whoever withholds one later changes nothing. Those that nobody serves hold a settlement up until `threshold`
//! evaluators have objected to them. An evaluator keeps no state of its own: it recomputes what it signed, and the contract
//! rejects a settlement that is posted twice (docs/protocol.md §11).

mod alert;
mod attempts;
mod catalog;
mod court;
mod daemon;
mod error;
mod evaluator;
pub mod guardian;
mod metrics;
mod mirror;
mod objection;
mod peers;
mod plan;
mod retries;
mod signed;
mod stand_in;

pub use alert::EvaluatorAlert;
pub use attempts::Objection;
pub use catalog::catalog_router;
pub use daemon::EvaluatorDaemon;
pub use error::EvaluatorError;
pub use evaluator::{Evaluator, Parts, Pass};
pub use metrics::{Metrics, Seen, metrics};
pub use objection::MissingFile;
pub use peers::{Peer, PeerFault, PeerUrlError};
pub use plan::Plan;
pub use signed::{Board, SignedProposal};
