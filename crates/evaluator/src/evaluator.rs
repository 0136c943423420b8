//! One evaluator: its parts, what it knows, and what a pass does.

mod demands;
mod head;
mod known;
mod range;
mod signatures;

use std::collections::BTreeSet;
use std::time::Instant;

use alloy_primitives::{Address, B256};
use assize_chain::{Court, NewestBlock, Rewards, Roles, Rounds};
use assize_drand::{BeaconSource, Verified};
use assize_facts::{ChainFacts, FileKey, SettlementId};
use assize_keys::Signer;
use assize_outbox::{Alert, Outbox};
use assize_protocol::{FileCid, RoundNumber};
use assize_store::Store;
use assize_verify::EvaluatedRange;

use self::known::Known;
use self::signatures::Own;
use crate::attempts::Ledger;
use crate::mirror::{Mirror, Mirrored, Place};
use crate::stand_in::stand_in;
use crate::{Board, EvaluatorError, MissingFile, Peer, Plan};

/// The parts of an evaluator.
pub struct Parts {
    /// The Rounds contract.
    pub rounds: Rounds,
    /// The Rewards contract.
    pub rewards: Rewards,
    /// The Court.
    pub court: Court,
    /// The evaluator's key.
    pub signer: Signer,
    /// The store, which reads what it lacks from gateways and peers. All files of unsettled rounds are copied into it, and
    /// documents are written to it.
    pub store: Box<dyn Store>,
    /// Beacons.
    pub beacons: Verified<Box<dyn BeaconSource + Send + Sync>>,
    /// The other evaluators.
    pub peers: Vec<Peer>,
    /// The transaction queue, for objections and answers to the Court if its key has FIL, and for settlements.
    pub outbox: Option<Outbox>,
    /// Whether this evaluator posts settlements.
    pub posts: bool,
    /// Whether it reveals and opens rounds that the coordinator leaves alone. Needs the queue.
    pub stands_in: bool,
    /// Which rounds to settle, and when.
    pub plan: Plan,
}

/// An evaluator.
pub struct Evaluator {
    parts: Parts,
    board: Board,
    own: Option<Own>,
    /// What was read for the next settlement.
    known: Option<Known>,
    /// The newest valid settlement at the last pass.
    head: Option<Option<SettlementId>>,
    /// Number of settlements ever posted, as of the last pass.
    posted: u64,
    /// The newest settlement that was reported as void.
    void: Option<SettlementId>,
    /// Documents that this evaluator computed, each on top of a parent that is active or among them.
    computed: BTreeSet<FileCid>,
    /// The peers with another plan, as of their last answers, and when they were asked.
    other_plans: Vec<(String, Plan)>,
    /// Peers that did not answer then.
    silent: u64,
    plans_read: Option<Instant>,
    newest: NewestBlock,
    /// Who the evaluators are, once it was asked for.
    roles: Option<Roles>,
    /// Copies of files.
    mirror: Mirror,
    /// What could not be read so far.
    ledger: Ledger,
    /// When the Court was asked for demands, by the chain's time.
    court_asked_at: Option<u64>,
}

/// The result of a pass.
#[derive(Debug, Default)]
pub struct Pass {
    /// The rounds that this pass recomputed.
    pub evaluated: Option<(ChainFacts, EvaluatedRange)>,
    /// First and last round of the settlement that waits for signatures.
    pub waiting: Option<(RoundNumber, RoundNumber)>,
    /// Number of signatures for it, including this evaluator's.
    pub signatures: u64,
    /// Number of signatures that it needs.
    pub threshold: u64,
    /// Peers that signed another settlement of the same rounds, with their digests.
    pub disagreeing: Vec<(Address, B256)>,
    /// Files that count and cannot be got, so that nothing can be settled.
    pub missing: Vec<MissingFile>,
    /// Files to which it should object, and cannot because its key has no FIL, or because it has no queue.
    pub not_objected: Vec<FileKey>,
    /// Files that unsettled rounds commit to and that are not in the store, but for dropped ones.
    pub not_copied: u64,
    /// Demands of the Court answered in this pass.
    pub answered: u64,
    /// Seconds until a round may be late, if this evaluator stands in for the coordinator.
    pub stands_in_in: Option<u64>,
    /// Peers with another plan.
    pub other_plans: Vec<(String, Plan)>,
    /// Peers that did not answer.
    pub silent: u64,
    /// Seconds since this evaluator signed the settlement that waits for signatures.
    pub waiting_for: u64,
    /// Seconds until the next settlement is due; `None` if its last round is not open yet.
    pub due_in: Option<u64>,
    /// Seconds until there may be more files to copy.
    pub copy_in: Option<u64>,
    /// Alerts of the queue.
    pub alerts: Vec<Alert>,
    /// The newest valid settlement.
    pub head: Option<SettlementId>,
    /// Its last round.
    pub settled: RoundNumber,
}

impl Evaluator {
    /// Creates an evaluator that publishes its signatures on `board`.
    #[must_use]
    pub fn new(parts: Parts, board: Board) -> Self {
        board.set_plan(parts.plan);
        Self {
            parts,
            board,
            own: None,
            known: None,
            head: None,
            posted: 0,
            void: None,
            computed: BTreeSet::new(),
            other_plans: Vec::new(),
            silent: 0,
            plans_read: None,
            newest: NewestBlock::default(),
            roles: None,
            mirror: Mirror::default(),
            ledger: Ledger::default(),
            court_asked_at: None,
        }
    }

    async fn roles(&mut self) -> Result<Roles, EvaluatorError> {
        if let Some(roles) = &self.roles {
            return Ok(roles.clone());
        }
        let roles = self.parts.rewards.roles().await?;
        Ok(self.roles.insert(roles).clone())
    }

    /// Whether nothing waits for signatures or in the queue.
    ///
    /// # Errors
    /// The queue's database.
    pub fn is_idle(&self) -> Result<bool, EvaluatorError> {
        let queue_is_idle = match &self.parts.outbox {
            Some(outbox) => outbox.is_idle()?,
            None => true,
        };
        Ok(self.own.is_none() && queue_is_idle)
    }

    /// The transaction queue, if it has one.
    #[must_use]
    pub fn outbox(&self) -> Option<&Outbox> {
        self.parts.outbox.as_ref()
    }

    /// For how many seconds its node has had no new block.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn standing_for(&self) -> Result<u64, EvaluatorError> {
        Ok(self.newest.standing_for(self.parts.rounds.client()).await?)
    }

    /// The address of its key.
    #[must_use]
    pub fn address(&self) -> Address {
        self.parts.signer.address()
    }

    /// Its plan.
    #[must_use]
    pub fn plan(&self) -> Plan {
        self.parts.plan
    }

    /// Copies the files of unsettled rounds, recomputes and signs what is due, collects the peers' signatures, enqueues the
    /// settlement once there are enough, and lets the queue work, whatever failed before.
    ///
    /// # Errors
    /// [`EvaluatorError`], the first one; the next pass continues.
    pub async fn pass(&mut self) -> Result<Pass, EvaluatorError> {
        let mut pass = Pass::default();
        let worked = self.work(&mut pass).await;
        if let Err(error) = self.answer_court(&mut pass).await {
            tracing::warn!(%error, "the Court's demands are not answered");
        }
        if let Err(error) = self.stand_in(&mut pass).await {
            tracing::warn!(%error, "the rounds are not looked after");
        }
        let sent = self.send(&mut pass).await;
        worked?;
        sent?;
        self.refused().await?;
        Ok(pass)
    }

    async fn work(&mut self, pass: &mut Pass) -> Result<(), EvaluatorError> {
        let evaluators = self.roles().await?.evaluators().await?;
        if !evaluators.set.contains(&self.parts.signer.address()) {
            return Err(EvaluatorError::NoEvaluator {
                address: self.parts.signer.address(),
                evaluators: evaluators.set,
            });
        }
        pass.threshold = evaluators.threshold;
        self.read_head(pass).await?;
        let heard = self.copy_files(pass).await;
        match self.due(pass).await? {
            None => self.forget(),
            Some(range) => self.settle(range, evaluators.version, heard, pass).await?,
        }
        self.compare_plans(pass);
        if let Some(own) = &self.own {
            pass.waiting = Some((own.range.first, own.range.last));
            pass.waiting_for = own.signed_at.elapsed().as_secs();
            let signatures = self.gather(own, &evaluators.set, pass);
            pass.signatures = signatures.len() as u64;
            if pass.signatures >= pass.threshold {
                self.post(&signatures)?;
            }
        }
        Ok(())
    }

    /// Reveals and opens what the coordinator leaves alone, if that is wanted. Evaluators take turns in the order of their addresses.
    async fn stand_in(&mut self, pass: &mut Pass) -> Result<(), EvaluatorError> {
        if !self.parts.stands_in || !self.can_send().await? {
            return Ok(());
        }
        let mut evaluators = self.roles().await?.evaluators().await?.set;
        evaluators.sort_unstable();
        let own = self.address();
        let turn = evaluators.iter().position(|evaluator| *evaluator == own);
        let ends_at = self.parts.rewards.ends_at().await?;
        let Parts {
            rounds,
            beacons,
            outbox,
            ..
        } = &mut self.parts;
        if let (Some(outbox), Some(turn)) = (outbox, turn) {
            pass.stands_in_in = stand_in(rounds, beacons, outbox, turn as u64, ends_at).await?;
        }
        Ok(())
    }

    /// Copies files of unsettled rounds into the store; returns whether a source answered. The pass goes on if it fails.
    async fn copy_files(&mut self, pass: &mut Pass) -> bool {
        self.ledger.settled(pass.settled);
        let place = Place {
            rounds: &self.parts.rounds,
            rewards: &self.parts.rewards,
            store: &*self.parts.store,
            settled: pass.settled,
            delay: self.parts.plan.delay,
        };
        let mirrored = self.mirror.pass(&place, &mut self.ledger).await;
        let Mirrored {
            missing,
            heard,
            due_in,
        } = mirrored.unwrap_or_else(|error| {
            tracing::warn!(%error, "the files of unsettled rounds are not copied now");
            Mirrored::default()
        });
        (pass.not_copied, pass.copy_in) = (missing, due_in);
        self.board.set_held(self.mirror.held());
        heard
    }

    async fn send(&mut self, pass: &mut Pass) -> Result<(), EvaluatorError> {
        let Some(outbox) = &mut self.parts.outbox else {
            return Ok(());
        };
        loop {
            let tick = outbox.tick().await?;
            pass.alerts.extend(tick.alerts);
            if tick.waiting {
                return Ok(());
            }
        }
    }

    /// Whether it has a queue, and its key can pay for gas.
    async fn can_send(&self) -> Result<bool, EvaluatorError> {
        match &self.parts.outbox {
            Some(outbox) => {
                let balance = outbox.client().balance(outbox.signer().address()).await?;
                Ok(!balance.is_zero())
            }
            None => Ok(false),
        }
    }

    fn forget(&mut self) {
        (self.own, self.known) = (None, None);
        self.board.set(None);
    }
}
