//! Why nobody could be paid.

use std::path::PathBuf;

use alloy_primitives::{Address, B256, U256};
use assize_chain::{ChainError, Fil};
use assize_facts::{SettlementId, Status};
use assize_outbox::OutboxError;
use assize_protocol::PayoutAddress;
use thiserror::Error;

/// What stopped a payout. Nothing is lost: what was not paid can be claimed later.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PayoutError {
    /// The chain cannot be read or written.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The transaction queue.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The history's file.
    #[error("the history of payouts {}: {source}", path.display())]
    History {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// A statement of a history that is open.
    #[error("the history of payouts: {0}")]
    Sql(#[from] rusqlite::Error),
    /// A history of another contract, or no history.
    #[error("{} belongs to {there}, not to {here}; give another file with --history", path.display())]
    ForeignHistory {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        there: String,
        /// Whose is wanted.
        here: String,
    },
    /// What a settlement grants cannot be had.
    #[error("what settlement {settlement} grants cannot be read: {reason}")]
    Document {
        /// Which.
        settlement: SettlementId,
        /// Why, and what to do.
        reason: String,
    },
    /// The settlement cannot be claimed from.
    #[error("settlement {settlement} is {status}{}", match .status {
        Status::Pending => format!(": it becomes active at Unix time {active_at}, unless it is vetoed"),
        _ => ": claim from one that is active".to_owned(),
    })]
    NotActive {
        /// Which.
        settlement: SettlementId,
        /// Its status.
        status: Status,
        /// When it becomes active, Unix seconds.
        active_at: u64,
    },
    /// The allocations given are not the settlement's.
    #[error(
        "the allocations have the root {ours}, but settlement {settlement} has {theirs} on chain; get its document by its CID"
    )]
    WrongAllocations {
        /// Which.
        settlement: SettlementId,
        /// Root of the allocations given.
        ours: B256,
        /// Root on chain.
        theirs: B256,
    },
    /// The settlement knows nothing of the operator.
    #[error(
        "settlement {settlement} grants {operator} nothing; is the address right, and the settlement the newest?"
    )]
    UnknownOperator {
        /// Which.
        settlement: SettlementId,
        /// Who.
        operator: Address,
    },
    /// A transaction counted, and its receipt is gone.
    #[error("the node has no receipt of {hash} any more, which counted a moment ago; running again goes on")]
    ReceiptGone {
        /// The transaction.
        hash: B256,
    },
    /// All has been paid.
    #[error("{operator} has had all that settlement {settlement} grants it: {}", Fil(*.claimed))]
    NothingDue {
        /// Which.
        settlement: SettlementId,
        /// Who.
        operator: Address,
        /// attoFIL.
        claimed: U256,
    },
    /// The recipient did not take an operator's money.
    #[error(
        "{recipient} did not take the {} of operator {operator}, so nothing was paid, and nothing is lost; the operator can \
         have it sent elsewhere with `assize operator payout-address set ADDRESS`, and then claim again",
        Fil(*.amount)
    )]
    RecipientRefused {
        /// Who earns.
        operator: Address,
        /// Who refused.
        recipient: PayoutAddress,
        /// attoFIL.
        amount: U256,
    },
    /// A claim was mined without a payment in it.
    #[error(
        "transaction {hash} succeeded, but shows no payment to {operator}; is the deployment file the right one?"
    )]
    NoPayment {
        /// The transaction.
        hash: B256,
        /// Who should have been paid.
        operator: Address,
    },
    /// A reorganisation took a claim out of the chain.
    #[error(
        "transaction {hash} was in block {block}, and a reorganisation has taken it out of the chain: it paid nobody. Claim \
         again; should it come back as well, nobody is paid twice"
    )]
    Vanished {
        /// The transaction.
        hash: B256,
        /// Where it was.
        block: u64,
    },
    /// A reorganisation moved a claim to where it fails.
    #[error(
        "after a reorganisation, transaction {hash} is in block {block} and fails there: it paid nobody, perhaps since \
         another claim came first; see `assize operator balance`"
    )]
    Undone {
        /// The transaction.
        hash: B256,
        /// Where it is now.
        block: u64,
    },
}

impl PayoutError {
    /// Whether the same may succeed later without anyone changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Chain(error) => error.is_transient(),
            Self::Outbox(error) => error.is_transient(),
            Self::ReceiptGone { .. } => true,
            _ => false,
        }
    }
}
