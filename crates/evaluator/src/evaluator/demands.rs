//! What the Court demands to be shown of pending settlements.

use assize_evaluate::SettlementDocument;
use assize_facts::Status;
use assize_verify::VerifyError;

use super::{Evaluator, Parts, Pass};
use crate::EvaluatorError;
use crate::court::{answer, open_demands};

/// How often the Court is asked for demands in the time for an answer.
const LOOKS: u64 = 48;

impl Evaluator {
    /// Shows the places of pending settlements that somebody demanded, once half of the time for it is over: the guardian does it at
    /// once, and one answer is enough. What it has not recomputed yet, it recomputes first.
    pub(super) async fn answer_court(&mut self, pass: &mut Pass) -> Result<(), EvaluatorError> {
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
}
