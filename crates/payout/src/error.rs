//! Why nobody could be paid.

use alloy_primitives::{Address, B256, U256};
use assize_chain::{ChainError, Fil, SettlementId, Status};
use assize_outbox::OutboxError;
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
    /// The contract does not take a batch.
    #[error(
        "the contract does not take a batch of claims on settlement {settlement}: {reason}; nobody in it was paid"
    )]
    BatchRefused {
        /// Which.
        settlement: SettlementId,
        /// The contract's reason.
        reason: String,
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
}
