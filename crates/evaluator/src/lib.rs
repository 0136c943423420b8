//! Evaluator: recomputes rounds whose commit windows are over, signs their settlement, gathers the signatures of its peers,
//! and posts.
//!
//! ```text
//! chain, store, drand ──recompute──▶ settlement document ──sign──▶ SignedProposal ──GET /proposal──▶ peers
//!                                                                        │
//!                           peers' SignedProposals of the same digest ───┴──k of n──▶ Outbox ──▶ Rewards.post
//! ```
//!
//! Nothing of a peer is believed but its signature, and that only under a digest which this evaluator computed by itself.
//! All evaluators settle the same ranges, whenever they look: a settlement covers [`Plan::every`] rounds, or twice, three
//! times as many if nobody earned anything in them. An evaluator keeps no state of its own: what it signed it recomputes,
//! and a settlement that was posted twice is refused by the contract. DESIGN §2.7.

mod daemon;
mod error;
mod evaluator;
mod metrics;
mod peers;
mod proposal;
mod signed;

pub use daemon::EvaluatorDaemon;
pub use error::EvaluatorError;
pub use evaluator::{Evaluator, Parts, Pass, Plan};
pub use metrics::Metrics;
pub use peers::{Peer, PeerFault, PeerUrlError};
pub use proposal::proposal_of;
pub use signed::{Board, SignedProposal};
