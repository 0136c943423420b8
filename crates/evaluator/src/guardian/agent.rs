//! One guardian.

use std::collections::BTreeMap;

use assize_chain::{Court, NewestBlock, Place, Rewards, Rounds};
use assize_drand::{BeaconSource, Verified};
use assize_facts::{Settlement, SettlementId, Status};
use assize_outbox::{Alert, Ended, Kind, NewIntent, Outbox};
use assize_protocol::{Allocation, positional};
use assize_store::Source;

use super::judge::judge;
use super::{GuardianAlert, GuardianError, Judgement};

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
    /// Where files are read.
    pub store: Box<dyn Source>,
    /// Beacons.
    pub beacons: Verified<Box<dyn BeaconSource + Send + Sync>>,
    /// The guardian's transaction queue; without one it only watches.
    pub outbox: Option<Outbox>,
}

/// A guardian.
pub struct Guardian {
    parts: Parts,
    /// What recomputing showed, of settlements that were pending at the last pass.
    judged: BTreeMap<SettlementId, Judgement>,
    /// The newest settlement that was right.
    verified: Option<SettlementId>,
    newest: NewestBlock,
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
    /// What people must look at.
    pub alerts: Vec<GuardianAlert>,
    /// Alerts of the queue.
    pub queue: Vec<Alert>,
    /// Seconds for which it may sleep if it has nothing to do: an eighth of the challenge window.
    pub due_in: Option<u64>,
}

impl Pass {
    /// Whether some pending settlement is wrong, or cannot be recomputed.
    #[must_use]
    pub fn found_fault(&self) -> bool {
        self.alerts.iter().any(assize_service::Alert::is_grave)
    }
}

impl Guardian {
    /// Creates a guardian.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            parts,
            judged: BTreeMap::new(),
            verified: None,
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

    /// Judges what is pending, oldest first, vetoes what is wrong, answers the Court, and lets the queue work.
    ///
    /// # Errors
    /// [`GuardianError`]; the next pass continues.
    pub async fn pass(&mut self) -> Result<Pass, GuardianError> {
        let mut pass = Pass::default();
        let now = self.parts.rewards.client().head().await?.timestamp;
        let pending = self.pending().await?;
        pass.pending = pending.len() as u64;
        self.judged
            .retain(|id, _| pending.iter().any(|settlement| settlement.id == *id));
        for settlement in &pending {
            let right = self.decide(settlement, now, &mut pass).await?;
            if !right {
                // What was built on it falls with it.
                break;
            }
            self.verified = self.verified.max(Some(settlement.id));
            self.answer(settlement, &mut pass).await?;
        }
        pass.verified = self.verified;
        // What is posted in the meantime, or demanded, must be seen in time.
        let window = self.parts.rewards.roles().await?.challenge_window().await?;
        pass.due_in = Some(window / 8);
        self.send(&mut pass).await?;
        Ok(pass)
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

    /// Whether a settlement is right; vetoes it if it is wrong, or if nobody has served its files by half of its window.
    async fn decide(
        &mut self,
        settlement: &Settlement,
        now: u64,
        pass: &mut Pass,
    ) -> Result<bool, GuardianError> {
        let id = settlement.id;
        let judgement = match self.judged.get(&id) {
            Some(known @ (Judgement::Right { .. } | Judgement::Wrong { .. })) => known.clone(),
            _ => self.judge(id).await?,
        };
        let active_in = settlement.active_at.saturating_sub(now);
        match &judgement {
            Judgement::Right { readable, .. } => {
                let readable = readable.iter().copied();
                pass.alerts
                    .extend(readable.map(|file| GuardianAlert::DroppedReadable { file }));
            }
            Judgement::Wrong { reason } => {
                pass.alerts.push(GuardianAlert::Wrong {
                    settlement: id,
                    reason: reason.clone(),
                    vetoes: self.parts.outbox.is_some(),
                    active_in,
                });
                self.veto(id, reason, pass)?;
            }
            Judgement::Unreadable { what } => {
                pass.alerts.push(GuardianAlert::Unreadable {
                    settlement: id,
                    what: what.clone(),
                    active_in,
                });
                let window = settlement.active_at.saturating_sub(settlement.posted_at);
                if active_in <= window / 2 {
                    self.veto(
                        id,
                        &format!("nobody served its files by half of the challenge window: {what}"),
                        pass,
                    )?;
                }
            }
        }
        let right = matches!(judgement, Judgement::Right { .. });
        self.judged.insert(id, judgement);
        Ok(right)
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
            Judgement::Unreadable { what } => {
                tracing::warn!(settlement = %id, what, "it cannot be recomputed yet")
            }
        }
        Ok(judgement)
    }

    /// Enqueues a veto once.
    fn veto(&mut self, id: SettlementId, reason: &str, pass: &mut Pass) -> Result<(), GuardianError> {
        let Some(outbox) = &mut self.parts.outbox else {
            return Ok(());
        };
        let draft = self.parts.rewards.veto(id, shortened(reason));
        let key = veto_key(id);
        let new = NewIntent {
            key: &key,
            kind: Kind::Commit,
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

    /// Shows the places of a right settlement that somebody demanded.
    async fn answer(&mut self, settlement: &Settlement, pass: &mut Pass) -> Result<(), GuardianError> {
        let (Some(Judgement::Right { document, .. }), Some(outbox)) =
            (self.judged.get(&settlement.id), &mut self.parts.outbox)
        else {
            return Ok(());
        };
        let demands = self.parts.court.demands(settlement).await?;
        let open: Vec<_> = demands.iter().filter(|demand| demand.open).collect();
        if open.is_empty() {
            return Ok(());
        }
        let leaves = document.allocations.iter().map(Allocation::leaf).collect();
        let tree = positional::Tree::new(leaves);
        for index in open.iter().map(|demand| demand.index) {
            let (Some(&allocation), Some(proof)) =
                (document.allocations.get(index as usize), tree.proof(index))
            else {
                continue;
            };
            let shown = Place {
                index,
                allocation,
                proof,
            };
            let draft = self.parts.court.answer(settlement.id, &shown)?;
            let key = format!("answer/{}/{index}", settlement.id);
            let new = NewIntent {
                key: &key,
                kind: Kind::Commit,
                draft: &draft,
            };
            if outbox.enqueue(&new)? {
                tracing::info!(settlement = %settlement.id, index, "answering the Court");
                pass.answered += 1;
            }
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
            .all(|judged| matches!(judged, Judgement::Right { .. }));
        Ok(queue && decided)
    }
}

fn veto_key(id: SettlementId) -> String {
    format!("veto/{id}")
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
    fn a_reason_is_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        let long = "é".repeat(200);
        assert_eq!(shortened(&long).len(), 256);
        let odd = format!("x{long}");
        assert_eq!(shortened(&odd).len(), 255);
    }
}
