//! Why something cannot be recomputed.

use std::error::Error;
use std::io;

use assize_bundle::BundleError;
use assize_chain::ChainError;
use assize_drand::BeaconError;
use assize_evaluate::{DocumentError, SettleError};
use assize_facts::{FileKey, Mismatch, RoundFault, SettlementId};
use assize_measurement::ndjson::NotTheBatch;
use assize_protocol::{BeaconRound, FileCid, RoundNumber};
use assize_store::{Reached, StoreError};
use thiserror::Error;

/// What is missing or damaged, and the remedy. A *difference* is not an error but a
/// [`Conclusion`](crate::Conclusion), except for evaluators, who cannot continue then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The chain cannot be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The round does not exist on chain.
    #[error(
        "round {round} does not exist: {}",
        latest.map_or("no round has been opened yet".to_owned(), |latest| format!("the latest is {latest}, the first is 1"))
    )]
    NoSuchRound {
        /// The requested round.
        round: RoundNumber,
        /// The newest round.
        latest: Option<RoundNumber>,
    },
    /// The settlement does not exist on chain.
    #[error("settlement {settlement} does not exist: {count} have been posted, numbered from 1")]
    NoSuchSettlement {
        /// The requested settlement.
        settlement: SettlementId,
        /// Number of settlements.
        count: u64,
    },
    /// No round is ready to be settled.
    #[error("nothing to settle: every round that is over is settled; wait for the next")]
    NothingToSettle,
    /// The last round that was asked for is settled already.
    #[error(
        "nothing to settle up to round {last}: the rounds up to {settled} are settled; name a later one, or none for the newest that is over"
    )]
    SettledAlready {
        /// The round that was asked for.
        last: RoundNumber,
        /// The newest round that is settled; 0 if none is.
        settled: RoundNumber,
    },
    /// A round or settlement that was not read from the chain beforehand.
    #[error("{what} is not among the facts read from the chain: read them for that range")]
    NotRead {
        /// The round or settlement.
        what: String,
    },
    /// A round that does not pass its checks.
    #[error(transparent)]
    Round(RoundFault),
    /// A beacon that a bundle is to have is unavailable or not genuine.
    #[error("beacon {beacon_round} of round {round}: {source}")]
    Beacon {
        /// The round.
        round: RoundNumber,
        /// drand's round.
        beacon_round: BeaconRound,
        /// The cause.
        source: BeaconError,
    },
    /// A batch or a document is missing or damaged.
    #[error("{what}: {source}")]
    Store {
        /// The file.
        what: String,
        /// The cause.
        source: Box<StoreError>,
    },
    /// The file of a batch's CID has other lines.
    #[error(
        "{batch} is not behind its CID {cid}: {source}; ask its publisher, or another evaluator, for the lines"
    )]
    NotTheBatch {
        /// The batch.
        batch: FileKey,
        /// The CID that was committed.
        cid: FileCid,
        /// What differs.
        source: NotTheBatch,
    },
    /// A malformed settlement document.
    #[error(
        "the document {cid} of settlement {settlement}: {source}; it matches its CID, so its evaluators signed a malformed \
         file"
    )]
    Document {
        /// The settlement.
        settlement: SettlementId,
        /// The document.
        cid: FileCid,
        /// The cause.
        source: DocumentError,
    },
    /// A parent's document that does not match the parent's state on chain.
    #[error(
        "the document {cid} of settlement {settlement} has {field} {document}, but {chain} on chain: nothing can be built \
         on it; verify settlement {settlement} first"
    )]
    WrongParent {
        /// The parent.
        settlement: SettlementId,
        /// Its document.
        cid: FileCid,
        /// The field.
        field: &'static str,
        /// The value in the document.
        document: String,
        /// The value on chain.
        chain: String,
    },
    /// A damaged or incomplete bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A malformed file of a bundle.
    #[error("{name} in the bundle is malformed: {reason}; create the bundle again")]
    BundleFile {
        /// The file.
        name: &'static str,
        /// The cause.
        reason: String,
    },
    /// The rounds do not form a settlement.
    #[error(transparent)]
    Settle(#[from] SettleError),
    /// A round on chain does not follow from its beacon and its parameters.
    #[error("{0}; do not sign for this round")]
    Mismatch(Mismatch),
}

impl From<RoundFault> for VerifyError {
    fn from(fault: RoundFault) -> Self {
        match fault {
            RoundFault::Mismatch(mismatch) => Self::Mismatch(mismatch),
            fault => Self::Round(fault),
        }
    }
}

impl VerifyError {
    /// Whether a file that counts cannot be read (docs/protocol.md §11.3).
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        match self {
            Self::Store { .. } | Self::NotTheBatch { .. } => true,
            Self::Round(fault) => matches!(
                fault,
                RoundFault::File { .. } | RoundFault::List { .. } | RoundFault::WrongList { .. }
            ),
            _ => false,
        }
    }

    /// What it says about the places where a [file that cannot be read](Self::is_unreadable) was looked for. Of a file that was
    /// read and is not the one that was committed, no place has another.
    #[must_use]
    pub fn reached(&self) -> Reached {
        match self {
            Self::Store { source, .. } => source.reached(),
            Self::NotTheBatch { .. }
            | Self::Round(RoundFault::List { .. } | RoundFault::WrongList { .. }) => Reached::ANSWER,
            Self::Round(RoundFault::File { source, .. }) => {
                of_file(&**source).map_or(Reached::LOCAL, StoreError::reached)
            }
            _ => Reached::LOCAL,
        }
    }

    /// Whether a beacon is unavailable.
    #[must_use]
    pub fn is_beacon(&self) -> bool {
        matches!(self, Self::Round(RoundFault::Beacon { .. }) | Self::Beacon { .. })
    }

    /// Whether a later attempt may succeed: something is unavailable now, or a round is not over.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Chain(error) => error.is_transient(),
            Self::Round(fault) => fault.is_retryable(),
            Self::Beacon { source, .. } => source.is_retryable(),
            Self::Store { .. } | Self::NotTheBatch { .. } => true,
            _ => false,
        }
    }
}

/// The error of a store in that of a list: as it is if the file could not be opened, in an error of reading otherwise.
fn of_file<'a>(error: &'a (dyn Error + Send + Sync + 'static)) -> Option<&'a StoreError> {
    let inner = || error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref();
    error.downcast_ref().or_else(inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use assize_measurement::unixfs::file_cid;
    use assize_protocol::List;

    use super::*;

    #[test]
    fn what_a_list_lacks_is_told_from_what_this_machine_lacks() {
        let cid = file_cid(b"a list");
        let of = |source: Arc<dyn Error + Send + Sync>| {
            VerifyError::Round(RoundFault::File {
                list: List::Roster,
                round: RoundNumber(1),
                cid,
                source,
            })
            .reached()
        };
        let too_long = || StoreError::TooLong { cid, most: 9 };
        assert_eq!(of(Arc::new(too_long())), Reached::ANSWER);
        assert_eq!(of(Arc::new(io::Error::other(too_long()))), Reached::ANSWER);
        assert_eq!(of(Arc::new(io::Error::other("disk"))), Reached::LOCAL);
    }
}
