//! Errors of an evaluator.

use std::time::Duration;

use alloy_primitives::Address;
use assize_chain::ChainError;
use assize_drand::BeaconError;
use assize_facts::{Mismatch, SettlementId};
use assize_outbox::OutboxError;
use assize_protocol::RoundNumber;
use assize_service::PassError;
use assize_store::StoreError;
use assize_verify::VerifyError;
use thiserror::Error;

/// Why a pass failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvaluatorError {
    /// The chain cannot be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Something cannot be recomputed.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The document cannot be stored.
    #[error("failed to store the settlement document: {0}")]
    Store(#[from] StoreError),
    /// The transaction queue failed.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The beacon that reveals a round cannot be read.
    #[error("round {round} is not revealed, and its beacon cannot be read: {source}")]
    Beacon {
        /// The round.
        round: RoundNumber,
        /// Why.
        source: BeaconError,
    },
    /// The key is not an evaluator's.
    #[error(
        "{address} is not an evaluator of this network: the owner announces evaluators one challenge window ahead; the current ones are {}",
        list(evaluators)
    )]
    NoEvaluator {
        /// The key's address.
        address: Address,
        /// The current evaluators.
        evaluators: Vec<Address>,
    },
    /// The pending settlement that the next one would be built on is wrong.
    #[error(
        "settlement {settlement} is pending and wrong: {mismatch}; nothing is signed on top of it, and the guardian must veto it \
         before it becomes active"
    )]
    WrongParent {
        /// The settlement.
        settlement: SettlementId,
        /// The first difference.
        mismatch: Mismatch,
    },
    /// The contract rejects the settlement.
    #[error("the contract rejects the settlement of rounds {first} to {last}: {reason}")]
    Refused {
        /// First round.
        first: u64,
        /// Last round.
        last: u64,
        /// The contract's reason.
        reason: String,
    },
}

impl PassError for EvaluatorError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Chain(error) => error.is_transient(),
            Self::Outbox(error) => error.is_transient(),
            Self::Verify(error) => error.is_retryable(),
            _ => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Chain(error) => error.retry_after(),
            Self::Outbox(error) => error.retry_after(),
            _ => None,
        }
    }

    fn is_fatal(&self) -> bool {
        matches!(self, Self::Outbox(error) if error.is_fatal())
    }
}

fn list(addresses: &[Address]) -> String {
    let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    texts.join(", ")
}
