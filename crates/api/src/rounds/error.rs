//! Why a round cannot be told of.

use std::sync::Arc;

use assize_chain::ChainError;
use assize_drand::BeaconError;
use assize_protocol::{FileCid, List, ListError, RoundNumber};
use assize_store::StoreError;
use thiserror::Error;

/// Why a round cannot be told of, or not now.
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
    /// The round's beacon cannot be had.
    #[error("the beacon of round {round} cannot be had: {source}")]
    Beacon {
        /// The round.
        round: RoundNumber,
        /// Why not.
        source: Arc<BeaconError>,
    },
    /// The chain's seed does not follow from the beacon.
    #[error(
        "the seed that the chain has for round {round} does not follow from its beacon: nothing is said of it"
    )]
    WrongSeed {
        /// The round.
        round: RoundNumber,
    },
    /// One of its lists cannot be read.
    #[error("the {list} of round {round} ({cid}) cannot be read: {source}")]
    Store {
        /// Which.
        list: List,
        /// The round.
        round: RoundNumber,
        /// The file.
        cid: FileCid,
        /// The store's reason.
        source: Arc<StoreError>,
    },
    /// One of its lists is no list.
    #[error("the {list} of round {round} ({cid}) is none: {source}")]
    List {
        /// Which.
        list: List,
        /// The round.
        round: RoundNumber,
        /// The file.
        cid: FileCid,
        /// What is wrong with it.
        source: ListError,
    },
    /// One of its lists is not what the round froze.
    #[error(
        "the {list} of round {round} ({cid}) is not the one that the round froze: its root or count differs"
    )]
    WrongList {
        /// Which.
        list: List,
        /// The round.
        round: RoundNumber,
        /// The file.
        cid: FileCid,
    },
    /// The api is ending.
    #[error("the api is ending")]
    Ending,
}

impl From<ChainError> for RoundError {
    fn from(error: ChainError) -> Self {
        Self::Chain(Arc::new(error))
    }
}
