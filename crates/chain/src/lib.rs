//! Contract bindings, deployment, transactions and chain reading.
//!
//! - [`ChainClient`] speaks JSON-RPC to one node and knows nothing of the protocol; [`Rounds`], [`Rewards`] and
//!   [`Beacon`] read the contracts in the protocol's own types and draft the calls to them.
//! - [`Signer`] is a key: in memory, on a Ledger, or in AWS KMS. [`ChainClient::transact`] sends one transaction and waits; what must survive a crash goes
//!   through the outbox crate instead.
//! - [`deploy()`] puts the contracts on a chain, from [`DeployParams`] to a [`Deployment`]; [`plan_deployment`] plays that
//!   without sending, [`deploy_with`] survives a crash, [`check_deployment`] compares what is there with the source.
//!
//! All money is integer attoFIL, all times are Unix seconds.

mod beacon;
mod client;
pub mod contracts;
mod deploy;
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
mod signer;
mod transaction;

pub use alloy_primitives::{Address, B256, Bytes, U256};
// The types of what the contracts say are those of every other crate.
pub use assize_facts::{BatchCommitment, ListCommitment, Proposal, Round, Settlement, SettlementId, Status};
pub use beacon::Beacon;
pub use client::{ChainClient, Head};
pub use deploy::{
    Argument, BeaconParams, Coming, ContractRecord, DeployParams, DeployPlan, Deployment, DeploymentRecord,
    Finding, Journal, Mined, NetworkState, ParamsError, Part, PlannedCreation, Problem, Problems, Source,
    Step, Verdict, Weight, Work, chain_name, check as check_deployment, code_hashes, deploy, deploy_with,
    plan as plan_deployment,
};
pub use endpoint::RpcUrl;
pub use error::{ChainError, Result};
pub use fil::{Fil, NoAmount};
pub use message::SettlementMessage;
pub use revert::Revert;
pub use rewards::{
    Announced, BatchClaim, Claim, Evaluators, Misplaced, Payment, PaymentOutcome, Proven, Rewards,
};
pub use rounds::Rounds;
pub use signer::{
    KEY_VARIABLE, KeystoreTrouble, KmsTrouble, LedgerPath, LedgerTrouble, PASSWORD_VARIABLE, Signer,
    SignerError,
};
pub use transaction::{Draft, Fees, Log, Receipt, SendOutcome, SignedTransaction};
