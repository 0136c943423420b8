//! Errors of chain access.

use alloy_primitives::{Address, B256};
use assize_keys::SignerError;
use assize_protocol::{AttoFil, CidError};
use thiserror::Error;

use crate::{BudgetTooLarge, Revert};

/// Result of this crate.
pub type Result<T, E = ChainError> = std::result::Result<T, E>;

/// Why a chain could not be read or written. Every message names the subject and, where there is one, the remedy.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The text is not a URL of a JSON-RPC node.
    #[error("the RPC URL is invalid: {reason}; use one that starts with http:// or https://")]
    BadUrl {
        /// The cause.
        reason: String,
    },
    /// Nothing answers there, or not with JSON-RPC.
    #[error("no answer from the node at {url}: {reason}; check the URL, and that the node is running")]
    Unreachable {
        /// The node, without secrets.
        url: String,
        /// The HTTP client's error.
        reason: String,
    },
    /// The node or a proxy in front of it is overloaded, or limits the rate of requests.
    #[error("the node at {url} has too much to do, or limits requests: {reason}; wait, or use another node")]
    Busy {
        /// The node, without secrets.
        url: String,
        /// Its message.
        reason: String,
    },
    /// The node says that the sender cannot pay for a transaction.
    #[error("the sender's balance does not cover the transaction; send it FIL first ({method}: {message})")]
    CannotPay {
        /// JSON-RPC method.
        method: &'static str,
        /// The node's message.
        message: String,
    },
    /// The node serves another chain.
    #[error(
        "the node at {url} serves chain {actual}, not chain {expected}; use the URL of a node of chain {expected}"
    )]
    WrongChain {
        /// The node, without secrets.
        url: String,
        /// The expected chain id.
        expected: u64,
        /// The actual chain id.
        actual: u64,
    },
    /// The node answered with an error.
    #[error("the node rejected {method}: {message} (code {code})")]
    Rpc {
        /// JSON-RPC method.
        method: &'static str,
        /// JSON-RPC error code.
        code: i64,
        /// The node's message.
        message: String,
    },
    /// The node's response is malformed.
    #[error("malformed response of the node to {method}: {reason}")]
    Answer {
        /// JSON-RPC method or contract function.
        method: &'static str,
        /// The cause.
        reason: String,
    },
    /// A contract reverted.
    #[error(transparent)]
    Reverted(#[from] Box<Revert>),
    /// The contract is not at this address.
    #[error(
        "there is no {contract} contract at {address} on chain {chain_id}; check the deployment file and the RPC URL"
    )]
    NoContract {
        /// The contract's name.
        contract: &'static str,
        /// The address.
        address: Address,
        /// The chain.
        chain_id: u64,
    },
    /// A contract contains a CID that this project cannot have stored.
    #[error("{contract} has an invalid CID in {what}: {source}")]
    StoredCid {
        /// The contract's name.
        contract: &'static str,
        /// Which CID.
        what: String,
        /// Why it is invalid.
        source: CidError,
    },
    /// The key's balance does not cover the transaction.
    #[error(
        "the key {address} holds {balance} on chain {chain_id} but needs up to {needed}; send it FIL first"
    )]
    Unfunded {
        /// The sender.
        address: Address,
        /// The chain.
        chain_id: u64,
        /// Its balance.
        balance: AttoFil,
        /// The transaction's maximum cost.
        needed: AttoFil,
    },
    /// The node rejected a transaction.
    #[error("the node rejected the transaction {hash}: {reason}")]
    NotSent {
        /// The transaction.
        hash: B256,
        /// The node's message.
        reason: String,
    },
    /// A transaction was sent, but its receipt did not arrive in time. It may still be mined.
    #[error(
        "no receipt for transaction {hash} within {seconds} s; it may still be mined: check it before sending again"
    )]
    NotMined {
        /// The transaction.
        hash: B256,
        /// The time waited, seconds.
        seconds: u64,
    },
    /// A transaction was mined and failed for an unknown reason.
    #[error("transaction {hash} failed in block {block} and the node cannot say why")]
    FailedWithoutReason {
        /// The transaction.
        hash: B256,
        /// The block it is in.
        block: u64,
    },
    /// The key is unavailable, or did not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The contract and this program disagree about the digest that evaluators sign.
    #[error(
        "{contract} at {address} expects evaluators to sign {theirs}, but this program computes {ours} for the same settlement; \
         if the evaluators are changing just now, try again, else use the program that belongs to the contract"
    )]
    OtherDigest {
        /// The contract's name.
        contract: &'static str,
        /// Its address.
        address: Address,
        /// The contract's digest.
        theirs: B256,
        /// This program's digest.
        ours: B256,
    },
    /// Round parameters that the contract cannot store.
    #[error(transparent)]
    Budget(#[from] BudgetTooLarge),
}

impl ChainError {
    /// Whether the same call may succeed later without intervention.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } | Self::NotMined { .. } => true,
            // Internal error of the node.
            Self::Rpc { code, .. } => *code == -32_603,
            Self::Signer(error) => error.is_transient(),
            _ => false,
        }
    }

    /// The revert, if this is one.
    #[must_use]
    pub fn revert(&self) -> Option<&Revert> {
        match self {
            Self::Reverted(revert) => Some(revert),
            _ => None,
        }
    }
}
