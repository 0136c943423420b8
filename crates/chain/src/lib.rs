//! Contract bindings, transactions and chain reading.
//!
//! - [`ChainClient`] speaks JSON-RPC to one node and is independent of the protocol. [`Rounds`], [`Rewards`] and
//!   [`Beacon`] read the contracts in the protocol's types and draft the calls to them.
//! - [`ChainClient::transact`] sends one transaction and waits. Transactions that must survive a crash go through
//!   `assize-outbox` instead.
//!
//! Keys are in `assize-keys`, and deployment of the contracts is in `assize-deployment`.
//!
//! All money is [`AttoFil`](assize_protocol::AttoFil), except the contracts' and transactions' own encoding; all times are Unix seconds.

mod beacon;
mod client;
pub mod contracts;
mod eip1559;
mod endpoint;
mod error;
mod message;
mod newest;
mod refusal;
mod revert;
mod rewards;
mod rounds;
mod rpc;
mod send;
mod transaction;

pub use alloy_primitives::{Address, B256, Bytes};
// The types of what the contracts say are those of every other crate.
pub use assize_facts::{BatchCommitment, ListCommitment, Proposal, Round, Settlement, SettlementId, Status};
pub use beacon::Beacon;
pub use client::{ChainClient, Head};
pub use endpoint::RpcUrl;
pub use error::{ChainError, Result};
pub use message::SettlementMessage;
pub use newest::NewestBlock;
pub use revert::{Revert, show_times_as};
pub use rewards::{
    Announced, BatchClaim, Claim, Evaluators, Misplaced, Payment, PaymentOutcome, Proven, Rewards,
};
pub use rounds::{BudgetTooLarge, Rounds, encode_parameters};
pub use transaction::{Draft, Fees, Log, Receipt, SendOutcome, SignedTransaction};
