//! Claims of operators, one by one or in batches.

use std::time::Duration;

use alloy_primitives::Address;
use assize_chain::contracts::rewards::Rewards as Abi;
use assize_chain::{ChainError, Draft, Payment, PaymentOutcome, Receipt, Rewards};
use assize_facts::{Settlement, Status};
use assize_keys::Signer;
use assize_protocol::{AttoFil, PayoutAddress};

use crate::batch::{CallFor, calls};
use crate::{Allocations, Gas, Limits, Margin, PayoutError};

/// A paid claim.
#[derive(Debug, Clone)]
pub struct Paid {
    /// What it paid.
    pub amount: AttoFil,
    /// The transaction.
    pub receipt: Receipt,
}

/// An operator's claimable amount and its recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The operator.
    pub operator: Address,
    /// What is due.
    pub amount: AttoFil,
    /// The operator's payout address, or itself.
    pub recipient: PayoutAddress,
}

/// Claims in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimBatch {
    /// One operator is claimed with `claim`, several in a range of places with `claimMany`.
    pub dues: Vec<Due>,
    /// The transaction.
    pub draft: Draft,
}

/// Claims for one operator; anyone may. If the recipient rejects the payment, nothing is sent and the error says so.
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
    let amount = claim.share.cumulative.saturating_sub(claimed);
    if amount.is_zero() {
        return Err(PayoutError::NothingDue {
            settlement: settlement.id,
            operator,
            claimed,
        });
    }
    let batch = ClaimBatch {
        dues: vec![Due {
            operator,
            amount,
            recipient: rewards.payout_address_of(operator).await?,
        }],
        draft: rewards.claim(settlement.id, &claim),
    };
    let receipt = send_claims(rewards, &batch, signer, patience).await?;
    let payments = rewards.payments_in(&receipt);
    let paid = payments
        .iter()
        .find(|payment| payment.operator == operator && payment.outcome == PaymentOutcome::Paid);
    let Some(Payment { amount, .. }) = paid else {
        let hash = receipt.hash;
        return Err(PayoutError::NoPayment { hash, operator });
    };
    Ok(Paid {
        amount: *amount,
        receipt,
    })
}

/// The transactions that claim the given amounts from an active settlement, within the limits, and the units of gas that each is
/// charged for.
///
/// # Errors
/// [`PayoutError::NotActive`], [`PayoutError::WrongAllocations`], [`PayoutError::UnknownOperator`].
pub(crate) fn claims(
    rewards: &Rewards,
    settlement: &Settlement,
    allocations: &Allocations,
    dues: &[Due],
    gas: &Gas,
    limits: Limits,
) -> Result<Vec<(ClaimBatch, u64)>, PayoutError> {
    expect_claimable(settlement, allocations)?;
    // Neighbours in the tree share their proofs.
    let mut dues = dues.to_vec();
    dues.sort_by_key(|due| allocations.place(due.operator));
    dues.dedup_by_key(|due| due.operator);
    let made = calls(&dues, |due| due.operator, allocations, gas, limits, Margin::Usual);
    let made = made.map_err(|operator| PayoutError::UnknownOperator {
        settlement: settlement.id,
        operator,
    })?;
    let batch = |(run, call, gas): CallFor<'_, Due>| {
        let batch = ClaimBatch {
            dues: run.to_vec(),
            draft: call.draft(rewards, settlement.id),
        };
        (batch, gas)
    };
    Ok(made.into_iter().map(batch).collect())
}

/// Gas cost of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GasCost {
    /// At the current price.
    pub expected: AttoFil,
    /// At the maximum price and gas limit.
    pub at_most: AttoFil,
}

/// The gas cost for `from` of a batch that is charged for `gas` units, simulated on the newest block.
///
/// # Errors
/// As [`send_claims`]: a claim that would fail is detected here.
pub(crate) async fn claim_gas(
    rewards: &Rewards,
    batch: &ClaimBatch,
    gas: u64,
    from: Address,
) -> Result<GasCost, PayoutError> {
    let client = rewards.client();
    let limit = client
        .estimate_gas(&batch.draft, from)
        .await
        .map_err(|error| explain(error, &batch.dues))?;
    let fees = client.fees().await?;
    let price = client.head().await?.base_fee_per_gas.saturating_add(fees.premium);
    Ok(GasCost {
        expected: AttoFil::of_gas(gas.min(limit), price),
        at_most: fees.at_most(limit),
    })
}

/// Sends claims and waits until they are mined. [`Rewards::payments_in`] lists the payments.
///
/// # Errors
/// [`PayoutError::RecipientRefused`] if there is only one and its recipient rejects the payment; chain errors.
pub(crate) async fn send_claims(
    rewards: &Rewards,
    batch: &ClaimBatch,
    signer: &Signer,
    patience: Duration,
) -> Result<Receipt, PayoutError> {
    let sent = rewards.client().transact(signer, &batch.draft, patience).await;
    sent.map_err(|error| explain(error, &batch.dues))
}

/// Maps a recipient's rejection to its own error.
pub(crate) fn explain(error: ChainError, dues: &[Due]) -> PayoutError {
    let failed = error
        .revert()
        .and_then(|revert| revert.decode::<Abi::PaymentFailed>());
    match (failed, dues) {
        (Some(failed), [due]) => PayoutError::RecipientRefused {
            operator: failed.operator,
            recipient: due.recipient.clone(),
            amount: failed.amount.into(),
        },
        _ => error.into(),
    }
}

/// Rejects a settlement that is not active, and allocations of another settlement.
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
    expect_own(settlement, allocations)
}

/// Rejects allocations of another settlement.
///
/// # Errors
/// [`PayoutError::WrongAllocations`].
pub(crate) fn expect_own(settlement: &Settlement, allocations: &Allocations) -> Result<(), PayoutError> {
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
