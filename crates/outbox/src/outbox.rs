//! The loop: looks at the chain, asks [`step`], does it, writes it down.

use std::path::Path;

use alloy_primitives::B256;
use assize_chain::{ChainClient, ChainError, SendOutcome, Signer};
use rusqlite::Connection;

use crate::database::{Database, Ended, Intent};
use crate::step::{Action, Mined, Observation, State, step};
use crate::{Clock, OutboxError, Policy, SystemClock};

/// Places between two durable steps, where a process may die. For tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// A transaction is signed and stored, and not sent.
    Stored,
    /// It is sent, and that is not written down.
    Sent,
    /// Its receipt is seen, and that is not written down.
    Mined,
    /// Its end is written down.
    Finished,
}

/// Told of every boundary; false ends the run there.
type Watcher = Box<dyn FnMut(Boundary) -> bool + Send>;

/// The queue of one key on one chain.
pub struct Outbox {
    database: Database,
    client: ChainClient,
    signer: Signer,
    policy: Policy,
    clock: Box<dyn Clock>,
    watcher: Option<Watcher>,
}

impl Outbox {
    /// Opens the queue in `path`, creating it if need be. The file may hold the caller's own tables too.
    ///
    /// # Errors
    /// [`OutboxError::Locked`] if another process works with it; [`OutboxError::Foreign`] if it is another key's.
    pub fn open(
        path: &Path,
        client: ChainClient,
        signer: Signer,
        policy: Policy,
    ) -> Result<Self, OutboxError> {
        let owner = format!("{} on chain {}", signer.address(), client.chain_id());
        let database = Database::open(path, &owner)?;
        Ok(Self {
            database,
            client,
            signer,
            policy,
            clock: Box::new(SystemClock),
            watcher: None,
        })
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Lets `watcher` end runs at boundaries, as a crash would.
    pub fn watch(&mut self, watcher: impl FnMut(Boundary) -> bool + Send + 'static) {
        self.watcher = Some(Box::new(watcher));
    }

    /// The database, for the caller's own tables and for [`enqueue`](crate::enqueue) within its transactions.
    pub fn database(&mut self) -> &mut Connection {
        &mut self.database.connection
    }

    /// The node.
    #[must_use]
    pub fn client(&self) -> &ChainClient {
        &self.client
    }

    /// The key.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// How an intent ended; `None` if it has not, or is not there.
    ///
    /// # Errors
    /// The database's.
    pub fn ended(&self, key: &str) -> Result<Option<Ended>, OutboxError> {
        let Some(intent) = self.database.by_key(key)? else {
            return Ok(None);
        };
        let reason = intent.reason.unwrap_or_default();
        Ok(match intent.state {
            State::Queued | State::Pending { .. } => None,
            State::Done(mined) => Some(Ended::Done(mined)),
            State::Reverted(mined) => Some(Ended::Reverted { mined, reason }),
            State::Refused => Some(Ended::Refused { reason }),
        })
    }

    /// Works until every intent has ended.
    ///
    /// # Errors
    /// [`OutboxError::StillUnderWay`] if that takes longer than the policy's patience; the chain's and the database's
    /// errors. Calling it again goes on.
    pub async fn run_until_idle(&mut self) -> Result<(), OutboxError> {
        let started = self.clock.now();
        while let Some(intent) = self.database.next_open()? {
            let waiting = self.advance(&intent).await?;
            if !waiting {
                continue;
            }
            let seconds = self.clock.now().saturating_sub(started);
            if seconds >= self.policy.patience {
                return Err(OutboxError::StillUnderWay {
                    key: intent.key,
                    seconds,
                });
            }
            tokio::time::sleep(self.policy.poll).await;
        }
        Ok(())
    }

    /// One look and one step; true if there is nothing to do but wait.
    async fn advance(&mut self, intent: &Intent) -> Result<bool, OutboxError> {
        let seen = self.observe(&intent.state).await?;
        let now = self.clock.now();
        let (state, action) = step(&intent.state, &seen, now, &self.policy);
        if let (
            State::Pending {
                passed_at: before, ..
            },
            State::Pending { passed_at: after, .. },
        ) = (&intent.state, &state)
            && before != after
        {
            self.database.mark_passed(intent.id, *after)?;
        }
        match action {
            Action::Wait => return Ok(true),
            Action::Requeue => self.database.requeue(intent.id)?,
            Action::Sign { nonce, fees } => {
                // The contract's refusal is found here, before anything is signed.
                let gas_limit = match self
                    .client
                    .estimate_gas(&intent.draft, self.signer.address())
                    .await
                {
                    Ok(limit) => limit,
                    // Of a replacement that the contract would refuse now, the first version may be the reason: it is
                    // in, and its receipt on the way.
                    Err(ChainError::Reverted(_)) if matches!(intent.state, State::Pending { .. }) => {
                        return Ok(true);
                    }
                    Err(ChainError::Reverted(reason)) => {
                        self.database.refuse(intent.id, &reason.to_string())?;
                        return Ok(false);
                    }
                    Err(error) => return Err(error.into()),
                };
                let cost =
                    alloy_primitives::U256::from(gas_limit) * alloy_primitives::U256::from(fees.max_fee);
                self.client
                    .expect_funds(&self.signer, intent.draft.value.saturating_add(cost))
                    .await?;
                let chain_id = self.client.chain_id();
                let signed = self
                    .signer
                    .sign_transaction(chain_id, &intent.draft, nonce, gas_limit, fees)?;
                self.database
                    .store_attempt(intent.id, nonce, fees, &signed, now)?;
                self.boundary(Boundary::Stored)?;
            }
            Action::Send(hash) => self.send(&hash, now).await?,
            Action::Finish => {
                let (State::Done(mined) | State::Reverted(mined)) = state else {
                    return Err(OutboxError::BadRow(format!(
                        "{} ended without a receipt",
                        intent.key
                    )));
                };
                self.boundary(Boundary::Mined)?;
                let reason = self.reason(intent, &mined).await?;
                self.database.finish(intent.id, &mined, reason.as_deref())?;
                self.boundary(Boundary::Finished)?;
            }
        }
        Ok(false)
    }

    /// The nonce is read before the receipts: an attempt mined in between is seen as mined, never as lost.
    async fn observe(&self, state: &State) -> Result<Observation, OutboxError> {
        let mined_nonce = self.client.mined_nonce(self.signer.address()).await?;
        let mut mined = None;
        if let State::Pending { attempts, .. } = state {
            for attempt in attempts {
                if let Some(receipt) = self.client.receipt(attempt.hash).await? {
                    mined = Some(Mined {
                        hash: receipt.hash,
                        block: receipt.block_number,
                        succeeded: receipt.succeeded,
                        gas_used: receipt.gas_used,
                    });
                }
            }
        }
        let head = self.client.head().await?.number;
        let fees = self.client.fees().await?;
        Ok(Observation {
            head,
            mined_nonce,
            fees,
            mined,
        })
    }

    async fn send(&mut self, hash: &B256, now: u64) -> Result<(), OutboxError> {
        let raw = self.database.raw(hash)?;
        let outcome = self.client.send_raw(&raw).await;
        self.boundary(Boundary::Sent)?;
        // Whatever the node says, the receipts decide; but a refusal is worth a word in the log.
        match &outcome {
            SendOutcome::Accepted | SendOutcome::AlreadyKnown => {}
            other => {
                tracing::warn!(%hash, answer = ?other, "the node did not take a transaction; it will be sent again")
            }
        }
        self.database.mark_sent(hash, &format!("{outcome:?}"), now)
    }

    async fn reason(&self, intent: &Intent, mined: &Mined) -> Result<Option<String>, OutboxError> {
        if mined.succeeded {
            return Ok(None);
        }
        let revert = self
            .client
            .failure(&intent.draft, self.signer.address(), mined.block)
            .await?;
        Ok(Some(revert.map_or_else(
            || "it was reverted; the node cannot say why".to_owned(),
            |why| why.to_string(),
        )))
    }

    fn boundary(&mut self, boundary: Boundary) -> Result<(), OutboxError> {
        match self.watcher.as_mut().is_none_or(|watcher| watcher(boundary)) {
            true => Ok(()),
            false => Err(OutboxError::Stopped(boundary)),
        }
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox")
            .field("signer", &self.signer)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
