//! What can go wrong.

use alloy_primitives::Address;
use assize_chain::ChainError;
use assize_outbox::OutboxError;
use assize_store::StoreError;
use assize_verify::VerifyError;
use thiserror::Error;

/// Why a pass came to no end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvaluatorError {
    /// The chain could not be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Something could not be recomputed.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The document could not be stored.
    #[error("the settlement's document cannot be stored: {0}")]
    Store(#[from] StoreError),
    /// The queue of transactions.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// This key is none of the evaluators'.
    #[error(
        "{address} is no evaluator of this network: the owner announces evaluators, one challenge window ahead; they are {}",
        list(evaluators)
    )]
    NoEvaluator {
        /// The key's address.
        address: Address,
        /// Who is.
        evaluators: Vec<Address>,
    },
    /// The contract does not take the settlement.
    #[error("the contract does not take the settlement of rounds {first} to {last}: {reason}")]
    Refused {
        /// First round.
        first: u64,
        /// Last round.
        last: u64,
        /// The contract's reason.
        reason: String,
    },
}

impl EvaluatorError {
    /// Whether the next try may succeed without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Chain(error) => error.is_transient(),
            Self::Outbox(error) => error.is_transient(),
            Self::Verify(error) => error.is_retryable(),
            _ => false,
        }
    }
}

fn list(addresses: &[Address]) -> String {
    let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    texts.join(", ")
}
