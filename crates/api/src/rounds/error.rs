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
    /// The chain was not looked at since the api was started.
    #[error("the chain was not looked at yet: ask again in some seconds")]
    NotLooked,
    /// It was not opened.
    #[error("there is no round {round}: {}", match latest {
        Some(latest) => format!("the newest is {latest}"),
        None => "none was opened yet".to_owned(),
    })]
    NoSuchRound {
        /// The round asked for.
        round: RoundNumber,
        /// The newest; none before the first.
        latest: Option<RoundNumber>,
    },
    /// Its beacon is not revealed.
    #[error("the beacon of round {round} is not revealed yet: ask again in some seconds")]
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
    /// The api is ending.
    #[error("the api is ending")]
    Ending,
}

impl From<ChainError> for RoundError {
    fn from(error: ChainError) -> Self {
        Self::Chain(Arc::new(error))
    }
}
