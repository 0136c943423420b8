//! Errors of chain access.

use std::time::Duration;

use alloy_primitives::{Address, B256};
use assize_keys::SignerError;
use assize_protocol::{AttoFil, CidError, RoundNumber, StationIndex};
use thiserror::Error;

use crate::{AmountTooLarge, Revert};

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
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The server is there, and does not let this program use it.
    #[error("the node at {url} refuses access: HTTP status {status}; check the key in the URL")]
    NoAccess {
        /// The node, without secrets.
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// The server sends clients elsewhere.
    #[error(
        "{url} redirects with HTTP status {status}; use the URL to which it leads, often https:// in place of http://"
    )]
    Redirected {
        /// The node, without secrets.
        url: String,
        /// HTTP status.
        status: u16,
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
    /// The response is not that of a JSON-RPC node.
    #[error(
        "{url} answered {method} with what is no JSON-RPC response, or not complete: {reason}; check that it is the RPC URL of a \
         node that follows the chain"
    )]
    NotJsonRpc {
        /// JSON-RPC method.
        method: &'static str,
        /// The node, without secrets.
        url: String,
        /// The cause.
        reason: String,
    },
    /// A contract answers with what the contract of this project does not.
    #[error(
        "the contract answered {method} with what this program does not expect: {reason}; check the deployment file"
    )]
    Answer {
        /// Contract function.
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
    /// The node rejected a transaction: it has no effect.
    #[error("the node rejected the transaction {hash}, which has no effect: {reason}")]
    NotSent {
        /// The transaction.
        hash: B256,
        /// The node's message, or what it means.
        reason: String,
    },
    /// Nobody knows whether the node has accepted a transaction.
    #[error(
        "transaction {hash} was sent, and the node did not say whether it accepts it: {reason}; it may still be mined: look for \
         it before sending again"
    )]
    MaybeSent {
        /// The transaction.
        hash: B256,
        /// What went wrong.
        reason: String,
    },
    /// A transaction was sent, but its receipt did not arrive in time. It may still be mined.
    #[error(
        "no receipt for transaction {hash} within {seconds} s{}; it may still be mined: look for it before sending again",
        .trouble.as_ref().map(|trouble| format!(" ({trouble})")).unwrap_or_default()
    )]
    NotMined {
        /// The transaction.
        hash: B256,
        /// The time waited, seconds.
        seconds: u64,
        /// Why the node could not be asked, the last time.
        trouble: Option<String>,
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
    /// An amount that the contracts cannot store.
    #[error(transparent)]
    Amount(#[from] AmountTooLarge),
    /// The node does not give the bytes of a report that a station committed itself.
    #[error(
        "the node does not give the report that station {station} committed to round {round} itself: {reason}; use a node that \
         keeps the events of contracts for longer"
    )]
    OwnReport {
        /// The round.
        round: RoundNumber,
        /// The station's index in the roster.
        station: StationIndex,
        /// What is wrong.
        reason: String,
    },
}

impl ChainError {
    /// Whether the same call may succeed later without intervention.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } | Self::NotMined { .. } | Self::MaybeSent { .. } => {
                true
            }
            // Internal error of the node.
            Self::Rpc { code, .. } => *code == -32_603,
            // A page of a proxy whose node is down, or a node that is starting.
            Self::NotJsonRpc { .. } => true,
            Self::Signer(error) => error.is_transient(),
            _ => false,
        }
    }

    /// How long the node wants to be left alone, if it says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether a contract answered, if only by refusing, or is known not to be there: what the node said is about the contract.
    #[must_use]
    pub fn is_of_the_contract(&self) -> bool {
        matches!(
            self,
            Self::Reverted(_) | Self::NoContract { .. } | Self::Answer { .. }
        )
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
