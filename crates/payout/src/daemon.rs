//! The payout scheduler as a daemon: it pays when the schedule says so.

use std::time::Duration;

use assize_chain::Rounds;
use assize_facts::Settlement;
use assize_outbox::{Alert, QueueAlert, parked};
use assize_protocol::AttoFil;
use assize_service::{Clock, Daemon, Stop, idle_pause};

use crate::metrics::Snapshot;
use crate::{
    Condition, Documents, Held, HoldReason, Metrics, PayoutAlert, PayoutError, PayoutReport, Scheduler,
    SettlementTimeline,
};

const DAY: u64 = 86_400;

/// A scheduler, and where it reads what settlements grant.
pub struct PayoutDaemon {
    scheduler: Scheduler,
    rounds: Rounds,
    documents: Documents,
    /// Operators that the last plan did not pay.
    held: Vec<Held>,
    /// Gas cost of a batch in the last plan.
    batch_cost: Option<AttoFil>,
    /// Whether the queue of an earlier process has been checked.
    resumed: bool,
    /// After a pass that found nothing to do: the seconds until there is, if known.
    idle: Option<Option<u64>>,
}

impl PayoutDaemon {
    /// Creates a daemon. The budgets of `rounds` determine how long the pool lasts.
    #[must_use]
    pub fn new(scheduler: Scheduler, rounds: Rounds, documents: Documents) -> Self {
        Self {
            scheduler,
            rounds,
            documents,
            held: Vec::new(),
            batch_cost: None,
            resumed: false,
            idle: None,
        }
    }

    /// Handles pending transactions; pays if it is due and nothing is pending.
    ///
    /// # Errors
    /// Errors of the chain, the databases and the store.
    pub async fn pay(&mut self) -> Result<Snapshot, PayoutError> {
        let mut report = PayoutReport::default();
        if !self.resumed {
            self.scheduler.withdraw_queued()?;
            self.resumed = true;
        }
        let mut tick = self.scheduler.look_after(&mut report).await?;
        let timeline = SettlementTimeline::read(&self.scheduler.planner().rewards).await?;
        if tick.open == 0
            && let Some(settlement) = &timeline.active
            && self.is_due(settlement)?
        {
            self.plan(settlement).await?;
            tick = self.scheduler.look_after(&mut report).await?;
        }
        self.idle = match &timeline.active {
            _ if !self.scheduler.outbox().is_idle()? => None,
            Some(settlement) if self.is_due(settlement)? => None,
            _ => {
                let roles = self.scheduler.planner().rewards.roles().await?;
                let window = roles.challenge_window().await?;
                Some(Some(self.due_in(&timeline, window)))
            }
        };
        for payment in &report.refused {
            tracing::warn!(operator = %payment.operator, amount = %payment.amount, "an operator's address rejected a payment");
        }
        self.snapshot(&timeline, &tick.alerts).await
    }

    /// Seconds until the oldest pending settlement becomes active, or the schedule's next time. A settlement that is posted in the
    /// meantime is not active before another challenge `window` is over.
    fn due_in(&self, timeline: &SettlementTimeline, window: u64) -> u64 {
        let now = Clock::system().now();
        let oldest = timeline.pending.first();
        let active = oldest.map(|oldest| oldest.active_at.saturating_sub(timeline.now));
        let schedule = &self.scheduler.planner().policy.schedule;
        let next = schedule.next(now).map(|next| next.saturating_sub(now));
        active.into_iter().chain(next).fold(window, u64::min)
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
        let allocations = self.documents.allocations(settlement)?;
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
        timeline: &SettlementTimeline,
        alerts: &[Alert],
    ) -> Result<Snapshot, PayoutError> {
        let now = Clock::system().now();
        let queue = self.scheduler.outbox().state(parked(alerts)).await?;
        let planner = self.scheduler.planner();
        let policy = planner.policy.alerts;
        let parameters = self.rounds.parameters().await?;
        // The contract's 96 bits and the seconds of a day fit.
        let daily_budget = parameters
            .budget
            .checked_mul(DAY)
            .and_then(|budget| budget.div_floor(parameters.round_duration.into()));
        let waiting = self.scheduler.history().waiting()?;
        let over = |held: &Held| {
            (held.why == HoldReason::OverDailyCap).then_some((held.payout.operator, held.payout.due))
        };
        let condition = Condition {
            surplus: planner.rewards.surplus().await?,
            daily_budget: daily_budget.unwrap_or_default(),
            batch_cost: self.batch_cost,
            pending: timeline
                .pending
                .first()
                .map(|oldest| (oldest.id, oldest.posted_at)),
            stuck: self.scheduler.history().stuck(policy.refusals)?,
            over_daily_cap: self.held.iter().filter_map(over).collect(),
            now,
            wallet: queue.wallet,
            queue: QueueAlert::of(&queue),
        };
        let totals = self.scheduler.history().totals()?;
        Ok(Snapshot {
            alerts: condition.alerts(&policy),
            condition,
            settlement: timeline.active.map_or(0, |settlement| settlement.id.0),
            waiting: (waiting.len() as u64, waiting.values().min().copied()),
            held: (
                self.held.len() as u64,
                AttoFil::saturating_sum(self.held.iter().map(|held| held.payout.due)),
            ),
            totals,
            queue,
        })
    }
}

impl Daemon for PayoutDaemon {
    type Metrics = Metrics;
    type Alert = PayoutAlert;
    type Error = PayoutError;

    async fn pass(&mut self, metrics: &Metrics, _: &Stop) -> Result<Vec<PayoutAlert>, PayoutError> {
        let snapshot = self.pay().await?;
        metrics.set(&snapshot);
        Ok(snapshot.alerts)
    }

    fn pause(&self, usual: Duration) -> Duration {
        self.idle.map_or(usual, |seconds| idle_pause(usual, seconds))
    }
}
