//! One guardian.

use std::collections::BTreeMap;
use std::time::Instant;

use assize_chain::{Court, NewestBlock, Rewards, Rounds};
use assize_drand::{BeaconSource, Verified};
use assize_facts::{Settlement, SettlementId, Status};
use assize_outbox::{Alert, Ended, Kind, NewIntent, Outbox};
use assize_service::PassError;
use assize_store::Store;

use super::judge::judge;
use super::keeping::{Keeping, Objected, objected};
use super::verdict::Verdict;
use super::{GuardianAlert, GuardianError, Judgement};
use crate::court::{answer, open_demands};

/// The longest reason of a veto, in bytes: it is stored in an event.
const LONGEST_REASON: usize = 256;

/// The parts of a guardian.
pub struct Parts {
    /// The Rounds contract.
    pub rounds: Rounds,
    /// The Rewards contract.
    pub rewards: Rewards,
    /// The Court.
    pub court: Court,
    /// Where files are read, and where those are copied that evaluators object to.
    pub store: Box<dyn Store>,
    /// Beacons.
    pub beacons: Verified<Box<dyn BeaconSource + Send + Sync>>,
    /// The transaction queue; without one it only watches.
    pub outbox: Option<Outbox>,
    /// Whether the queue's key is the guardian's, who can veto. Any other key can answer the Court.
    pub can_veto: bool,
}

/// A guardian.
pub struct Guardian {
    parts: Parts,
    /// What recomputing showed, of settlements that were pending at the last pass.
    judged: BTreeMap<SettlementId, Verdict>,
    /// Of those whose files could not be read: the attempts so far.
    attempts: BTreeMap<SettlementId, Attempts>,
    /// The newest settlement that was right.
    verified: Option<SettlementId>,
    /// Files that evaluators object to.
    keeping: Keeping,
    newest: NewestBlock,
}

/// Attempts to read files that nobody served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Attempts {
    /// Time of the first, Unix seconds.
    since: u64,
    count: u64,
}

impl Attempts {
    /// Whether nobody serves the files, and not only this guardian's own connection is down: half of the window is over, and it
    /// tried for a quarter of it, or for as long as there was time.
    fn suffice(self, posted_at: u64, active_at: u64, now: u64) -> bool {
        let window = active_at.saturating_sub(posted_at);
        let left = active_at.saturating_sub(now);
        let long_enough = now.saturating_sub(self.since) >= window / 4 || left <= window / 8;
        self.count >= 2 && left <= window / 2 && long_enough
    }
}

/// The result of a pass.
#[derive(Debug, Default)]
pub struct Pass {
    /// Number of pending settlements.
    pub pending: u64,
    /// The newest settlement that was recomputed and is right.
    pub verified: Option<SettlementId>,
    /// Vetoes enqueued in this pass.
    pub vetoed: u64,
    /// Demands answered in this pass.
    pub answered: u64,
    /// Files enqueued to be kept in this pass.
    pub kept: u64,
    /// What people must look at.
    pub alerts: Vec<GuardianAlert>,
    /// Alerts of the queue.
    pub queue: Vec<Alert>,
    /// Seconds for which it may sleep if it has nothing to do: an eighth of the challenge window.
    pub due_in: Option<u64>,
    /// The first thing that failed; all else was done.
    pub failed: Option<GuardianError>,
}

impl Pass {
    /// Whether some pending settlement is wrong.
    #[must_use]
    pub fn found_wrong(&self) -> bool {
        let is_wrong = |alert: &GuardianAlert| matches!(alert, GuardianAlert::Wrong { .. });
        self.alerts.iter().any(is_wrong)
    }

    /// The pending settlements that cannot be recomputed at the moment.
    #[must_use]
    pub fn not_judged(&self) -> Vec<SettlementId> {
        let not_judged = self.alerts.iter().filter_map(|alert| match alert {
            GuardianAlert::Unreadable { settlement, .. }
            | GuardianAlert::Beacons { settlement, .. }
            | GuardianAlert::NotJudged { settlement, .. } => Some(*settlement),
            _ => None,
        });
        not_judged.collect()
    }

    /// Remembers the first failure, or one after which to go on makes no sense.
    fn note<T>(&mut self, result: Result<T, GuardianError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                if self.failed.is_none() || error.is_fatal() {
                    self.failed = Some(error);
                }
                None
            }
        }
    }
}

impl Guardian {
    /// Creates a guardian.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            parts,
            judged: BTreeMap::new(),
            attempts: BTreeMap::new(),
            verified: None,
            keeping: Keeping::default(),
            newest: NewestBlock::default(),
        }
    }

    /// The transaction queue, if it sends.
    #[must_use]
    pub fn outbox(&self) -> Option<&Outbox> {
        self.parts.outbox.as_ref()
    }

    /// For how many seconds its node has had no new block.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn standing_for(&self) -> Result<u64, GuardianError> {
        Ok(self.newest.standing_for(self.parts.rounds.client()).await?)
    }

    /// Judges what is pending, oldest first, vetoes what is wrong, answers the Court, and lets the queue work. What fails keeps
    /// nothing else from being done: vetoes are sent before the Court is asked for anything.
    pub async fn pass(&mut self) -> Pass {
        let mut pass = Pass::default();
        let pending = self.judge_all(&mut pass).await;
        let pending = pass.note(pending).unwrap_or_default();
        let sent = self.send(&mut pass).await;
        pass.note(sent);
        let kept = self.keep_readable(&mut pass).await;
        pass.note(kept);
        for settlement in &pending {
            let answered = self.answer(settlement, &mut pass).await;
            pass.note(answered);
        }
        if pass.answered > 0 {
            let sent = self.send(&mut pass).await;
            pass.note(sent);
        }
        pass
    }

    /// Judges all pending settlements, oldest first, and enqueues vetoes; returns the settlements.
    async fn judge_all(&mut self, pass: &mut Pass) -> Result<Vec<Settlement>, GuardianError> {
        let now = self.parts.rewards.client().head().await?.timestamp;
        let pending = self.pending().await?;
        pass.pending = pending.len() as u64;
        let find = |id: &SettlementId| pending.iter().find(|settlement| settlement.id == *id);
        self.judged
            .retain(|id, verdict| find(id).is_some_and(|settlement| verdict.is_of(settlement)));
        let judged = &self.judged;
        self.attempts.retain(|id, _| judged.contains_key(id));
        // Each is recomputed on top of its parent's document, so one that cannot be judged hides no later one.
        let mut all_right = true;
        for settlement in &pending {
            let decided = self.decide(settlement, now, pass).await;
            pass.note(decided);
            match self.judged.get(&settlement.id).map(|verdict| &verdict.judgement) {
                Some(Judgement::Right { .. }) => {}
                // What was built on it falls with it.
                Some(Judgement::Wrong { .. }) => break,
                _ => all_right = false,
            }
            if all_right {
                self.verified = self.verified.max(Some(settlement.id));
            }
        }
        pass.verified = self.verified;
        // What is posted in the meantime, or demanded, must be seen in time.
        let window = self.window().await;
        pass.due_in = pass.note(window).map(|window| window / 8);
        Ok(pending)
    }

    async fn window(&self) -> Result<u64, GuardianError> {
        Ok(self.parts.rewards.roles().await?.challenge_window().await?)
    }

    /// Settlements that are not active, oldest first.
    async fn pending(&self) -> Result<Vec<Settlement>, GuardianError> {
        let rewards = &self.parts.rewards;
        let mut pending = Vec::new();
        let mut next = rewards.head().await?;
        while let Some(id) = next {
            let settlement = rewards.settlement(id).await?;
            if settlement.status != Status::Pending {
                break;
            }
            next = settlement.proposal.parent;
            pending.push(settlement);
        }
        pending.reverse();
        Ok(pending)
    }

    /// Judges a settlement; vetoes it if it is wrong, or if nobody has served its files by half of its window.
    async fn decide(
        &mut self,
        settlement: &Settlement,
        now: u64,
        pass: &mut Pass,
    ) -> Result<(), GuardianError> {
        let id = settlement.id;
        if let Some(verdict) = self.judged.get_mut(&id) {
            verdict.confirm_if_late(settlement, now);
        }
        let known = self.judged.get(&id);
        let judged = match known.is_none_or(|verdict| verdict.is_due(settlement, now)) {
            true => Some(self.judge(id).await),
            false => None,
        };
        let failed = match judged {
            Some(Ok(judgement)) => {
                let verdict = Verdict::new(self.judged.get(&id), settlement, judgement, now);
                self.judged.insert(id, verdict);
                Ok(())
            }
            // What was known holds.
            Some(Err(error)) => Err(error),
            None => Ok(()),
        };
        let Some(verdict) = self.judged.get(&id).cloned() else {
            return failed;
        };
        self.act(settlement, &verdict, now, pass)?;
        failed
    }

    /// Raises the alerts of a verdict, and enqueues the veto that follows from it.
    fn act(
        &mut self,
        settlement: &Settlement,
        verdict: &Verdict,
        now: u64,
        pass: &mut Pass,
    ) -> Result<(), GuardianError> {
        let id = settlement.id;
        let active_in = settlement.active_at.saturating_sub(now);
        match &verdict.judgement {
            Judgement::Right { readable, .. } => {
                let readable = readable.iter().copied();
                pass.alerts
                    .extend(readable.map(|file| GuardianAlert::DroppedReadable { file }));
            }
            Judgement::Wrong { reason } => {
                pass.alerts.push(GuardianAlert::Wrong {
                    settlement: id,
                    reason: reason.clone(),
                    vetoes: self.parts.can_veto,
                    confirmed: verdict.is_confirmed,
                    active_in,
                });
                if verdict.is_confirmed {
                    self.veto(settlement, reason, pass)?;
                }
            }
            Judgement::Unreadable { what } => {
                pass.alerts.push(GuardianAlert::Unreadable {
                    settlement: id,
                    what: what.clone(),
                    active_in,
                });
                let first = Attempts { since: now, count: 0 };
                let attempts = self.attempts.entry(id).or_insert(first);
                attempts.count += 1;
                if attempts.suffice(settlement.posted_at, settlement.active_at, now) {
                    let reason = format!("nobody served its files by half of the challenge window: {what}");
                    self.veto(settlement, &reason, pass)?;
                }
            }
            Judgement::NoBeacon { what } => pass.alerts.push(GuardianAlert::Beacons {
                settlement: id,
                what: what.clone(),
                active_in,
            }),
            Judgement::NotJudged { what } => pass.alerts.push(GuardianAlert::NotJudged {
                settlement: id,
                what: what.clone(),
                active_in,
            }),
        }
        Ok(())
    }

    async fn judge(&self, id: SettlementId) -> Result<Judgement, GuardianError> {
        let Parts {
            rounds,
            rewards,
            store,
            beacons,
            ..
        } = &self.parts;
        let judgement = judge(rounds, rewards, &**store, beacons, id).await?;
        match &judgement {
            Judgement::Right { .. } => tracing::info!(settlement = %id, "recomputed: it is right"),
            Judgement::Wrong { reason } => {
                tracing::error!(settlement = %id, reason, "recomputed: it is wrong")
            }
            Judgement::Unreadable { what } | Judgement::NoBeacon { what } | Judgement::NotJudged { what } => {
                tracing::warn!(settlement = %id, what, "it cannot be recomputed yet")
            }
        }
        Ok(judgement)
    }

    /// Enqueues a veto once.
    fn veto(&mut self, settlement: &Settlement, reason: &str, pass: &mut Pass) -> Result<(), GuardianError> {
        let id = settlement.id;
        let Some(outbox) = self.parts.outbox.as_mut().filter(|_| self.parts.can_veto) else {
            return Ok(());
        };
        let draft = self.parts.rewards.veto(id, shortened(reason));
        let key = format!("veto/{id}/{}", settlement.proposal.cid);
        let new = NewIntent {
            key: &key,
            kind: Kind::Urgent,
            draft: &draft,
        };
        if outbox.enqueue(&new)? {
            tracing::warn!(settlement = %id, reason, "veto enqueued");
            pass.vetoed += 1;
        }
        match outbox.ended(&key)? {
            Some(Ended::Reverted { reason, .. } | Ended::Refused { reason }) => Err(GuardianError::Refused {
                settlement: id,
                reason,
            }),
            _ => Ok(()),
        }
    }

    /// Copies files that evaluators object to, and keeps those that it has then, each at once.
    async fn keep_readable(&mut self, pass: &mut Pass) -> Result<(), GuardianError> {
        let begun = Instant::now();
        let objected = objected(&self.parts).await?;
        self.keeping.retain(&objected);
        for Objected { file, drops_from } in self.keeping.order(&objected) {
            let fault = self.keeping.copy(&self.parts, file, begun).await?;
            let can_be_read = fault.is_none();
            pass.alerts.push(GuardianAlert::Objected {
                file,
                drops_from,
                fault,
                keeps: self.parts.can_veto,
            });
            let outbox = self.parts.outbox.as_mut();
            let Some(outbox) = outbox.filter(|_| self.parts.can_veto && can_be_read) else {
                continue;
            };
            let draft = self.parts.rewards.keep(file);
            let new = NewIntent {
                key: &format!("keep/{file}/{drops_from}"),
                kind: Kind::Urgent,
                draft: &draft,
            };
            if outbox.enqueue(&new)? {
                tracing::warn!(%file, "evaluators object to it, and it can be read: keeping it");
                pass.kept += 1;
                self.send(pass).await?;
            }
        }
        Ok(())
    }

    /// Shows the places of a right settlement that somebody demanded.
    async fn answer(&mut self, settlement: &Settlement, pass: &mut Pass) -> Result<(), GuardianError> {
        let verdict = self.judged.get(&settlement.id).map(|verdict| &verdict.judgement);
        let Some(Judgement::Right { document, .. }) = verdict else {
            return Ok(());
        };
        let Parts { court, outbox, .. } = &mut self.parts;
        let open = open_demands(court, settlement).await?;
        let Some(due_at) = open.iter().map(|demand| demand.due_at).min() else {
            return Ok(());
        };
        pass.alerts.push(GuardianAlert::Demanded {
            settlement: settlement.id,
            places: open.iter().map(|demand| demand.index).collect(),
            due_at,
            answers: outbox.is_some(),
        });
        if let Some(outbox) = outbox {
            pass.answered += answer::<GuardianError>(court, outbox, settlement, document, &open)?;
        }
        Ok(())
    }

    async fn send(&mut self, pass: &mut Pass) -> Result<(), GuardianError> {
        let Some(outbox) = &mut self.parts.outbox else {
            return Ok(());
        };
        loop {
            let tick = outbox.tick().await?;
            pass.queue.extend(tick.alerts);
            if tick.waiting {
                return Ok(());
            }
        }
    }

    /// Whether nothing is pending and the queue is empty.
    pub(crate) fn is_idle(&self) -> Result<bool, GuardianError> {
        let queue = match &self.parts.outbox {
            Some(outbox) => outbox.is_idle()?,
            None => true,
        };
        let decided = self
            .judged
            .values()
            .all(|verdict| matches!(verdict.judgement, Judgement::Right { .. }));
        Ok(queue && decided)
    }
}

/// The beginning of a reason, at most as long as a veto's may be.
fn shortened(reason: &str) -> &str {
    let end = (0..=LONGEST_REASON.min(reason.len()))
        .rev()
        .find(|end| reason.is_char_boundary(*end));
    &reason[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_attempt_voids_nothing() {
        let suffice = |since, count, now| Attempts { since, count }.suffice(1_000, 1_800, now);
        // Tried from the start, for half of the window.
        assert!(suffice(1_000, 5, 1_400));
        assert!(!suffice(1_000, 5, 1_399), "before half of the window");
        // Begun in the second half: it tries for a quarter of the window first.
        assert!(!suffice(1_450, 9, 1_649));
        assert!(suffice(1_450, 9, 1_650));
        // Begun when less than a quarter of the window is left.
        assert!(!suffice(1_750, 1, 1_750));
        assert!(suffice(1_750, 2, 1_760));
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        let long = "é".repeat(200);
        assert_eq!(shortened(&long).len(), 256);
        let odd = format!("x{long}");
        assert_eq!(shortened(&odd).len(), 255);
    }
}
