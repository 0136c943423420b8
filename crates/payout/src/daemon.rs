//! The payout scheduler as a daemon: it pays when the schedule says so.

use alloy_primitives::U256;
use assize_chain::Rounds;
use assize_facts::{Settlement, Status as SettlementStatus};
use assize_outbox::{Alert, parked};
use assize_service::{Clock, Daemon, PassError, Stop};

use crate::metrics::Snapshot;
use crate::{Allocations, Condition, Held, Metrics, PayoutAlert, PayoutError, PayoutReport, Scheduler, Why};

const DAY: u64 = 86_400;

/// The source of a settlement's allocations.
pub trait AllocationSource {
    /// The allocations of a settlement, from its document.
    ///
    /// # Errors
    /// [`PayoutError::Document`] naming the sources tried.
    fn allocations(&self, settlement: &Settlement) -> Result<Allocations, PayoutError>;
}

/// A scheduler, and where it reads what settlements grant.
#[derive(Debug)]
pub struct PayoutDaemon<S> {
    scheduler: Scheduler,
    rounds: Rounds,
    source: S,
    /// The allocations read last; a document never changes.
    read: Option<(Settlement, Allocations)>,
    /// Operators that the last plan did not pay.
    held: Vec<Held>,
    /// Gas cost of a batch in the last plan, in attoFIL.
    batch_cost: Option<u128>,
    /// Whether the queue of an earlier process has been checked.
    resumed: bool,
}

impl<S: AllocationSource> PayoutDaemon<S> {
    /// Creates a daemon. The budgets of `rounds` determine how long the pool lasts.
    #[must_use]
    pub fn new(scheduler: Scheduler, rounds: Rounds, source: S) -> Self {
        Self {
            scheduler,
            rounds,
            source,
            read: None,
            held: Vec::new(),
            batch_cost: None,
            resumed: false,
        }
    }

    /// Handles pending transactions; pays if it is due and nothing is pending.
    ///
    /// # Errors
    /// Errors of the chain, the databases and the source.
    pub async fn pay(&mut self) -> Result<Snapshot, PayoutError> {
        let mut report = PayoutReport::default();
        if !self.resumed {
            self.scheduler.withdraw_queued()?;
            self.resumed = true;
        }
        let mut tick = self.scheduler.look_after(&mut report).await?;
        let settlement = self.scheduler.planner().rewards.newest_active().await?;
        if tick.open == 0
            && let Some(settlement) = settlement
            && self.is_due(&settlement)?
        {
            self.plan(&settlement).await?;
            tick = self.scheduler.look_after(&mut report).await?;
        }
        for payment in &report.refused {
            tracing::warn!(operator = %payment.operator, attofil = %payment.amount, "an operator's address rejected a payment");
        }
        if !report.batches.is_empty() {
            tracing::info!(
                operators = report.paid.len(),
                batches = report.batches.len(),
                "paid"
            );
        }
        self.snapshot(settlement, &tick.alerts).await
    }

    fn is_due(&self, settlement: &Settlement) -> Result<bool, PayoutError> {
        if self.scheduler.history().is_asked_again()? {
            return Ok(true);
        }
        let last = self.scheduler.history().last_pass()?;
        let now = Clock::system().now();
        let settled = last.is_none_or(|last| last.settlement != settlement.id);
        // A floor falls and a day begins even without a new settlement.
        let stale = last.is_some_and(|last| now.saturating_sub(last.at) >= DAY);
        let schedule = &self.scheduler.planner().policy.schedule;
        Ok(schedule.is_due(last.map(|last| last.at), settled || stale, now))
    }

    async fn plan(&mut self, settlement: &Settlement) -> Result<(), PayoutError> {
        let known = self
            .read
            .take()
            .filter(|(known, _)| known.proposal == settlement.proposal);
        let (_, allocations) = match known {
            Some(known) => self.read.insert(known),
            None => self
                .read
                .insert((*settlement, self.source.allocations(settlement)?)),
        };
        let planned = self.scheduler.enqueue(settlement, allocations).await?;
        if let Some(batch) = planned.batches.first() {
            self.batch_cost = Some(planned.cost_of(batch));
        }
        tracing::info!(
            settlement = %settlement.id,
            operators = planned.plan.payouts.len(),
            batches = planned.batches.len(),
            held = planned.plan.held.len(),
            "payouts enqueued"
        );
        self.held = planned.plan.held;
        Ok(())
    }

    async fn snapshot(
        &mut self,
        settlement: Option<Settlement>,
        alerts: &[Alert],
    ) -> Result<Snapshot, PayoutError> {
        let now = Clock::system().now();
        let planner = self.scheduler.planner();
        let policy = planner.policy.alerts;
        let parameters = self.rounds.parameters().await?;
        let duration = U256::from(parameters.round_duration.max(1));
        let waiting = self.scheduler.history().waiting()?;
        let over =
            |held: &Held| (held.why == Why::OverDailyCap).then_some((held.payout.operator, held.payout.due));
        let mut condition = Condition {
            surplus: planner.rewards.surplus().await?,
            daily_budget: U256::from(parameters.budget) * U256::from(DAY) / duration,
            batch_cost: self.batch_cost,
            pending: oldest_pending(&planner.rewards, settlement).await?,
            stuck: self.scheduler.history().stuck(policy.refusals)?,
            over_daily_cap: self.held.iter().filter_map(over).collect(),
            parked: parked(alerts),
            now,
            wallet: U256::ZERO,
        };
        let totals = self.scheduler.history().totals()?;
        let queue = self.scheduler.outbox().state(condition.parked).await?;
        condition.wallet = queue.wallet;
        Ok(Snapshot {
            alerts: condition.alerts(&policy),
            condition,
            settlement: settlement.map_or(0, |settlement| settlement.id.0),
            waiting: (waiting.len() as u64, waiting.values().min().copied()),
            held: (
                self.held.len() as u64,
                self.held.iter().map(|held| held.payout.due).sum(),
            ),
            totals,
            queue,
        })
    }
}

impl<S: AllocationSource> Daemon for PayoutDaemon<S> {
    type Metrics = Metrics;
    type Alert = PayoutAlert;
    type Error = PayoutError;

    async fn pass(&mut self, metrics: &Metrics, _: &Stop) -> Result<Vec<PayoutAlert>, PayoutError> {
        let snapshot = self.pay().await?;
        metrics.set(&snapshot);
        Ok(snapshot.alerts)
    }
}

impl PassError for PayoutError {
    fn is_transient(&self) -> bool {
        Self::is_transient(self)
    }

    fn is_fatal(&self) -> bool {
        matches!(self, Self::Outbox(error) if error.is_fatal())
    }
}

/// The oldest pending settlement, and when it was posted, Unix seconds.
async fn oldest_pending(
    rewards: &assize_chain::Rewards,
    active: Option<Settlement>,
) -> Result<Option<(assize_facts::SettlementId, u64)>, PayoutError> {
    let mut oldest = None;
    let mut next = rewards.head().await?;
    while next != active.map(|active| active.id)
        && let Some(id) = next
    {
        let settlement = rewards.settlement(id).await?;
        if settlement.status == SettlementStatus::Pending {
            oldest = Some((id, settlement.posted_at));
        }
        next = settlement.proposal.parent;
    }
    Ok(oldest)
}
