//! Errors of a guardian.

use std::time::Duration;

use assize_chain::ChainError;
use assize_facts::SettlementId;
use assize_outbox::OutboxError;
use assize_service::PassError;
use assize_verify::VerifyError;
use thiserror::Error;

/// Why a pass failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GuardianError {
    /// The chain cannot be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Something that recomputing needs is unavailable at the moment.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The transaction queue failed.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The contract rejects the veto.
    #[error(
        "the contract rejects the veto of settlement {settlement}: {reason}; veto it by hand with `assize settlement veto \
         {settlement}` before it becomes active"
    )]
    Refused {
        /// The settlement.
        settlement: SettlementId,
        /// The contract's reason.
        reason: String,
    },
}

impl PassError for GuardianError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Chain(error) => error.is_transient(),
            Self::Outbox(error) => error.is_transient(),
            Self::Verify(error) => error.is_retryable(),
            Self::Refused { .. } => false,
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
