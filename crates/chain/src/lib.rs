//! Contract bindings, transactions and chain reading.
//!
//! - [`ChainClient`] speaks JSON-RPC to one node and knows nothing of the protocol; [`Rounds`], [`Rewards`] and
//!   [`Beacon`] read the contracts in the protocol's own types and draft the calls to them.
//! - [`ChainClient::transact`] sends one transaction and waits; what must survive a crash goes through `assize-outbox` instead.
//!
//! The keys are in `assize-keys`, and putting the contracts on a chain is in `assize-deployment`.
//!
//! All money is integer attoFIL, all times are Unix seconds.

mod beacon;
mod client;
pub mod contracts;
mod eip1559;
mod endpoint;
mod error;
mod fil;
mod message;
mod revert;
mod rewards;
mod rounds;
mod rpc;
mod send;
mod transaction;

pub use alloy_primitives::{Address, B256, Bytes, U256};
// The types of what the contracts say are those of every other crate.
pub use assize_facts::{BatchCommitment, ListCommitment, Proposal, Round, Settlement, SettlementId, Status};
pub use beacon::Beacon;
pub use client::{ChainClient, Head};
pub use endpoint::RpcUrl;
pub use error::{ChainError, Result};
pub use fil::{Fil, NoAmount};
pub use message::SettlementMessage;
pub use revert::Revert;
pub use rewards::{
    Announced, BatchClaim, Claim, Evaluators, Misplaced, Payment, PaymentOutcome, Proven, Rewards,
};
pub use rounds::{BudgetTooLarge, Rounds, encode_parameters};
pub use transaction::{Draft, Fees, Log, Receipt, SendOutcome, SignedTransaction};
