//! One operator, paid by itself.

use std::time::Duration;

use alloy_primitives::{Address, U256};
use assize_chain::{Receipt, Rewards, Settlement, Signer, Status};

use crate::{Allocations, PayoutError};

/// A claim that was paid.
#[derive(Debug, Clone)]
pub struct Paid {
    /// attoFIL.
    pub amount: u128,
    /// Of the transaction.
    pub receipt: Receipt,
}

/// Claims for one operator; anyone may. If the recipient refuses the money, nothing happens and the error says so.
///
/// # Errors
/// [`PayoutError`]; nothing is sent unless the claim can succeed.
pub async fn claim_one(
    rewards: &Rewards,
    settlement: &Settlement,
    allocations: &Allocations,
    operator: Address,
    signer: &Signer,
    patience: Duration,
) -> Result<Paid, PayoutError> {
    expect_claimable(settlement, allocations)?;
    let unknown = PayoutError::UnknownOperator {
        settlement: settlement.id,
        operator,
    };
    let claim = allocations.claim(operator).ok_or(unknown)?;
    let claimed = rewards.claimed(operator).await?;
    let due = claim.cumulative.saturating_sub(claimed);
    if due == U256::ZERO {
        return Err(PayoutError::NothingDue {
            settlement: settlement.id,
            operator,
            claimed,
        });
    }
    let receipt = rewards
        .client()
        .transact(signer, &rewards.claim(settlement.id, &claim), patience)
        .await?;
    // Allocations are u128, and what is due of them is no more.
    Ok(Paid {
        amount: due.saturating_to(),
        receipt,
    })
}

/// Refuses a settlement that is not active, or allocations that are not its own.
pub(crate) fn expect_claimable(
    settlement: &Settlement,
    allocations: &Allocations,
) -> Result<(), PayoutError> {
    if settlement.status != Status::Active {
        return Err(PayoutError::NotActive {
            settlement: settlement.id,
            status: settlement.status,
            active_at: settlement.active_at,
        });
    }
    let (ours, theirs) = (allocations.root(), settlement.proposal.root);
    match ours == theirs {
        true => Ok(()),
        false => Err(PayoutError::WrongAllocations {
            settlement: settlement.id,
            ours,
            theirs,
        }),
    }
}
