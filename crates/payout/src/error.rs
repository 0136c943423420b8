//! Errors of payouts.

use std::path::PathBuf;
use std::time::Duration;

use alloy_primitives::{Address, B256};
use assize_chain::ChainError;
use assize_evaluate::DocumentError;
use assize_facts::{SettlementId, Status};
use assize_outbox::OutboxError;
use assize_protocol::{AttoFil, FileCid, PayoutAddress};
use assize_service::sqlite::SqliteError;
use assize_service::{PassError, date, moment};
use assize_store::StoreError;
use thiserror::Error;

/// Why a payout stopped. Nothing is lost: unpaid amounts can be claimed later.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PayoutError {
    /// The chain cannot be read or written.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The transaction queue failed.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The history file cannot be opened.
    #[error(transparent)]
    Open(#[from] SqliteError),
    /// A statement failed on an open history.
    #[error("payout history: {0}")]
    Sql(#[from] rusqlite::Error),
    /// The file is the history of another contract, or not a history.
    #[error("{} belongs to {there}, not to {here}; give another directory with --data", path.display())]
    ForeignHistory {
        /// The file.
        path: PathBuf,
        /// Its owner.
        there: String,
        /// The expected owner.
        here: String,
    },
    /// The document of a settlement is unavailable.
    #[error("cannot load the document of settlement {settlement}: {source}")]
    Document {
        /// The settlement.
        settlement: SettlementId,
        /// The cause.
        source: Box<StoreError>,
    },
    /// The document of a settlement is malformed.
    #[error("the document of settlement {settlement} ({cid}) is malformed: {source}")]
    MalformedDocument {
        /// The settlement.
        settlement: SettlementId,
        /// The document.
        cid: FileCid,
        /// The cause.
        source: DocumentError,
    },
    /// The settlement does not exist.
    #[error("settlement {settlement} does not exist: {}", match .count {
        0 => "no settlement has been posted yet".to_owned(),
        _ => format!("give one from 1 to {count}"),
    })]
    NoSuchSettlement {
        /// The settlement.
        settlement: SettlementId,
        /// Number of settlements.
        count: u64,
    },
    /// No settlement has been posted.
    #[error("no settlement has been posted yet; `assize settlement post` posts one")]
    NothingPosted,
    /// No settlement is active.
    #[error(
        "no settlement is active yet: settlement {settlement} is in its challenge window until {}; run this again then",
        date(*.active_at)
    )]
    NoneActive {
        /// The newest settlement.
        settlement: SettlementId,
        /// When it becomes active, Unix seconds.
        active_at: u64,
    },
    /// The settlement to claim from does not pay yet.
    #[error(
        "settlement {settlement} is in its challenge window: it becomes active at {}, unless it is voided",
        moment(*.active_at, *.now)
    )]
    InChallengeWindow {
        /// The settlement.
        settlement: SettlementId,
        /// When it becomes active, Unix seconds.
        active_at: u64,
        /// Time of the chain, Unix seconds.
        now: u64,
    },
    /// The settlement to claim from never pays.
    #[error(
        "settlement {settlement} is void and never pays; a later settlement grants the same amounts again"
    )]
    Void {
        /// The settlement.
        settlement: SettlementId,
    },
    /// The settlement is not active.
    #[error("settlement {settlement} is {status}{}", match .status {
        Status::Pending => format!(": it becomes active at Unix time {active_at}, unless it is voided"),
        _ => ": claim from one that is active".to_owned(),
    })]
    NotActive {
        /// The settlement.
        settlement: SettlementId,
        /// Its status.
        status: Status,
        /// When it becomes active, Unix seconds.
        active_at: u64,
    },
    /// The allocations belong to another settlement.
    #[error(
        "the allocations have the root {ours}, but settlement {settlement} has {theirs} on chain; get its document by its CID"
    )]
    WrongAllocations {
        /// The settlement.
        settlement: SettlementId,
        /// Root of the allocations given.
        ours: B256,
        /// Root on chain.
        theirs: B256,
    },
    /// The settlement has no allocation for the operator.
    #[error(
        "settlement {settlement} grants {operator} nothing; check the address, and whether a newer settlement is active"
    )]
    UnknownOperator {
        /// The settlement.
        settlement: SettlementId,
        /// The operator.
        operator: Address,
    },
    /// A confirmed transaction has no receipt any more.
    #[error("the node no longer has the receipt of the confirmed transaction {hash}; run again to continue")]
    ReceiptGone {
        /// The transaction.
        hash: B256,
    },
    /// Everything has been paid.
    #[error("{operator} has already received everything that settlement {settlement} grants it: {claimed}")]
    NothingDue {
        /// The settlement.
        settlement: SettlementId,
        /// The operator.
        operator: Address,
        /// What it has received.
        claimed: AttoFil,
    },
    /// The recipient rejected the payment.
    #[error(
        "{recipient} rejected the {amount} of operator {operator}; nothing was paid and nothing is lost; the operator can \
         have it sent elsewhere with `assize operator payout-address set ADDRESS`, and then claim again"
    )]
    RecipientRefused {
        /// The operator.
        operator: Address,
        /// The recipient.
        recipient: PayoutAddress,
        /// What it rejected.
        amount: AttoFil,
    },
    /// A mined claim contains no payment.
    #[error("transaction {hash} succeeded, but contains no payment to {operator}; check the deployment file")]
    NoPayment {
        /// The transaction.
        hash: B256,
        /// The operator.
        operator: Address,
    },
    /// A reorganisation dropped a claim.
    #[error(
        "a reorganisation dropped transaction {hash} from block {block}: it paid nobody. Claim \
         again; even if it returns, nobody is paid twice"
    )]
    Vanished {
        /// The transaction.
        hash: B256,
        /// Its former block.
        block: u64,
    },
    /// A reorganisation moved a claim to a block in which it fails.
    #[error(
        "after a reorganisation, transaction {hash} is in block {block} and fails there: it paid nobody, perhaps because \
         another claim came first; see `assize operator balance`"
    )]
    Undone {
        /// The transaction.
        hash: B256,
        /// Its new block.
        block: u64,
    },
}

impl PassError for PayoutError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Chain(error) => error.is_transient(),
            Self::Outbox(error) => error.is_transient(),
            Self::ReceiptGone { .. } => true,
            _ => false,
        }
    }

    fn is_fatal(&self) -> bool {
        matches!(self, Self::Outbox(error) if error.is_fatal())
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Chain(error) => error.retry_after(),
            Self::Outbox(error) => error.retry_after(),
            _ => None,
        }
    }
}
