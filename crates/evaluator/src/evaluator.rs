//! One evaluator.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256};
use assize_chain::{Court, NewestBlock, Rewards, Roles, Rounds};
use assize_drand::{BeaconSource, Verified};
use assize_evaluate::SettlementDocument;
use assize_facts::{ChainFacts, ChainRound, FileKey, Proposal, Settlement, SettlementId, Status};
use assize_keys::Signer;
use assize_outbox::{Alert, Ended, Kind, NewIntent, Outbox};
use assize_protocol::{FileCid, RoundNumber};
use assize_service::moment;
use assize_store::Store;
use assize_verify::{
    Conclusion, EvaluatedRange, Evidence, NextRange, Reading, VerifyError, read_next_settlement,
    read_settlement,
};

use crate::attempts::{Ledger, Objection};
use crate::court::{answer, open_demands};
use crate::mirror::{Mirror, Mirrored, Place};
use crate::objection::{drop_due, missing, object};
use crate::plan::Outlook;
use crate::{Board, EvaluatorError, MissingFile, Peer, Plan, SignedProposal};

/// How long the peers' plans are taken to be unchanged.
const PLANS_FOR: Duration = Duration::from_secs(60);
/// How often the Court is asked for demands in the time for an answer.
const LOOKS: u64 = 48;

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
    /// Which rounds to settle, and when.
    pub plan: Plan,
}

/// An evaluator.
pub struct Evaluator {
    parts: Parts,
    board: Board,
    own: Option<Own>,
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

/// The result for the next settlement.
struct Own {
    range: NextRange,
    /// The facts that it was computed from.
    rounds: BTreeMap<RoundNumber, ChainRound>,
    drops: Vec<FileKey>,
    /// The number that it would have.
    number: SettlementId,
    proposal: Proposal,
    signed: SignedProposal,
    signed_at: Instant,
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
            Some(range) => {
                let Parts { rounds, rewards, .. } = &self.parts;
                let (reading, next) = read_next_settlement(rounds, rewards, Some(range.last)).await?;
                // A reorganisation may have changed commitments since.
                let known = |own: &Own| {
                    own.range == range
                        && own.rounds == reading.facts.rounds
                        && own.drops == reading.facts.drops
                };
                if self.own.as_ref().is_some_and(known) {
                    self.sign_again().await?;
                } else {
                    self.forget();
                    // Otherwise another settlement was posted since: the next pass starts over.
                    if next == Some(range) {
                        self.check_parent(range.parent).await?;
                        pass.evaluated = self
                            .evaluate(range, reading, evaluators.version, heard, pass)
                            .await?;
                    }
                }
            }
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

    /// Shows the places of pending settlements that somebody demanded, once half of the time for it is over: the guardian does it at
    /// once, and one answer is enough. What it has not recomputed yet, it recomputes first.
    async fn answer_court(&mut self, pass: &mut Pass) -> Result<(), EvaluatorError> {
        if self.parts.outbox.is_none() || pass.head.is_none() {
            return Ok(());
        }
        let now = self.parts.rewards.client().head().await?.timestamp;
        let window = self.parts.court.answer_window().await?;
        if self
            .court_asked_at
            .is_some_and(|at| now < at.saturating_add(window / LOOKS))
        {
            return Ok(());
        }
        let mut next = pass.head;
        while let Some(id) = next {
            let settlement = self.parts.rewards.settlement(id).await?;
            if settlement.status != Status::Pending {
                break;
            }
            next = settlement.proposal.parent;
            let mut demands = open_demands(&self.parts.court, &settlement).await?;
            demands.retain(|demand| now.saturating_add(window / 2) >= demand.due_at);
            if demands.is_empty() || !self.can_send().await? {
                continue;
            }
            self.check_parent(Some(id)).await?;
            let bytes = tokio::task::block_in_place(|| self.parts.store.get(&settlement.proposal.cid))?;
            let document = SettlementDocument::parse(&bytes).map_err(|source| VerifyError::Document {
                settlement: id,
                cid: settlement.proposal.cid,
                source,
            })?;
            let Parts { court, outbox, .. } = &mut self.parts;
            if let Some(outbox) = outbox {
                pass.answered += answer::<EvaluatorError>(court, outbox, &settlement, &document, &demands)?;
            }
        }
        self.court_asked_at = Some(now);
        Ok(())
    }

    /// Reads the newest valid settlement; reports a new one, and one that is void.
    async fn read_head(&mut self, pass: &mut Pass) -> Result<(), EvaluatorError> {
        let rewards = &self.parts.rewards;
        // Before the head: a settlement that is posted in between is then no new attempt at its own rounds.
        let posted = rewards.settlement_count().await?;
        pass.head = rewards.head().await?;
        if let Some(head) = pass.head {
            let settlement = rewards.settlement(head).await?;
            pass.settled = settlement.proposal.last_round;
            if self.head.is_some_and(|before| before < pass.head) {
                let now = rewards.client().head().await?.timestamp;
                tracing::info!(
                    settlement = %head,
                    last = pass.settled.0,
                    active = moment(settlement.active_at, now),
                    "posted"
                );
            }
        }
        self.report_void(posted, pass.head).await?;
        self.head = Some(pass.head);
        self.posted = posted;
        Ok(())
    }

    /// Reports once that the newest settlement, or the one that was the head, was voided: those built on it are void with it.
    async fn report_void(&mut self, posted: u64, head: Option<SettlementId>) -> Result<(), EvaluatorError> {
        let rewards = &self.parts.rewards;
        let newest = Some(SettlementId(posted)).filter(|newest| posted > 0 && Some(*newest) > head);
        let before = self.head.flatten().filter(|before| Some(*before) != head);
        let suspects = [before, newest].into_iter().flatten().max();
        let Some(suspect) = suspects.filter(|suspect| Some(*suspect) > self.void) else {
            return Ok(());
        };
        let (mut next, mut first) = (Some(suspect), None);
        while let Some(id) = next {
            let settlement = rewards.settlement(id).await?;
            if settlement.status != Status::Void {
                break;
            }
            (next, first) = (settlement.proposal.parent, Some(settlement));
        }
        if let Some(first) = first {
            self.void = Some(suspect);
            tracing::warn!(
                settlement = %first.id,
                first = first.proposal.first_round.0,
                last = first.proposal.last_round.0,
                "voided: the guardian vetoed it, with a reason in the event SettlementVetoed, or the Court disproved it; its rounds \
                 will be settled again"
            );
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.own = None;
        self.board.set(None);
    }

    /// Recomputes the pending settlements that the next one would be built on, oldest first; active ones are facts.
    async fn check_parent(&mut self, parent: Option<SettlementId>) -> Result<(), EvaluatorError> {
        let mut unknown: Vec<Settlement> = Vec::new();
        let mut next = parent;
        while let Some(id) = next {
            let settlement = self.parts.rewards.settlement(id).await?;
            if settlement.status != Status::Pending || self.computed.contains(&settlement.proposal.cid) {
                break;
            }
            next = settlement.proposal.parent;
            unknown.push(settlement);
        }
        for settlement in unknown.into_iter().rev() {
            let Parts {
                rounds,
                rewards,
                store,
                beacons,
                ..
            } = &self.parts;
            let Reading { facts, own } = read_settlement(rounds, rewards, settlement.id).await?;
            let evidence = Evidence {
                chain: &facts,
                own: &own,
                elsewhere: &|_, _| None,
                store: &**store,
                beacons,
                progress: &|_| {},
            };
            match tokio::task::block_in_place(|| evidence.verify_settlement(settlement.id))? {
                Conclusion::Match(verified) => {
                    // Who signed it may be gone when somebody demands a place of it.
                    tokio::task::block_in_place(|| store.put(&verified.document.to_bytes()))?;
                    self.computed.insert(settlement.proposal.cid)
                }
                Conclusion::Mismatch(mismatch) => {
                    return Err(EvaluatorError::WrongParent {
                        settlement: settlement.id,
                        mismatch,
                    });
                }
            };
        }
        Ok(())
    }

    /// The range of the next settlement, once its rounds are over.
    async fn due(&mut self, pass: &mut Pass) -> Result<Option<NextRange>, EvaluatorError> {
        let Plan { every, delay } = self.parts.plan;
        let first = RoundNumber(pass.settled.0.saturating_add(1));
        let full = RoundNumber(pass.settled.0.saturating_add(every));
        let Some(latest) = self.parts.rounds.latest_round().await? else {
            return Ok(None);
        };
        let count = match latest {
            _ if latest < first => None,
            _ if latest < full => self.fewer(first, latest).await?,
            _ => {
                let until = self.parts.rounds.round(full).await?.times.dedupe_from;
                let now = self.parts.rounds.client().head().await?.timestamp;
                let due_in = until.saturating_add(delay).saturating_add(1).saturating_sub(now);
                pass.due_in = Some(due_in);
                (due_in == 0).then_some(every)
            }
        };
        Ok(count.map(|count| NextRange {
            parent: pass.head,
            first,
            last: RoundNumber(pass.settled.0.saturating_add(count)),
        }))
    }

    /// How many rounds from `first` on are settled although they are no full range.
    async fn fewer(
        &mut self,
        first: RoundNumber,
        latest: RoundNumber,
    ) -> Result<Option<u64>, EvaluatorError> {
        let roles = self.roles().await?;
        let Parts {
            rounds,
            rewards,
            plan,
            ..
        } = &self.parts;
        let outlook = Outlook {
            now: rounds.client().head().await?.timestamp,
            window: roles.challenge_window().await?,
            ends_at: rewards.ends_at().await?,
            opened_at: rounds.round(latest).await?.opened_at,
        };
        if !plan.may_settle_fewer(&outlook) {
            return Ok(None);
        }
        let mut dedupe_from = Vec::new();
        for number in (first.0..=latest.0).map(RoundNumber) {
            dedupe_from.push(rounds.round(number).await?.times.dedupe_from);
        }
        Ok(plan.fewer(&outlook, &dedupe_from))
    }

    /// Recomputes a range and signs its settlement; `None`, with objections where it is time for them, if a file is missing.
    async fn evaluate(
        &mut self,
        range: NextRange,
        reading: Reading,
        set: u64,
        heard: bool,
        pass: &mut Pass,
    ) -> Result<Option<(ChainFacts, EvaluatedRange)>, EvaluatorError> {
        let Reading { facts: chain, own } = reading;
        let Parts { store, beacons, .. } = &self.parts;
        let evidence = Evidence {
            chain: &chain,
            own: &own,
            elsewhere: &|_, _| None,
            store: &**store,
            beacons,
            progress: &|_| {},
        };
        // Recomputing occupies a core for seconds.
        let evaluated = tokio::task::block_in_place(|| {
            let evaluated = match evidence.evaluate_range(range.first, range.last, range.parent) {
                Ok(evaluated) => evaluated,
                Err(error) => {
                    let unreadable = evidence.unreadable(range.first, range.last)?;
                    return match unreadable.is_empty() {
                        true => Err(error.into()),
                        false => Ok(Err(unreadable)),
                    };
                }
            };
            store.put(&evaluated.document.to_bytes())?;
            Ok::<_, EvaluatorError>(Ok(evaluated))
        })?;
        let evaluated = match evaluated {
            Ok(evaluated) => evaluated,
            Err(unreadable) => {
                let window = self.roles().await?.challenge_window().await?;
                pass.missing = missing(&chain, window, unreadable, &mut self.ledger, heard);
                let due = pass
                    .missing
                    .iter()
                    .filter(|missing| missing.objection == Objection::Due);
                let due: Vec<_> = due.map(|missing| missing.file).collect();
                let can_send = self.can_send().await?;
                let Parts { outbox, rewards, .. } = &mut self.parts;
                let objected = rewards.objections().await?;
                match outbox {
                    Some(outbox) if can_send => {
                        object(rewards, outbox, set, &pass.missing, &objected)?;
                        drop_due(rewards, outbox, set, &pass.missing, &objected, chain.now)?;
                    }
                    _ => pass.not_objected = due,
                }
                return Ok(None);
            }
        };
        let proposal = evaluated.document.proposal();
        let signed = self.sign(&proposal).await?;
        tracing::info!(first = range.first.0, last = range.last.0, digest = %signed.digest, cid = %signed.cid, "signed");
        self.computed.insert(proposal.cid);
        self.board.set(Some(signed.clone()));
        self.own = Some(Own {
            range,
            rounds: chain.rounds.clone(),
            drops: chain.drops.clone(),
            number: self.next_number(),
            proposal,
            signed,
            signed_at: Instant::now(),
        });
        Ok(Some((chain, evaluated)))
    }

    /// The number that the next settlement has.
    fn next_number(&self) -> SettlementId {
        SettlementId(self.posted + 1)
    }

    async fn sign(&self, proposal: &Proposal) -> Result<SignedProposal, EvaluatorError> {
        let message = self
            .parts
            .rewards
            .message_of(self.next_number(), proposal)
            .await?;
        let signature = message.sign(&self.parts.signer).await?;
        Ok(SignedProposal::new(
            (proposal.first_round, proposal.last_round),
            proposal.cid,
            message.digest(),
            self.parts.signer.address(),
            &signature,
        ))
    }

    /// A change of evaluators invalidates signatures, as does a settlement that was voided since: the digest includes the set's
    /// version and the settlement's number.
    async fn sign_again(&mut self) -> Result<(), EvaluatorError> {
        let Some(own) = &self.own else { return Ok(()) };
        let number = self.next_number();
        let digest = self.parts.rewards.digest_of(number, &own.proposal).await?;
        if digest == own.signed.digest {
            return Ok(());
        }
        let signed = self.sign(&own.proposal).await?;
        self.board.set(Some(signed.clone()));
        if let Some(own) = &mut self.own {
            (own.number, own.signed) = (number, signed);
        }
        Ok(())
    }

    /// Reads the peers' plans, once a minute: a different one would otherwise only show as missing signatures.
    fn compare_plans(&mut self, pass: &mut Pass) {
        if self.plans_read.is_none_or(|at| at.elapsed() >= PLANS_FOR) {
            self.plans_read = Some(Instant::now());
            self.other_plans.clear();
            self.silent = 0;
            for peer in &self.parts.peers {
                match tokio::task::block_in_place(|| peer.plan()) {
                    Ok(Some(theirs)) if theirs != self.parts.plan => {
                        self.other_plans.push((peer.to_string(), theirs));
                    }
                    Ok(_) => {}
                    Err(fault) => {
                        self.silent += 1;
                        tracing::warn!(%peer, %fault, "another evaluator does not answer");
                    }
                }
            }
        }
        pass.other_plans.clone_from(&self.other_plans);
        pass.silent = self.silent;
    }

    /// Collects the evaluators' signatures of exactly this digest.
    fn gather(&self, own: &Own, set: &[Address], pass: &mut Pass) -> BTreeMap<Address, [u8; 65]> {
        let mut signatures: BTreeMap<_, _> = own
            .signed
            .verified()
            .map(|signature| (own.signed.evaluator, signature))
            .into_iter()
            .collect();
        pass.silent = 0;
        for peer in &self.parts.peers {
            let signed = match tokio::task::block_in_place(|| peer.signed()) {
                Ok(Some(signed)) => signed,
                Ok(None) => continue,
                Err(fault) => {
                    tracing::warn!(%peer, %fault, "no signature from a peer");
                    pass.silent += 1;
                    continue;
                }
            };
            let same_rounds = (signed.first_round, signed.last_round) == (own.range.first, own.range.last);
            if !set.contains(&signed.evaluator) {
                tracing::warn!(%peer, evaluator = %signed.evaluator, "a peer is not an evaluator of this network");
            } else if signed.digest == own.signed.digest {
                signatures.extend(signed.verified().map(|signature| (signed.evaluator, signature)));
            } else if same_rounds {
                tracing::error!(%peer, theirs = %signed.digest, ours = %own.signed.digest, cid = %signed.cid, "a peer signed another settlement of the same rounds");
                pass.disagreeing.push((signed.evaluator, signed.digest));
            }
        }
        signatures
    }

    /// Enqueues the settlement once, whichever signatures it has.
    fn post(&mut self, signatures: &BTreeMap<Address, [u8; 65]>) -> Result<(), EvaluatorError> {
        let (Some(own), Some(outbox), true) = (&self.own, &mut self.parts.outbox, self.parts.posts) else {
            return Ok(());
        };
        let draft = self.parts.rewards.post(own.number, &own.proposal, signatures);
        let new = NewIntent {
            key: &key(own),
            kind: Kind::Commit,
            draft: &draft,
        };
        if outbox.enqueue(&new)? {
            tracing::info!(
                first = own.range.first.0,
                last = own.range.last.0,
                signatures = signatures.len(),
                "settlement enqueued"
            );
        }
        Ok(())
    }

    /// Handles a settlement that the contract rejected. Another evaluator may just have posted it.
    async fn refused(&self) -> Result<(), EvaluatorError> {
        let (Some(own), Some(outbox)) = (&self.own, &self.parts.outbox) else {
            return Ok(());
        };
        match outbox.ended(&key(own))? {
            Some(Ended::Reverted { reason, .. } | Ended::Refused { reason }) => {
                let posted = self.parts.rewards.settlement_count().await? >= own.number.0;
                // The node may know of the other's before its newest block has it.
                if posted || reason.contains("WrongNumber(") {
                    return Ok(());
                }
                Err(EvaluatorError::Refused {
                    first: own.range.first.0,
                    last: own.range.last.0,
                    reason,
                })
            }
            _ => Ok(()),
        }
    }
}

/// The key of a settlement in the queue. After a veto the same rounds have another digest, because it includes the number.
fn key(own: &Own) -> String {
    format!(
        "settlement/{}-{}/{}",
        own.range.first, own.range.last, own.signed.digest
    )
}
