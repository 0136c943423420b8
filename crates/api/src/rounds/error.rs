//! Why a round is unavailable.

use std::sync::Arc;

use assize_chain::ChainError;
use assize_facts::RoundFault;
use assize_protocol::RoundNumber;
use thiserror::Error;

/// Why a round is unavailable, for good or for now.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum RoundError {
    /// The chain has not been polled since the api started.
    #[error("the chain has not been polled yet: retry in a few seconds")]
    NotLooked,
    /// The round has not been opened.
    #[error("round {round} does not exist: {}", match latest {
        Some(latest) => format!("the latest is {latest}"),
        None => "none has been opened yet".to_owned(),
    })]
    NoSuchRound {
        /// The requested round.
        round: RoundNumber,
        /// The latest round; `None` before the first.
        latest: Option<RoundNumber>,
    },
    /// Its beacon is not revealed.
    #[error("the beacon of round {round} is not revealed yet: retry in a few seconds")]
    NotRevealed {
        /// The round.
        round: RoundNumber,
    },
    /// The chain does not answer.
    #[error("the chain does not answer: {0}")]
    Chain(Arc<ChainError>),
    /// The round does not pass its checks.
    #[error(transparent)]
    Fault(#[from] RoundFault),
    /// The api is shutting down.
    #[error("the api is shutting down")]
    Ending,
}

impl From<ChainError> for RoundError {
    fn from(error: ChainError) -> Self {
        Self::Chain(Arc::new(error))
    }
}
