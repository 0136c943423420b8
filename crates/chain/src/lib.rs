//! Contract bindings, transactions and chain reading.
//!
//! - [`ChainClient`] speaks JSON-RPC to one node and is independent of the protocol. [`Roles`], [`Rounds`], [`Rewards`],
//!   [`Court`] and [`Beacon`] read the contracts in the protocol's types and draft the calls to them.
//! - [`ChainClient::transact`] sends one transaction and waits. Transactions that must survive a crash go through
//!   `assize-outbox` instead.
//!
//! Keys are in `assize-keys`, and deployment of the contracts is in `assize-deployment`.
//!
//! All money is [`AttoFil`](assize_protocol::AttoFil), except the contracts' and transactions' own encoding; all times are Unix seconds.

mod amount;
mod announced;
mod at;
mod beacon;
mod blocks;
mod client;
pub mod contracts;
mod court;
mod eip1559;
mod endpoint;
mod error;
mod gas;
mod logs;
mod message;
mod newest;
mod refusal;
mod revert;
mod rewards;
mod roles;
mod rounds;
mod rpc;
mod send;
mod transaction;

pub use alloy_primitives::{Address, B256, Bytes};
// The types of what the contracts say are those of every other crate.
pub use amount::AmountTooLarge;
pub use announced::Announced;
pub use assize_facts::{
    BatchCommitment, FileKey, FileKind, ListCommitment, OwnReport, Proposal, Round, Settlement, SettlementId,
    Status, Times,
};
pub use assize_measurement::Seal;
pub use beacon::Beacon;
pub use blocks::Blocks;
pub use client::{ChainClient, Head};
pub use court::{Court, Demand, Place, Search};
pub use endpoint::RpcUrl;
pub use error::{ChainError, Result};
pub use gas::GasRules;
pub use message::SettlementMessage;
pub use newest::NewestBlock;
pub use revert::{Revert, show_times_as};
pub use rewards::{BatchClaim, Claim, Claimed, Objections, Payment, PaymentOutcome, Rewards, Share};
pub use roles::{Evaluators, Roles};
pub use rounds::{Admission, OwnSeal, Rounds, SignedSeal, encode_parameters};
pub use transaction::{Draft, Fees, Log, Receipt, SendOutcome, SignedTransaction};
