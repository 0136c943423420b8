//! What can go wrong between us and the chain.

use alloy_primitives::{Address, B256, U256};
use assize_keys::SignerError;
use assize_protocol::CidError;
use thiserror::Error;

use crate::{BudgetTooLarge, Fil, Revert};

/// Result of this crate.
pub type Result<T, E = ChainError> = std::result::Result<T, E>;

/// Why a chain could not be read or written. Every message names the thing and, where there is one, the remedy.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChainError {
    /// Not the URL of a JSON-RPC node.
    #[error("the RPC URL is not usable: {reason}; give one that starts with http:// or https://")]
    BadUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answers there, or not in JSON-RPC.
    #[error("no answer from the node at {url}: {reason}; is the URL right and the node running?")]
    Unreachable {
        /// The node, without secrets.
        url: String,
        /// What the HTTP client said.
        reason: String,
    },
    /// The node serves another chain than the one wanted.
    #[error(
        "the node at {url} serves chain {actual}, not chain {expected}; give the URL of a node of chain {expected}"
    )]
    WrongChain {
        /// The node, without secrets.
        url: String,
        /// Chain id wanted.
        expected: u64,
        /// Chain id served.
        actual: u64,
    },
    /// The node answered with an error of its own.
    #[error("the node refused {method}: {message} (code {code})")]
    Rpc {
        /// JSON-RPC method.
        method: &'static str,
        /// JSON-RPC error code.
        code: i64,
        /// The node's words.
        message: String,
    },
    /// The node's answer does not have the shape that the method promises.
    #[error("the node's answer to {method} makes no sense: {reason}")]
    Answer {
        /// JSON-RPC method or contract function.
        method: &'static str,
        /// What does not fit.
        reason: String,
    },
    /// A contract refused a call.
    #[error(transparent)]
    Reverted(#[from] Box<Revert>),
    /// Nothing, or something else, lives at the address.
    #[error(
        "there is no {contract} contract at {address} on chain {chain_id}; check the deployment file and the RPC URL"
    )]
    NoContract {
        /// The contract's name.
        contract: &'static str,
        /// Where it was expected.
        address: Address,
        /// On which chain.
        chain_id: u64,
    },
    /// A contract holds a CID that this project cannot have put there.
    #[error("{contract} holds an unusable CID in {what}: {source}")]
    StoredCid {
        /// The contract's name.
        contract: &'static str,
        /// Which CID.
        what: String,
        /// Why it is no file's CID.
        source: CidError,
    },
    /// The key cannot pay for what it is to send.
    #[error(
        "the key {address} holds {} on chain {chain_id} but needs up to {}; send it FIL first",
        Fil(*balance), Fil(*needed)
    )]
    Unfunded {
        /// The sender.
        address: Address,
        /// On which chain.
        chain_id: u64,
        /// What it holds, attoFIL.
        balance: U256,
        /// Most that the transaction can cost, attoFIL.
        needed: U256,
    },
    /// The node did not take a transaction.
    #[error("the node did not take the transaction {hash}: {reason}")]
    NotSent {
        /// The transaction.
        hash: B256,
        /// The node's words.
        reason: String,
    },
    /// A transaction was sent, but no receipt came in time. It may still be mined.
    #[error(
        "no receipt for transaction {hash} within {seconds} s; it may still be mined: look it up before sending again"
    )]
    NotMined {
        /// The transaction.
        hash: B256,
        /// How long was waited, seconds.
        seconds: u64,
    },
    /// A transaction was mined and failed, and the reason could not be found out.
    #[error("transaction {hash} failed in block {block} and the node cannot say why")]
    FailedWithoutReason {
        /// The transaction.
        hash: B256,
        /// The block it is in.
        block: u64,
    },
    /// The key could not be had, or did not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The contract and this program disagree on what evaluators sign.
    #[error(
        "{contract} at {address} wants evaluators to sign {theirs}, but this program makes {ours} of the same settlement; \
         if the evaluators are changing just now, try again, else use the program that belongs to the contract"
    )]
    OtherDigest {
        /// The contract's name.
        contract: &'static str,
        /// Where it is.
        address: Address,
        /// The contract's digest.
        theirs: B256,
        /// Ours.
        ours: B256,
    },
    /// Parameters of rounds that the contract cannot store.
    #[error(transparent)]
    Budget(#[from] BudgetTooLarge),
}

impl ChainError {
    /// Whether the same call may succeed later without anyone changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::NotMined { .. } => true,
            // -32005 and 429: rate limits; -32603: the node's own trouble.
            Self::Rpc { code, .. } => matches!(code, -32_005 | -32_603 | 429),
            Self::Signer(error) => error.is_transient(),
            _ => false,
        }
    }

    /// The refusal of a contract, if this is one.
    #[must_use]
    pub fn revert(&self) -> Option<&Revert> {
        match self {
            Self::Reverted(revert) => Some(revert),
            _ => None,
        }
    }
}
