//! The loop: observes the chain, calls [`step`], stores its decision, and executes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use alloy_primitives::B256;
use assize_chain::{ChainClient, ChainError, Draft, NewestBlock, SendOutcome};
use assize_keys::Signer;
use assize_protocol::AttoFil;
use assize_service::{Boundaries, Clock};

use crate::database::{Database, Ended, NewIntent};
use crate::metrics::QueueState;
use crate::queue::{Attempt, Gas, Mined, Phase, Purpose, Queue};
use crate::step::{Action, Alert, Observation, Park, step, watched};
use crate::{Finality, OutboxError, Policy, Stats};

/// Points between two durable steps at which a process may die. For tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// A transaction is signed and stored, but not sent.
    Stored,
    /// A transaction is sent, but that is not stored yet.
    Sent,
    /// Receipts and nonces are observed, but not stored yet.
    Seen,
    /// The next state is stored.
    Saved,
}

/// The result of one tick.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tick {
    /// Whether there was nothing to do but wait.
    pub waiting: bool,
    /// Number of intents that are not confirmed yet.
    pub open: usize,
    /// Number of those with pending transactions.
    pub pending: usize,
    /// Alerts.
    pub alerts: Vec<Alert>,
    /// Balance of the key; `None` if the chain was not queried.
    pub balance: Option<AttoFil>,
}

/// The queue of one key on one chain.
pub struct Outbox {
    database: Database,
    client: ChainClient,
    signer: Signer,
    policy: Policy,
    clock: Clock,
    boundaries: Boundaries<Boundary>,
    /// Time of the last check of all confirmed transactions.
    rechecked_at: u64,
    /// Gas of an empty transaction; estimated once.
    nothing_gas: Option<u64>,
    /// Alerts that have been logged and still hold.
    reported: BTreeSet<Alert>,
    newest: NewestBlock,
}

impl Outbox {
    /// Opens the queue in `path`; creates it if it does not exist.
    ///
    /// # Errors
    /// [`OutboxError::Locked`] or [`OutboxError::Leased`] if another process uses it; [`OutboxError::Foreign`] if it
    /// belongs to another key.
    pub fn open(
        path: &Path,
        client: ChainClient,
        signer: Signer,
        policy: Policy,
    ) -> Result<Self, OutboxError> {
        let owner = format!("{} on chain {}", signer.address(), client.chain_id());
        let clock = Clock::system();
        let database = Database::open(path, &owner, clock.now())?;
        Ok(Self {
            database,
            client,
            signer,
            policy,
            clock,
            boundaries: Boundaries::default(),
            rechecked_at: 0,
            nothing_gas: None,
            reported: BTreeSet::new(),
            newest: NewestBlock::default(),
        })
    }

    /// Lets `watcher` stop runs at boundaries, as a crash would.
    pub fn watch(&mut self, watcher: impl FnMut(Boundary) -> bool + Send + 'static) {
        self.boundaries = Boundaries::watched(watcher);
    }

    /// The chain client.
    #[must_use]
    pub fn client(&self) -> &ChainClient {
        &self.client
    }

    /// The signing key.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Stores an intent under its idempotency key; returns true if it is new. Enqueuing a key again has no effect,
    /// unless the earlier intent had none: it was rejected, reverted or cancelled. Then the new call is tried.
    ///
    /// # Errors
    /// Database errors; [`OutboxError::Fenced`] if another process has taken over.
    pub fn enqueue(&mut self, intent: &NewIntent<'_>) -> Result<bool, OutboxError> {
        self.database.enqueue(intent, self.clock.now())
    }

    /// The call of an intent; `None` if the key is unknown.
    ///
    /// # Errors
    /// Database errors.
    pub fn draft_of(&self, key: &str) -> Result<Option<Draft>, OutboxError> {
        self.database.draft_of(key)
    }

    /// Keys of the unconfirmed intents, oldest first.
    ///
    /// # Errors
    /// Database errors.
    pub fn unfinished(&self) -> Result<Vec<String>, OutboxError> {
        self.database.unfinished()
    }

    /// Cancels an intent if that is still possible, by using its nonce for an empty transaction. [`Outbox::ended`]
    /// tells the result.
    ///
    /// # Errors
    /// As [`Outbox::enqueue`].
    pub fn cancel(&mut self, key: &str) -> Result<(), OutboxError> {
        self.database.cancel(key)
    }

    /// Cancels an intent if nothing has been signed for it yet; otherwise it continues.
    ///
    /// # Errors
    /// As [`Outbox::enqueue`].
    pub fn cancel_queued(&mut self, key: &str) -> Result<(), OutboxError> {
        self.database.cancel_queued(key)
    }

    /// How an intent ended; `None` if it is still pending or unknown. A reorganisation may reopen it until
    /// [`Outbox::is_final`].
    ///
    /// # Errors
    /// Database errors.
    pub fn ended(&self, key: &str) -> Result<Option<Ended>, OutboxError> {
        self.database.ended(key)
    }

    /// Whether an intent has ended for good.
    ///
    /// # Errors
    /// Database errors.
    pub fn is_final(&self, key: &str) -> Result<bool, OutboxError> {
        self.database.is_final(key)
    }

    /// Whether a block is final under the policy.
    ///
    /// # Errors
    /// Chain errors.
    pub async fn is_block_final(&self, block: u64) -> Result<bool, OutboxError> {
        let head = self.client.head().await?.number;
        Ok(match self.policy.finality {
            Finality::Blocks(blocks) => head >= block.saturating_add(blocks),
            Finality::Tag { or } => {
                let last = self.client.finalized().await?;
                last.is_some_and(|last| last >= block) || head >= block.saturating_add(or)
            }
        })
    }

    /// Statistics.
    ///
    /// # Errors
    /// Database errors.
    pub fn stats(&self) -> Result<Stats, OutboxError> {
        self.database.stats()
    }

    /// Whether no transaction waits, is pending, or is watched until it is final: then [`Self::tick`] asks the node nothing.
    ///
    /// # Errors
    /// Database errors.
    pub fn is_idle(&self) -> Result<bool, OutboxError> {
        Ok(self.database.load(self.clock.now())?.intents.is_empty())
    }

    /// The queue and the balance of its key, for [`queue_metrics`](crate::queue_metrics); with what is [parked](crate::parked) since the
    /// last tick.
    ///
    /// # Errors
    /// The database's and the chain's.
    pub async fn state(&self, parked: u64) -> Result<QueueState, OutboxError> {
        Ok(QueueState {
            standing_for: self.newest.standing_for(&self.client).await?,
            stats: self.stats()?,
            wallet: self.client.balance(self.signer.address()).await?,
            parked,
            now: self.clock.now(),
        })
    }

    /// Works until every intent is confirmed or has ended otherwise. It retries when the node does not answer.
    ///
    /// # Errors
    /// [`OutboxError::Parked`] if limits or an empty key stop it; [`OutboxError::StillUnderWay`] if it exceeds the
    /// policy's patience; chain and database errors. A later call continues.
    pub async fn run_until_idle(&mut self) -> Result<(), OutboxError> {
        let started = self.clock.now();
        loop {
            let seconds = self.clock.now().saturating_sub(started);
            let tick = match self.tick().await {
                Ok(tick) => tick,
                Err(OutboxError::Chain(error)) if error.is_transient() && seconds < self.policy.patience => {
                    tracing::warn!(%error, "the node did not answer; retrying");
                    tokio::time::sleep(self.policy.poll).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if tick.open == 0 {
                return Ok(());
            }
            if !tick.waiting {
                continue;
            }
            let parked = tick.alerts.iter().find_map(|alert| match alert {
                Alert::Parked { intent, why } => Some((*intent, *why)),
                _ => None,
            });
            if let Some((intent, why)) = parked.filter(|_| tick.pending == 0) {
                return Err(OutboxError::Parked {
                    key: self.database.key(intent)?,
                    why: self.explain(why, tick.balance.unwrap_or_default()),
                });
            }
            if seconds >= self.policy.patience {
                let queue = self.database.load(self.clock.now())?;
                let open = queue.intents.iter().find(|intent| !counts(&intent.phase));
                let key = open.map(|intent| self.database.key(intent.id)).transpose()?;
                return Err(OutboxError::StillUnderWay {
                    key: key.unwrap_or_default(),
                    seconds,
                });
            }
            tokio::time::sleep(self.policy.poll).await;
        }
    }

    /// One tick: observes the chain, decides one step, and executes its actions.
    ///
    /// # Errors
    /// Chain and database errors; a later call continues.
    pub async fn tick(&mut self) -> Result<Tick, OutboxError> {
        let now = self.clock.now();
        let queue = self.database.load(now)?;
        if queue.intents.is_empty() {
            return Ok(Tick {
                waiting: true,
                ..Tick::default()
            });
        }
        self.database.renew_lease(now)?;
        let rechecks = now >= self.rechecked_at.saturating_add(self.policy.recheck_after);
        if !rechecks && queue.intents.iter().all(|intent| counts(&intent.phase)) {
            return Ok(Tick {
                waiting: true,
                ..Tick::default()
            });
        }
        let seen = self.observe(&queue, rechecks).await?;
        if rechecks {
            self.rechecked_at = now;
        }
        let next = step(&queue, &seen, now, &self.policy);
        if next.queue != queue {
            self.boundaries.reach(Boundary::Seen)?;
            self.explain_reverts(&queue, &next.queue).await?;
            self.database.save(&queue, &next.queue, &next.alerts, now)?;
            self.boundaries.reach(Boundary::Saved)?;
        }
        self.report(&next.alerts, seen.balance);
        for action in &next.actions {
            self.act(action, now).await?;
        }
        Ok(Tick {
            waiting: next.actions.is_empty() && next.queue == queue,
            open: next
                .queue
                .intents
                .iter()
                .filter(|intent| !counts(&intent.phase))
                .count(),
            pending: next
                .queue
                .intents
                .iter()
                .filter(|intent| matches!(intent.phase, Phase::Pending { .. }))
                .count(),
            alerts: next.alerts,
            balance: Some(seen.balance),
        })
    }

    /// The head is read before the receipts. The receipts then hold for at least that chain length, so a receipt that a
    /// fork has overtaken never counts as confirmed. The nonce is read before them too: an attempt mined in between is
    /// seen as mined, never as lost.
    async fn observe(&mut self, queue: &Queue, rechecks: bool) -> Result<Observation, OutboxError> {
        let address = self.signer.address();
        let finalized = match self.policy.finality {
            Finality::Blocks(_) => None,
            Finality::Tag { .. } => self.client.finalized().await?,
        };
        let head = self.client.head().await?.number;
        let mined_nonce = self.client.mined_nonce(address).await?;
        let mut receipts = BTreeMap::new();
        for hash in watched(queue, rechecks) {
            receipts.insert(hash, mined(&self.client, hash).await?);
        }
        let nothing_gas = match self.nothing_gas {
            Some(gas) => gas,
            None => *self
                .nothing_gas
                .insert(self.client.estimate_gas(&self.nothing(), address).await?),
        };
        Ok(Observation {
            head,
            finalized,
            mined_nonce,
            fees: self.client.fees().await?,
            balance: self.client.balance(address).await?,
            nothing_gas,
            receipts,
        })
    }

    async fn act(&mut self, action: &Action, now: u64) -> Result<(), OutboxError> {
        match *action {
            Action::Estimate { intent } => {
                let draft = self.database.draft(intent)?;
                // A rejection by the contract is found here, before anything is signed.
                match self.client.estimate_gas(&draft, self.signer.address()).await {
                    Ok(limit) => self.database.set_gas(intent, Gas { limit, at: now }),
                    Err(ChainError::Reverted(reason)) => self.database.refuse(intent, &reason.to_string()),
                    // Its own limit is too low for the call: not every node calls that a revert.
                    Err(error @ ChainError::Rpc { .. })
                        if draft.gas_limit.is_some() && !error.is_transient() =>
                    {
                        self.database.refuse(intent, &error.to_string())
                    }
                    Err(error) => Err(error.into()),
                }
            }
            Action::Sign {
                intent,
                nonce,
                fees,
                gas_limit,
                purpose,
            } => {
                let draft = match (intent, purpose) {
                    (Some(intent), Purpose::Call) => self.database.draft(intent)?,
                    _ => self.nothing(),
                };
                let chain_id = self.client.chain_id();
                let signed = draft.sign(&self.signer, chain_id, nonce, gas_limit, fees).await?;
                let attempt = Attempt {
                    hash: signed.hash,
                    nonce,
                    fees,
                    gas_limit,
                    purpose,
                    made_at: now,
                    sent_at: None,
                };
                self.database
                    .store_attempt(intent, &attempt, &signed, self.signer.address())?;
                Ok(self.boundaries.reach(Boundary::Stored)?)
            }
            Action::Send(hash) => self.send(&hash, now).await,
        }
    }

    async fn send(&mut self, hash: &B256, now: u64) -> Result<(), OutboxError> {
        let raw = self.database.raw(hash)?;
        let outcome = self.client.send_raw(&raw).await;
        self.boundaries.reach(Boundary::Sent)?;
        // Receipts decide, whatever the node answers; but a rejection is logged.
        match &outcome {
            SendOutcome::Accepted | SendOutcome::AlreadyKnown => {}
            other => {
                tracing::info!(%hash, answer = ?other, "the node did not accept a transaction; it will be sent again")
            }
        }
        self.database.mark_sent(hash, &format!("{outcome:?}"), now)
    }

    /// Looks up why calls were reverted, as long as the node remembers.
    async fn explain_reverts(&mut self, before: &Queue, after: &Queue) -> Result<(), OutboxError> {
        for (old, new) in before.intents.iter().zip(&after.intents) {
            let (Phase::Confirmed { mined, .. } | Phase::Closed(mined)) = new.phase else {
                continue;
            };
            if mined.succeeded || counts(&old.phase) {
                continue;
            }
            let draft = self.database.draft(new.id)?;
            let why = self
                .client
                .failure(&draft, self.signer.address(), mined.block)
                .await;
            if let Ok(Some(revert)) = why {
                self.database.set_reason(new.id, &revert.to_string())?;
            }
        }
        Ok(())
    }

    /// Logs new alerts.
    fn report(&mut self, alerts: &[Alert], balance: AttoFil) {
        let now: BTreeSet<_> = alerts.iter().copied().collect();
        for alert in now.difference(&self.reported) {
            match *alert {
                Alert::Parked { intent, why } => {
                    let key = self.database.key(intent).unwrap_or_default();
                    tracing::warn!(key, why = self.explain(why, balance), "transaction parked");
                }
                Alert::OutsideUse { nonce } => tracing::error!(
                    nonce,
                    key = %self.signer.address(),
                    "another program sends with this key; give each program its own key"
                ),
                Alert::Reorganised { intent } => {
                    let key = self.database.key(intent).unwrap_or_default();
                    tracing::warn!(key, "a reorganisation dropped a transaction; sending it again");
                }
            }
        }
        self.reported = now;
    }

    fn explain(&self, why: Park, balance: AttoFil) -> String {
        let caps = &self.policy.caps;
        match why {
            Park::GasPrice => format!("the gas price is above the limit of {} attoFIL", caps.gas_price),
            Park::IntentCap => format!("its fees would exceed the limit of {}", caps.intent),
            Park::DailyCap => format!("today's spending would exceed the limit of {}", caps.daily),
            Park::Funds => format!("key {} holds only {balance}: send it FIL", self.signer.address()),
        }
    }

    /// An empty transaction to the sender.
    fn nothing(&self) -> Draft {
        Draft::call("the sender", self.signer.address(), Vec::new())
    }
}

/// The block of a transaction, if it is still part of the chain.
async fn mined(client: &ChainClient, hash: B256) -> Result<Option<Mined>, OutboxError> {
    let Some(receipt) = client.receipt(hash).await? else {
        return Ok(None);
    };
    let (block, block_hash) = (receipt.block_number, receipt.block_hash);
    let canonical = client.is_canonical(block, block_hash).await?;
    Ok(canonical.then(|| Mined {
        hash,
        block,
        block_hash,
        succeeded: receipt.succeeded,
        gas_used: receipt.gas_used,
        fee: receipt.fee(),
    }))
}

/// Whether an intent needs nothing more, unless a reorganisation reopens it.
fn counts(phase: &Phase) -> bool {
    !matches!(phase, Phase::Queued { .. } | Phase::Pending { .. })
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox")
            .field("signer", &self.signer)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
