//! Publishes measurements from the table to the chain.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use alloy_primitives::B256;
use assize_chain::{ChainError, Rounds};
use assize_facts::FileKind;
use assize_ingest::{Batch, BatchLimit, BatchState, Ingest, IngestError, Stored, Totals};
use assize_measurement::ndjson::MAX_BATCH;
use assize_outbox::{Alert, Ended, Kind, NewIntent, Outbox, Stats};
use assize_protocol::{FileCid, LinesRoot, RoundNumber};
use assize_service::{Boundaries, unless_stopped};
use assize_store::Store;

use crate::PublishError;
use crate::plan::Plan;

/// Points between two durable steps at which a process may die. For tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// A batch is closed.
    Closed,
    /// The batch is stored, but that is not recorded yet.
    Stored,
    /// Its CID is recorded, but its commit is not enqueued yet.
    Noted,
    /// Its commit is enqueued.
    Enqueued,
    /// A boundary of the queue.
    Outbox(assize_outbox::Boundary),
    /// The batch is recorded as committed.
    Recorded,
}

/// When batches are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// Number of measurements at which a batch is closed. It is exceeded only where the contract would otherwise take too few
    /// batches of the round.
    pub limit: u32,
    /// Seconds before the end of a round's time for batches at which the remaining measurements are closed into one; by
    /// default once no more are accepted (docs/protocol.md §9.1).
    pub margin: Option<u64>,
}

/// A batch whose commit this run observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommittedBatch {
    /// Its round.
    pub round: RoundNumber,
    /// Its CID.
    pub cid: FileCid,
    /// Number of its measurements.
    pub count: u32,
    /// The transaction, if this queue sent it.
    pub transaction: Option<B256>,
    /// Gas used by that transaction.
    pub gas_used: u64,
}

/// The result of a pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishReport {
    /// Committed batches, oldest first.
    pub committed: Vec<CommittedBatch>,
    /// Number of measurements whose round's time for batches ended before they were committed. They are kept, and never
    /// moved to another round.
    pub late: u64,
    /// Number of measurements that wait for their round to be opened or revealed, or for their batch to fill.
    pub waiting: u64,
    /// Number of uncommitted batches.
    pub open: u64,
    /// When the oldest uncommitted measurement was received, Unix seconds.
    pub oldest: Option<u64>,
    /// Rounds with uncommitted measurements whose time for commits is mostly over, with the seconds left.
    pub at_risk: Vec<(RoundNumber, u64)>,
    /// Alerts of the queue.
    pub alerts: Vec<Alert>,
}

/// The publisher.
pub struct Publisher {
    ingest: Box<dyn Ingest>,
    outbox: Outbox,
    rounds: Rounds,
    closing: Closing,
    /// Windows of revealed rounds, as far as this pass has read them.
    windows: BTreeMap<RoundNumber, Window>,
    boundaries: Boundaries<Boundary>,
}

/// The chain's state at the beginning of a pass.
#[derive(Debug, Clone, Copy)]
struct View {
    latest: Option<RoundNumber>,
    /// Time of the latest block, Unix seconds.
    now: u64,
    block: u64,
}

/// When a round takes measurements and batches, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    /// Unix seconds.
    measurements_until: u64,
    /// Unix seconds.
    publish_until: u64,
    /// One measurement of each station and task.
    measurements: u64,
}

impl Window {
    /// The seconds left, in the last quarter of the time in which batches are committed.
    fn nearly_over(&self, now: u64) -> Option<u64> {
        let left = self.publish_until.saturating_sub(now);
        let time = self.publish_until.saturating_sub(self.measurements_until);
        (left < time / 4).then_some(left)
    }
}

/// What to do with a round's measurements now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The round is not revealed.
    Waiting,
    /// It takes batches.
    Open(Window),
    Over,
}

impl Publisher {
    /// Creates the publisher of a table with its own queue.
    #[must_use]
    pub fn new(ingest: Box<dyn Ingest>, outbox: Outbox, rounds: Rounds, closing: Closing) -> Self {
        Self {
            ingest,
            outbox,
            rounds,
            closing,
            windows: BTreeMap::new(),
            boundaries: Boundaries::default(),
        }
    }

    /// Lets `watcher` stop runs at boundaries, as a crash would.
    pub fn watch(&mut self, watcher: impl FnMut(Boundary) -> bool + Send + 'static) {
        self.boundaries = Boundaries::watched(watcher);
        let own = self.boundaries.clone();
        self.outbox
            .watch(move |boundary| own.reach(Boundary::Outbox(boundary)).is_ok());
    }

    /// The table.
    pub fn ingest(&mut self) -> &mut dyn Ingest {
        &mut *self.ingest
    }

    /// The transaction queue.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Statistics of table and queue.
    ///
    /// # Errors
    /// Database errors.
    pub fn figures(&mut self) -> Result<(Totals, Stats), PublishError> {
        Ok((self.ingest.totals()?, self.outbox.stats()?))
    }

    /// Whether there is nothing to batch, to store, to commit or to watch, so that a pass would change nothing.
    ///
    /// # Errors
    /// Database errors.
    pub fn is_idle(&mut self) -> Result<bool, PublishError> {
        Ok(self.ingest.unbatched()?.is_empty()
            && self.ingest.open_batches()?.is_empty()
            && self.outbox.is_idle()?)
    }

    /// Commits everything that can be committed now, even small batches, and waits for confirmation.
    ///
    /// # Errors
    /// [`PublishError`]; a repeated call continues.
    pub async fn publish_once(&mut self, store: &dyn Store) -> Result<PublishReport, PublishError> {
        let view = self.look().await?;
        self.close(&view, true).await?;
        let stored = unless_stopped(self.store_all(&view, store, &|| false).await)?;
        self.outbox.run_until_idle().await?;
        let report = self.record_all().await?;
        stored?;
        Ok(report)
    }

    /// One pass of the daemon: closes due batches, stores and enqueues them, lets the queue take one step, and records
    /// the results. Stops early between two batches if `stop` is set.
    ///
    /// # Errors
    /// [`PublishError`]; a repeated call continues.
    pub async fn pass(
        &mut self,
        store: &dyn Store,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<PublishReport, PublishError> {
        let view = self.look().await?;
        self.close(&view, false).await?;
        // A failing store must not delay batches that are already stored.
        let stored = unless_stopped(self.store_all(&view, store, stop).await)?;
        let mut alerts = Vec::new();
        loop {
            let tick = self.outbox.tick().await?;
            alerts.extend(tick.alerts);
            if tick.waiting || stop() {
                break;
            }
        }
        let mut report = self.record_all().await?;
        stored?;
        report.alerts = alerts;
        Ok(report)
    }

    async fn look(&mut self) -> Result<View, ChainError> {
        self.windows.clear();
        let head = self.rounds.client().head().await?;
        Ok(View {
            latest: self.rounds.latest_round().await?,
            now: head.timestamp,
            block: head.number,
        })
    }

    /// Closes due batches, or all.
    async fn close(&mut self, view: &View, all: bool) -> Result<(), PublishError> {
        let Closing { limit, margin } = self.closing;
        for waiting in self.ingest.unbatched()? {
            let round = waiting.round;
            let (due, window) = match self.stage(view, round).await? {
                Stage::Waiting => continue,
                Stage::Open(window) => {
                    let due = match margin {
                        None => view.now > window.measurements_until,
                        Some(margin) => view.now.saturating_add(margin) >= window.publish_until,
                    };
                    (all || due, Some(window))
                }
                // Late measurements become a batch too, marked below: they are kept together and counted.
                Stage::Over => (true, None),
            };
            if !due && waiting.count < u64::from(limit) {
                continue;
            }
            let mut plan = match window {
                Some(window) => Some(self.plan(round, &window).await?),
                None => None,
            };
            let mut left = waiting.count;
            while left > 0 {
                let is_last = window.is_some_and(|window| view.now > window.measurements_until);
                let lines = match &plan {
                    None => Some(limit),
                    Some(plan) => plan.next(left, limit, is_last),
                };
                let Some(lines) = lines else {
                    if is_last {
                        tracing::warn!(
                            round = round.0,
                            measurements = left,
                            "the contract takes no more batches of the round from this publisher: these measurements cannot be committed"
                        );
                    }
                    break;
                };
                if !due && left < u64::from(lines) {
                    break;
                }
                let bytes = MAX_BATCH as u64;
                let Some(batch) = self.ingest.close(round, BatchLimit { lines, bytes })? else {
                    break;
                };
                self.boundaries.reach(Boundary::Closed)?;
                left = left.saturating_sub(batch.count.into());
                if let Some(plan) = &mut plan {
                    plan.count(batch.count);
                }
            }
        }
        Ok(())
    }

    /// What is batched of a round: in the table, and on the chain, of which a table that was restored from a backup may not
    /// know.
    async fn plan(&mut self, round: RoundNumber, window: &Window) -> Result<Plan, PublishError> {
        let mut plan = Plan::new(window.measurements);
        let mut roots = BTreeSet::new();
        for batch in self.ingest.batches_of(round)? {
            roots.extend(batch.stored.map(|stored| stored.root));
            plan.count(batch.count);
        }
        let publisher = self.outbox.signer().address();
        for committed in self.rounds.commitments(round, FileKind::Lines).await? {
            if committed.publisher == publisher && !roots.contains(&committed.root) {
                plan.count(committed.count);
            }
        }
        Ok(plan)
    }

    async fn store_all(
        &mut self,
        view: &View,
        store: &dyn Store,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), PublishError> {
        for batch in self.ingest.open_batches()? {
            if stop() {
                break;
            }
            let stored = match (batch.state, batch.stored) {
                (BatchState::Closed, _) => {
                    let stored = self.store(&batch, store)?;
                    self.boundaries.reach(Boundary::Noted)?;
                    stored
                }
                (BatchState::Stored, Some(stored)) => stored,
                _ => continue,
            };
            self.enqueue(&batch, &stored)?;
            // After the end of the window, transactions only cost gas. The batch may be on the chain all the same: a table that
            // was restored from a backup does not know what was committed since.
            if self.stage(view, batch.round).await? == Stage::Over {
                self.outbox.cancel(&self.key(batch.round, &stored))?;
            }
        }
        Ok(())
    }

    /// Stores a batch, reads it back, and records its CID and the root of its lines.
    fn store(&mut self, batch: &Batch, store: &dyn Store) -> Result<Stored, PublishError> {
        let mut written = 0;
        let mut lines = LinesRoot::default();
        let mut unread = None;
        let ingest = &mut self.ingest;
        let stored = store.put_with(&mut |to| {
            let read = ingest.read(batch, &mut |_, line| {
                written += line.len() as u64 + 1;
                lines.push(line);
                to.write_all(line)?;
                to.write_all(b"\n")
            });
            read.map_err(|error| match error {
                IngestError::Output(error) => error,
                other => {
                    let wrapped = io::Error::other(other.to_string());
                    unread = Some(other);
                    wrapped
                }
            })
        });
        if let Some(error) = unread {
            return Err(error.into());
        }
        let cid = stored?;
        self.boundaries.reach(Boundary::Stored)?;
        let read = store.open(&cid)?.check()?;
        if read != written {
            return Err(PublishError::ReadBack { cid, written, read });
        }
        let stored = Stored {
            cid,
            root: lines.root(),
        };
        self.ingest.set_stored(batch.id, &stored, written)?;
        tracing::info!(round = batch.round.0, %cid, count = batch.count, bytes = written, "batch stored");
        Ok(stored)
    }

    /// Idempotent: the key contains the root, and the contract accepts a publisher's root once.
    fn enqueue(&mut self, batch: &Batch, stored: &Stored) -> Result<(), PublishError> {
        let key = self.key(batch.round, stored);
        let Stored { cid, root } = stored;
        let draft = self.rounds.commit(batch.round, cid, *root, batch.count);
        let new = NewIntent {
            key: &key,
            kind: Kind::Commit,
            draft: &draft,
        };
        match self.outbox.enqueue(&new)? {
            true => Ok(self.boundaries.reach(Boundary::Enqueued)?),
            false => Ok(()),
        }
    }

    async fn record_all(&mut self) -> Result<PublishReport, PublishError> {
        let view = self.look().await?;
        let mut report = PublishReport::default();
        // A batch that the contract rejects must not keep others from being recorded.
        let mut refused = None;
        for batch in self.ingest.open_batches()? {
            match self.record(&view, &batch).await {
                Ok(Some(committed)) => {
                    tracing::info!(round = batch.round.0, cid = %committed.cid, count = batch.count, "batch committed");
                    report.committed.push(committed);
                    self.boundaries.reach(Boundary::Recorded)?;
                }
                Ok(None) => {}
                Err(error @ PublishError::Refused { .. }) => refused = refused.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        if let Some(error) = refused {
            return Err(error);
        }
        let totals = self.ingest.totals()?;
        report.late = totals.late_measurements;
        report.open = totals.open_batches;
        let unbatched = self.ingest.unbatched()?;
        report.waiting = unbatched.iter().map(|waiting| waiting.count).sum();
        let open: Vec<_> = self
            .ingest
            .open_batches()?
            .into_iter()
            .filter(|batch| matches!(batch.state, BatchState::Closed | BatchState::Stored))
            .collect();
        let uncommitted = || {
            let open = open.iter().map(|batch| (batch.round, batch.oldest));
            unbatched
                .iter()
                .map(|waiting| (waiting.round, waiting.oldest))
                .chain(open)
        };
        report.oldest = uncommitted().map(|(_, oldest)| oldest).min();
        let rounds: BTreeSet<_> = uncommitted().map(|(round, _)| round).collect();
        for round in rounds {
            if let Stage::Open(window) = self.stage(&view, round).await?
                && let Some(left) = window.nearly_over(view.now)
            {
                report.at_risk.push((round, left));
            }
        }
        Ok(report)
    }

    /// Records the state of a batch's commit; returns the batch if it is newly committed.
    async fn record(&mut self, view: &View, batch: &Batch) -> Result<Option<CommittedBatch>, PublishError> {
        let Some(stored) = batch.stored else {
            return Ok(None);
        };
        let key = self.key(batch.round, &stored);
        let known = batch.state == BatchState::Committed;
        let (transaction, is_final) = match self.outbox.ended(&key)? {
            // Pending, or dropped by a reorganisation.
            None if known => {
                self.ingest.set_state(batch.id, BatchState::Stored, None)?;
                return Ok(None);
            }
            None => return Ok(None),
            Some(Ended::Done(mined)) => (Some(mined), self.outbox.is_final(&key)?),
            Some(Ended::Reverted { reason, .. } | Ended::Refused { reason }) => {
                match self.seen_on_chain(view, batch, &stored, reason).await? {
                    Some(is_final) => (None, is_final),
                    None => return Ok(None),
                }
            }
            Some(Ended::Cancelled) => match self.seen_on_chain(view, batch, &stored, String::new()).await? {
                Some(is_final) => (None, is_final),
                None => return Ok(None),
            },
        };
        let state = match is_final {
            true => BatchState::Final,
            false => BatchState::Committed,
        };
        if state != batch.state {
            let block = batch.seen_at_block.unwrap_or(view.block);
            self.ingest.set_state(batch.id, state, Some(block))?;
        }
        Ok((!known).then_some(CommittedBatch {
            round: batch.round,
            cid: stored.cid,
            count: batch.count,
            transaction: transaction.map(|mined| mined.hash),
            gas_used: transaction.map_or(0, |mined| mined.gas_used),
        }))
    }

    /// The chain decides: a commitment on chain counts, whichever of this publisher's programs sent it. Returns whether it is final; `None` if the batch is
    /// not committed and is late.
    async fn seen_on_chain(
        &mut self,
        view: &View,
        batch: &Batch,
        stored: &Stored,
        reason: String,
    ) -> Result<Option<bool>, PublishError> {
        let publisher = self.outbox.signer().address();
        let is_committed = self
            .rounds
            .is_committed(publisher, batch.round, FileKind::Lines, stored.root);
        if is_committed.await? {
            let block = batch.seen_at_block.unwrap_or(view.block);
            return Ok(Some(self.outbox.is_block_final(block).await?));
        }
        if self.stage(view, batch.round).await? == Stage::Over {
            self.mark_late(batch)?;
            return Ok(None);
        }
        if batch.state == BatchState::Committed {
            self.ingest.set_state(batch.id, BatchState::Stored, None)?;
            return Ok(None);
        }
        Err(PublishError::Refused {
            cid: stored.cid,
            round: batch.round,
            reason,
        })
    }

    fn mark_late(&mut self, batch: &Batch) -> Result<(), IngestError> {
        tracing::warn!(
            round = batch.round.0,
            count = batch.count,
            "measurements were not committed before their round's time for batches ended: they earn nothing, and their receipts prove that they were received"
        );
        self.ingest.set_state(batch.id, BatchState::Late, None)
    }

    async fn stage(&mut self, view: &View, round: RoundNumber) -> Result<Stage, ChainError> {
        let window = match self.windows.get(&round) {
            Some(window) => *window,
            None if view.latest.is_none_or(|latest| round > latest) || round.0 == 0 => {
                return Ok(Stage::Waiting);
            }
            None => {
                let stored = self.rounds.round(round).await?;
                match (stored.seed, view.now > stored.times.publish_until) {
                    (None, false) => return Ok(Stage::Waiting),
                    (None, true) => return Ok(Stage::Over),
                    (Some(seed), _) => {
                        let window = Window {
                            measurements_until: stored.times.show_from,
                            publish_until: stored.times.publish_until,
                            measurements: u64::from(stored.roster.count)
                                * u64::from(stored.assignment(seed).tasks_per_committee()),
                        };
                        self.windows.insert(round, window);
                        window
                    }
                }
            }
        };
        Ok(match view.now > window.publish_until {
            true => Stage::Over,
            false => Stage::Open(window),
        })
    }

    fn key(&self, round: RoundNumber, stored: &Stored) -> String {
        format!("{}/commit/{round}/{}", self.rounds.address(), stored.root)
    }
}
