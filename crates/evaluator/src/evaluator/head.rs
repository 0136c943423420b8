//! The newest settlements: which are new, which are void, and whether the pending ones are right.

use assize_facts::{Settlement, SettlementId, Status};
use assize_service::moment;
use assize_verify::{Conclusion, Evidence, Reading, read_settlement};

use super::{Evaluator, Parts, Pass};
use crate::EvaluatorError;

impl Evaluator {
    /// Reads the newest valid settlement; reports a new one, and one that is void.
    pub(super) async fn read_head(&mut self, pass: &mut Pass) -> Result<(), EvaluatorError> {
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
    pub(super) async fn report_void(
        &mut self,
        posted: u64,
        head: Option<SettlementId>,
    ) -> Result<(), EvaluatorError> {
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

    /// Recomputes the pending settlements that the next one would be built on, oldest first; active ones are facts.
    pub(super) async fn check_parent(&mut self, parent: Option<SettlementId>) -> Result<(), EvaluatorError> {
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
}
