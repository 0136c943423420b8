//! One pass of paying.

use alloy_primitives::{Address, B256, keccak256};
use assize_chain::{BatchClaim, Payment, PaymentOutcome, Rewards, Settlement};
use assize_outbox::{Ended, Kind, Mined, NewIntent, Outbox};

use crate::claim::expect_claimable;
use crate::{Allocations, Limits, PayoutError, Plan, plan};

/// Pays operators from active settlements.
#[derive(Debug, Clone, Copy)]
pub struct Scheduler<'a> {
    /// The contract.
    pub rewards: &'a Rewards,
    /// Least amount that is worth a payment, attoFIL.
    pub threshold: u128,
    /// How large a batch may grow.
    pub limits: Limits,
}

/// A transaction that paid a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaidBatch {
    /// The transaction.
    pub hash: B256,
    /// Units of gas charged.
    pub gas_used: u64,
}

/// What a pass did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PayoutReport {
    /// Payments made.
    pub paid: Vec<Payment>,
    /// Recipients that did not take the money; it stays the operator's.
    pub refused: Vec<Payment>,
    /// Operators who are owed less than the threshold, attoFIL.
    pub below_threshold: Vec<(Address, u128)>,
    /// Transactions, in order.
    pub batches: Vec<PaidBatch>,
}

impl Scheduler<'_> {
    /// Whom a pass would pay now.
    ///
    /// # Errors
    /// [`PayoutError::NotActive`], [`PayoutError::WrongAllocations`], the chain's.
    pub async fn plan(
        &self,
        settlement: &Settlement,
        allocations: &Allocations,
    ) -> Result<Plan, PayoutError> {
        expect_claimable(settlement, allocations)?;
        let operators: Vec<Address> = allocations.operators().collect();
        let claimed = self.rewards.claimed_by(&operators).await?;
        Ok(plan(allocations, &claimed, self.threshold, self.limits))
    }

    /// Pays all whom [`Scheduler::plan`] names, through the outbox.
    ///
    /// # Errors
    /// As [`Scheduler::plan`], and the outbox's. Calling it again goes on and pays nobody twice.
    pub async fn run_once(
        &self,
        outbox: &mut Outbox,
        settlement: &Settlement,
        allocations: &Allocations,
    ) -> Result<PayoutReport, PayoutError> {
        // What an earlier run left under way comes first: it changes who is owed what.
        outbox.run_until_idle().await?;
        let plan = self.plan(settlement, allocations).await?;
        let mut keys = Vec::new();
        for batch in &plan.batches {
            let draft = self.rewards.claim_many(settlement.id, &batch.claim);
            let key = self.key(settlement, &batch.claim, outbox).await?;
            outbox.enqueue(&NewIntent {
                key: &key,
                kind: Kind::Payout,
                draft: &draft,
            })?;
            keys.push(key);
        }
        outbox.run_until_idle().await?;
        let mut report = PayoutReport {
            below_threshold: plan.below_threshold,
            ..PayoutReport::default()
        };
        for key in &keys {
            match outbox.ended(key)? {
                Some(Ended::Done(mined)) => self.sort_out(&mined, &mut report).await?,
                Some(Ended::Reverted { reason, .. } | Ended::Refused { reason }) => {
                    return Err(PayoutError::BatchRefused {
                        settlement: settlement.id,
                        reason,
                    });
                }
                Some(Ended::Cancelled) | None => {}
            }
        }
        Ok(report)
    }

    /// Adds what the transaction's events tell.
    async fn sort_out(&self, mined: &Mined, report: &mut PayoutReport) -> Result<(), PayoutError> {
        let receipt = self.rewards.client().receipt(mined.hash).await?;
        for payment in receipt
            .iter()
            .flat_map(|receipt| self.rewards.payments_in(receipt))
        {
            let list = match payment.outcome {
                PaymentOutcome::Paid => &mut report.paid,
                PaymentOutcome::NothingToClaim => continue,
                _ => &mut report.refused,
            };
            list.push(payment);
        }
        report.batches.push(PaidBatch {
            hash: mined.hash,
            gas_used: mined.gas_used,
        });
        Ok(())
    }

    /// The same batch under the same circumstances is the same intent. The block is part of them: a recipient that
    /// refused yesterday is tried again today.
    async fn key(
        &self,
        settlement: &Settlement,
        batch: &BatchClaim,
        outbox: &Outbox,
    ) -> Result<String, PayoutError> {
        let mut bytes = outbox.client().head().await?.hash.to_vec();
        for (operator, cumulative) in &batch.allocations {
            bytes.extend_from_slice(operator.as_slice());
            bytes.extend_from_slice(&cumulative.to_be_bytes::<32>());
        }
        Ok(format!(
            "{}/claimMany/{}/{}",
            self.rewards.address(),
            settlement.id,
            keccak256(bytes)
        ))
    }
}
