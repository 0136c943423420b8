//! Plans and executes payouts.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, keccak256};
use assize_chain::{Payment, PaymentOutcome, Rewards};
use assize_facts::{Settlement, SettlementId};
use assize_outbox::{Ended, Kind, Mined, NewIntent, Outbox, Tick};
use assize_protocol::{AttoFil, GasPrice};
use assize_service::Clock;

use crate::claim::expect_claimable;
use crate::history::LastPass;
use crate::{
    Allocations, Batch, DenyList, FailedPayment, Gas, Held, History, PayoutError, PayoutPolicy, Plan, Terms,
};

/// Decides whom to pay; needs no key.
#[derive(Debug, Clone)]
pub struct Planner {
    /// The Rewards contract.
    pub rewards: Rewards,
    /// The policy.
    pub policy: PayoutPolicy,
    /// Operators that are not paid.
    pub denied: DenyList,
}

/// What a pass would do now.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The settlement.
    pub settlement: SettlementId,
    /// The plan.
    pub plan: Plan,
    /// The transactions.
    pub batches: Vec<Batch>,
    /// Current price of a unit of gas.
    pub gas_price: GasPrice,
}

impl Planned {
    /// Gas cost of a batch.
    #[must_use]
    pub fn cost_of(&self, batch: &Batch) -> AttoFil {
        AttoFil::of_gas(batch.gas, self.gas_price)
    }

    /// Gas cost of all batches.
    #[must_use]
    pub fn cost(&self) -> AttoFil {
        AttoFil::of_gas(self.gas(), self.gas_price)
    }

    /// Units of gas per payout, on average; zero without payouts.
    #[must_use]
    pub fn gas_per_payout(&self) -> u64 {
        self.gas().div_ceil((self.plan.payouts.len() as u64).max(1))
    }

    fn gas(&self) -> u64 {
        self.batches
            .iter()
            .fold(0, |sum: u64, batch| sum.saturating_add(batch.gas))
    }
}

impl Planner {
    /// What a pass would do now, with `sender`'s key.
    ///
    /// # Errors
    /// [`PayoutError::NotActive`], [`PayoutError::WrongAllocations`], errors of chain and history.
    pub async fn plan(
        &self,
        settlement: &Settlement,
        allocations: &Allocations,
        history: &History,
        sender: Address,
        now: u64,
    ) -> Result<Planned, PayoutError> {
        expect_claimable(settlement, allocations)?;
        let operators: Vec<Address> = allocations.operators().collect();
        let claimed = self.rewards.claimed_by(&operators).await?;
        let mut waiting = history.waiting()?;
        for operator in operators {
            // The money has been available since the settlement became active.
            waiting.entry(operator).or_insert(settlement.active_at.min(now));
        }
        let doubts = self.doubts(history).await?;
        let policy = &self.policy;
        let mut terms = Terms {
            now,
            floor: policy.floor,
            floor_zero_after: policy.floor_zero_after(),
            max_gas_share: policy.max_gas_share,
            gas_cost: AttoFil::ZERO,
            budget: policy.daily_fil.saturating_sub(history.spent_on_day_of(now)?),
            denied: &self.denied,
            waiting: &waiting,
            doubts: &doubts,
        };
        let head = self.rewards.client().head().await?;
        let gas_price = head
            .base_fee_per_gas
            .saturating_add(self.rewards.client().fees().await?.premium);
        let limits = policy.limits(head.gas_limit);
        let sample = sample(allocations, &claimed, &terms);
        let gas = Gas::ask(&self.rewards, settlement.id, allocations, &sample, sender).await?;
        let each = gas.cost_of_many(sample.len().min(limits.payouts));
        terms.gas_cost = AttoFil::of_gas(each, gas_price);
        let plan = Plan::new(allocations, &claimed, policy.daily_fil, &terms);
        Ok(Planned {
            settlement: settlement.id,
            batches: Batch::cut_apart(&plan.payouts, &doubts, allocations, &gas, limits),
            plan,
            gas_price,
        })
    }

    /// Operators whose payment has failed before. One that has changed its payout address is retried at once, but still
    /// separately: it could change the address every time.
    async fn doubts(&self, history: &History) -> Result<BTreeMap<Address, FailedPayment>, PayoutError> {
        let mut doubts = BTreeMap::new();
        for (operator, (doubt, refused_by)) in history.doubts()? {
            let recipient = match &refused_by {
                Some(_) => Some(self.rewards.payout_address_of(operator).await?.to_string()),
                None => None,
            };
            let is_same = recipient == refused_by;
            let again = FailedPayment {
                alone: doubt.alone,
                ..FailedPayment::default()
            };
            doubts.insert(operator, if is_same { doubt } else { again });
        }
        Ok(doubts)
    }
}

/// Whom to ask the node about: ignoring daily limits, and without those that have failed before, if there are others. In the order of
/// the tree's leaves.
fn sample(
    allocations: &Allocations,
    claimed: &BTreeMap<Address, AttoFil>,
    terms: &Terms<'_>,
) -> Vec<Address> {
    let terms = Terms {
        budget: AttoFil::MAX,
        ..*terms
    };
    let payouts = Plan::new(allocations, claimed, AttoFil::MAX, &terms).payouts;
    let operators = payouts.iter().map(|payout| payout.operator);
    let (doubtful, others): (Vec<_>, Vec<_>) =
        operators.partition(|operator| terms.doubts.contains_key(operator));
    if others.is_empty() { doubtful } else { others }
}

/// Pays operators from active settlements through the outbox. Each is paid once, even if the process is killed at any
/// point.
#[derive(Debug)]
pub struct Scheduler {
    planner: Planner,
    history: History,
    outbox: Outbox,
}

/// The transaction of a paid batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaidBatch {
    /// The transaction.
    pub hash: B256,
    /// Units of gas charged.
    pub gas_used: u64,
    /// Fee paid.
    pub fee: AttoFil,
}

/// The result of a pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PayoutReport {
    /// Payments made.
    pub paid: Vec<Payment>,
    /// Payments that recipients rejected; the amounts stay the operators'.
    pub refused: Vec<Payment>,
    /// Why batches were rejected or reverted, if any. Their operators have since been paid, or tried, with more gas or one by one.
    pub reverted: Vec<String>,
    /// Operators that were held back, with the reasons.
    pub held: Vec<Held>,
    /// Transactions, in order.
    pub batches: Vec<PaidBatch>,
}

impl Scheduler {
    /// Creates a scheduler with a transaction queue.
    #[must_use]
    pub fn new(planner: Planner, history: History, outbox: Outbox) -> Self {
        Self {
            planner,
            history,
            outbox,
        }
    }

    /// The planner.
    #[must_use]
    pub fn planner(&self) -> &Planner {
        &self.planner
    }

    /// The history.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The transaction queue.
    #[must_use]
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Pays everyone in the plan, and waits until the payments are confirmed.
    ///
    /// # Errors
    /// As [`Planner::plan`], and errors of the outbox. A repeated call continues and pays nobody twice.
    pub async fn run_once(
        &mut self,
        settlement: &Settlement,
        allocations: &Allocations,
    ) -> Result<PayoutReport, PayoutError> {
        let mut report = PayoutReport::default();
        // Pending batches of an earlier run come first, because they change the amounts due.
        self.withdraw_queued()?;
        self.finish(&mut report).await?;
        loop {
            let planned = self.enqueue(settlement, allocations).await?;
            report.held = planned.plan.held;
            self.finish(&mut report).await?;
            // A reverted batch gets more gas, and then is split for good, so this terminates.
            if !self.history.is_asked_again()? {
                return Ok(report);
            }
        }
    }

    /// Cancels what an earlier process enqueued but did not sign: policy or deny list may have changed.
    pub(crate) fn withdraw_queued(&mut self) -> Result<(), PayoutError> {
        let keys = self.history.open_batches()?;
        for key in &keys {
            self.outbox.cancel_queued(key)?;
        }
        if !keys.is_empty() {
            self.history.ask_again()?;
        }
        Ok(())
    }

    async fn finish(&mut self, report: &mut PayoutReport) -> Result<(), PayoutError> {
        self.outbox.run_until_idle().await?;
        self.write_down(report).await
    }

    /// Handles pending batches without waiting, and adds those that have ended to the report.
    pub(crate) async fn look_after(&mut self, report: &mut PayoutReport) -> Result<Tick, PayoutError> {
        let tick = loop {
            let tick = self.outbox.tick().await?;
            if tick.open == 0 || tick.waiting {
                break tick;
            }
        };
        if tick.open == 0 {
            self.write_down(report).await?;
        }
        Ok(tick)
    }

    /// Plans, and enqueues every batch. Nothing may be pending, because that would change the amounts due.
    pub(crate) async fn enqueue(
        &mut self,
        settlement: &Settlement,
        allocations: &Allocations,
    ) -> Result<Planned, PayoutError> {
        let now = Clock::system().now();
        let sender = self.outbox.signer().address();
        let planned = self
            .planner
            .plan(settlement, allocations, &self.history, sender, now)
            .await?;
        let held = planned.plan.held.iter().map(|held| held.payout.operator);
        let owed = planned
            .plan
            .payouts
            .iter()
            .map(|payout| payout.operator)
            .chain(held);
        self.history.note_waiting(owed, settlement.active_at.min(now))?;
        let head = self.outbox.client().head().await?.hash;
        for batch in &planned.batches {
            let draft = batch.call.draft(&self.planner.rewards, settlement.id);
            // The same batch under the same conditions is the same intent. The block is one of the conditions: a
            // recipient that rejected yesterday is tried again today.
            let content = keccak256([head.as_slice(), &draft.input].concat());
            let key = format!(
                "{}/claimMany/{}/{content}",
                self.planner.rewards.address(),
                settlement.id
            );
            // Recorded before it can be spent.
            self.history
                .begin(&key, settlement.id, &batch.payouts, batch.margin, now)?;
            self.outbox.enqueue(&NewIntent {
                key: &key,
                kind: Kind::Payout,
                draft: &draft,
            })?;
        }
        self.history.note_pass(LastPass {
            at: now,
            settlement: settlement.id,
        })?;
        Ok(planned)
    }

    /// Records how the batches ended; all of them must have ended.
    async fn write_down(&mut self, report: &mut PayoutReport) -> Result<(), PayoutError> {
        for key in self.history.open_batches()? {
            let now = Clock::system().now();
            match self.outbox.ended(&key)? {
                Some(Ended::Done(mined)) => {
                    let payments = self.payments_of(&mined).await?;
                    self.history.end(&key, Some(mined.hash), &payments, now)?;
                    let paid = payments
                        .iter()
                        .filter(|payment| payment.outcome == PaymentOutcome::Paid);
                    let amount = paid
                        .clone()
                        .fold(AttoFil::ZERO, |sum, payment| sum.saturating_add(payment.amount));
                    tracing::info!(operators = paid.count(), %amount, fee = %mined.fee, transaction = %mined.hash, "paid");
                    report.batches.push(PaidBatch {
                        hash: mined.hash,
                        gas_used: mined.gas_used,
                        fee: mined.fee,
                    });
                    for payment in payments {
                        match payment.outcome {
                            PaymentOutcome::Paid => report.paid.push(payment),
                            PaymentOutcome::NothingToClaim => {}
                            _ => self.note_refusal(payment, report).await?,
                        }
                    }
                }
                // Somebody else has claimed for the operator meanwhile.
                Some(Ended::Reverted { reason, .. } | Ended::Refused { reason })
                    if reason.contains("NothingToClaim") =>
                {
                    self.history.end(&key, None, &[], now)?;
                }
                Some(Ended::Reverted { reason, .. } | Ended::Refused { reason }) => {
                    match self.history.fail(&key, now)? {
                        Some((operator, amount)) => {
                            let payment = Payment {
                                operator,
                                amount,
                                outcome: PaymentOutcome::Refused,
                            };
                            self.note_refusal(payment, report).await?;
                        }
                        None => {
                            tracing::warn!(
                                reason,
                                "a batch was rejected; paying its operators with more gas, or one by one"
                            );
                            report.reverted.push(reason);
                        }
                    }
                }
                // Cancelled; or never enqueued, if the process died just before.
                Some(Ended::Cancelled) | None => self.history.end(&key, None, &[], now)?,
            }
        }
        Ok(())
    }

    async fn note_refusal(&mut self, payment: Payment, report: &mut PayoutReport) -> Result<(), PayoutError> {
        let recipient = self.planner.rewards.payout_address_of(payment.operator).await?;
        self.history
            .note_refusing_address(payment.operator, &recipient.to_string())?;
        report.refused.push(payment);
        Ok(())
    }

    /// The payments of a transaction, from its events.
    async fn payments_of(&self, mined: &Mined) -> Result<Vec<Payment>, PayoutError> {
        let receipt = self.outbox.client().receipt(mined.hash).await?;
        // It was confirmed a moment ago; a node that has since forgotten it is asked again later.
        let receipt = receipt.ok_or(PayoutError::ReceiptGone { hash: mined.hash })?;
        Ok(self.planner.rewards.payments_in(&receipt))
    }
}
