//! From measurements in the database to commitments on chain.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use alloy_primitives::B256;
use assize_chain::{ChainError, Round, Rounds, Signer};
use assize_outbox::{Ended, Outbox, Policy, enqueue};
use assize_protocol::{FileCid, RoundNumber};
use assize_store::Store;

use crate::database::{self, OpenBatch};
use crate::{ImportReport, PublishError, import};

/// Places between two durable steps, where a process may die. For tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// Measurements are assigned to a batch.
    Closed,
    /// The batch is in the store, and that is not written down.
    Stored,
    /// Its CID is written down and its commit enqueued.
    Enqueued,
    /// One of the queue's own.
    Outbox(assize_outbox::Boundary),
    /// The batch is written down as committed.
    Recorded,
}

/// A batch that this run saw committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommittedBatch {
    /// Its round.
    pub round: RoundNumber,
    /// Its CID.
    pub cid: FileCid,
    /// Its measurements.
    pub count: u32,
    /// The transaction, if it was this database's.
    pub transaction: Option<B256>,
    /// Units of gas of that transaction.
    pub gas_used: u64,
}

/// What a run did, and what it left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishReport {
    /// Batches committed, oldest first.
    pub committed: Vec<CommittedBatch>,
    /// Measurements in the database whose round's commit window ended before they were committed. They are kept, and
    /// never moved to another round.
    pub late: u64,
    /// Measurements that wait for their round to be opened or revealed.
    pub waiting: u64,
}

type Watcher = Arc<Mutex<dyn FnMut(Boundary) -> bool + Send>>;

/// The commit submitter.
pub struct Publisher {
    outbox: Outbox,
    rounds: Rounds,
    batch: u32,
    watcher: Option<Watcher>,
}

/// What to do with a round's measurements now.
enum Stage {
    Waiting,
    Open,
    Over,
}

impl Publisher {
    /// Opens the database at `path`, creating it if need be. Batches hold at most `batch` measurements.
    ///
    /// # Errors
    /// [`PublishError::Outbox`] if the file is in use or another key's.
    pub fn open(
        path: &Path,
        rounds: Rounds,
        signer: Signer,
        policy: Policy,
        batch: u32,
    ) -> Result<Self, PublishError> {
        let mut outbox = Outbox::open(path, rounds.client().clone(), signer, policy)?;
        outbox.database().execute_batch(database::SCHEMA)?;
        Ok(Self {
            outbox,
            rounds,
            batch,
            watcher: None,
        })
    }

    /// Lets `watcher` end runs at boundaries, as a crash would.
    pub fn watch(&mut self, watcher: impl FnMut(Boundary) -> bool + Send + 'static) {
        let watcher: Watcher = Arc::new(Mutex::new(watcher));
        let own = Arc::clone(&watcher);
        self.outbox
            .watch(move |boundary| tell(&own, Boundary::Outbox(boundary)));
        self.watcher = Some(watcher);
    }

    /// Takes in a file of measurements (NDJSON, of whatever rounds). Bad lines are reported and skipped; the same file
    /// again adds nothing.
    ///
    /// # Errors
    /// The database's.
    pub fn import(&mut self, name: &str, file: &[u8]) -> Result<ImportReport, PublishError> {
        import::import(self.outbox.database(), name, file)
    }

    /// Commits what can be committed now.
    ///
    /// # Errors
    /// [`PublishError`]; call it again to go on.
    pub async fn publish_once(&mut self, store: &dyn Store) -> Result<PublishReport, PublishError> {
        let mut report = PublishReport::default();
        for (round, count) in database::rounds_waiting(self.outbox.database())? {
            match self.stage(round).await? {
                Stage::Waiting => report.waiting += count,
                // Late measurements become batches too, marked below: they are kept together and stay countable.
                Stage::Open | Stage::Over => {
                    while database::close_batch(self.outbox.database(), round, self.batch)? {
                        self.boundary(Boundary::Closed)?;
                    }
                }
            }
        }
        for batch in database::open_batches(self.outbox.database())? {
            self.prepare(&batch, store).await?;
        }
        self.outbox.run_until_idle().await?;
        // A batch that the contract does not take must not keep the others from being written down.
        let mut refused = None;
        for batch in database::open_batches(self.outbox.database())? {
            match self.record(&batch).await {
                Ok(Some(committed)) => {
                    report.committed.push(committed);
                    self.boundary(Boundary::Recorded)?;
                }
                Ok(None) => {}
                Err(error @ PublishError::Refused { .. }) => refused = refused.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        if let Some(error) = refused {
            return Err(error);
        }
        report.late = database::late(self.outbox.database())?;
        Ok(report)
    }

    /// Stores a batch and enqueues its commit, in one transaction with its CID.
    async fn prepare(&mut self, batch: &OpenBatch, store: &dyn Store) -> Result<(), PublishError> {
        if batch.cid.is_none() && matches!(self.stage(batch.round).await?, Stage::Over) {
            database::set_state(self.outbox.database(), batch.id, "late")?;
            tracing::warn!(
                round = batch.round.0,
                count = batch.count,
                "measurements came too late for their round"
            );
            return Ok(());
        }
        let content = database::content(self.outbox.database(), batch.id)?;
        let cid = store.put(&content)?;
        self.boundary(Boundary::Stored)?;
        if store.get(&cid)? != content {
            return Err(PublishError::ReadBack { cid });
        }
        let key = self.key(batch.round, &cid);
        let draft = self.rounds.commit(batch.round, &cid, batch.count);
        let transaction = self.outbox.database().transaction()?;
        database::set_stored(&transaction, batch.id, &cid)?;
        enqueue(&transaction, &key, &draft)?;
        transaction.commit()?;
        self.boundary(Boundary::Enqueued)
    }

    /// Writes down how a batch's commit ended.
    async fn record(&mut self, batch: &OpenBatch) -> Result<Option<CommittedBatch>, PublishError> {
        let Some(cid) = batch.cid else { return Ok(None) };
        let Some(ended) = self.outbox.ended(&self.key(batch.round, &cid))? else {
            return Ok(None);
        };
        let mut committed = CommittedBatch {
            round: batch.round,
            cid,
            count: batch.count,
            transaction: None,
            gas_used: 0,
        };
        match ended {
            Ended::Done(mined) => {
                committed.transaction = Some(mined.hash);
                committed.gas_used = mined.gas_used;
            }
            Ended::Reverted { reason, .. } | Ended::Refused { reason } => {
                // The chain is the judge: a commit that it has is a commit, whoever sent it.
                if self.rounds.committed_in(&cid).await? != Some(batch.round) {
                    if matches!(self.stage(batch.round).await?, Stage::Over) {
                        database::set_state(self.outbox.database(), batch.id, "late")?;
                        return Ok(None);
                    }
                    return Err(PublishError::Refused {
                        cid,
                        round: batch.round,
                        reason,
                    });
                }
            }
        }
        database::set_state(self.outbox.database(), batch.id, "committed")?;
        Ok(Some(committed))
    }

    async fn stage(&self, round: RoundNumber) -> Result<Stage, ChainError> {
        if self
            .rounds
            .latest_round()
            .await?
            .is_none_or(|latest| round > latest || round.0 == 0)
        {
            return Ok(Stage::Waiting);
        }
        let Round {
            commits_until, seed, ..
        } = self.rounds.round(round).await?;
        let now = self.rounds.client().head().await?.timestamp;
        Ok(match (now > commits_until, seed) {
            (true, _) => Stage::Over,
            (false, None) => Stage::Waiting,
            (false, Some(_)) => Stage::Open,
        })
    }

    fn key(&self, round: RoundNumber, cid: &FileCid) -> String {
        format!("{}/commit/{round}/{cid}", self.rounds.address())
    }

    fn boundary(&self, boundary: Boundary) -> Result<(), PublishError> {
        match self
            .watcher
            .as_ref()
            .is_none_or(|watcher| tell(watcher, boundary))
        {
            true => Ok(()),
            false => Err(PublishError::Stopped(boundary)),
        }
    }
}

fn tell(watcher: &Watcher, boundary: Boundary) -> bool {
    let mut watcher = watcher.lock().unwrap_or_else(PoisonError::into_inner);
    watcher(boundary)
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher")
            .field("outbox", &self.outbox)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}
