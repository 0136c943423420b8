//! One pass of paying.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256, keccak256};
use assize_chain::{Claim, Rewards, Settlement};
use assize_outbox::{Ended, Kind, NewIntent, Outbox};

use crate::claim::expect_claimable;
use crate::{Allocations, Limits, Payout, PayoutError, Plan, plan};

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

/// A payment made, or refused by the recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payment {
    /// Who earned it.
    pub operator: Address,
    /// Where the money goes: the operator, or the payout address that it has set.
    pub recipient: Address,
    /// attoFIL.
    pub amount: u128,
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
    /// Ascending by operator.
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
            let claims: Vec<Claim> = batch.iter().map(|payout| payout.claim.clone()).collect();
            let draft = self.rewards.claim_many(settlement.id, &claims);
            let key = self.key(settlement, batch, outbox).await?;
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
                Some(Ended::Done(mined)) => {
                    report.batches.push(PaidBatch {
                        hash: mined.hash,
                        gas_used: mined.gas_used,
                    });
                }
                Some(Ended::Reverted { reason, .. } | Ended::Refused { reason }) => {
                    return Err(PayoutError::BatchRefused {
                        settlement: settlement.id,
                        reason,
                    });
                }
                Some(Ended::Cancelled) | None => {}
            }
        }
        self.sort_out(&plan.batches.concat(), &mut report).await?;
        Ok(report)
    }

    /// Tells the paid from those that refused by what the chain says now.
    async fn sort_out(&self, payouts: &[Payout], report: &mut PayoutReport) -> Result<(), PayoutError> {
        let operators: Vec<Address> = payouts.iter().map(|payout| payout.claim.operator).collect();
        let claimed: BTreeMap<Address, U256> = self.rewards.claimed_by(&operators).await?;
        for payout in payouts {
            let operator = payout.claim.operator;
            let recipient = self.rewards.payout_address_of(operator).await?;
            let payment = Payment {
                operator,
                recipient,
                amount: payout.due,
            };
            match claimed
                .get(&operator)
                .is_some_and(|claimed| *claimed >= payout.claim.cumulative)
            {
                true => report.paid.push(payment),
                false => report.refused.push(payment),
            }
        }
        Ok(())
    }

    /// The same batch under the same circumstances is the same intent. The block is part of them: a recipient that
    /// refused yesterday is tried again today.
    async fn key(
        &self,
        settlement: &Settlement,
        batch: &[Payout],
        outbox: &Outbox,
    ) -> Result<String, PayoutError> {
        let mut bytes = outbox.client().head().await?.hash.to_vec();
        for Payout { claim, due } in batch {
            bytes.extend_from_slice(claim.operator.as_slice());
            bytes.extend_from_slice(&claim.cumulative.to_be_bytes::<32>());
            bytes.extend_from_slice(&due.to_be_bytes());
        }
        Ok(format!(
            "{}/claimMany/{}/{}",
            self.rewards.address(),
            settlement.id,
            keccak256(bytes)
        ))
    }
}
