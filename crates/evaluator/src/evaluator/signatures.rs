//! The signatures of the next settlement: this evaluator's and its peers', until there are enough to post it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use alloy_primitives::Address;
use assize_facts::{Proposal, SettlementId};
use assize_outbox::{Ended, Kind, NewIntent};
use assize_verify::NextRange;

use super::{Evaluator, Pass};
use crate::{EvaluatorError, SignedProposal};

/// How long the peers' plans are taken to be unchanged.
const PLANS_FOR: Duration = Duration::from_secs(60);

/// The result for the next settlement.
pub(super) struct Own {
    pub(super) range: NextRange,
    /// The number that it would have.
    pub(super) number: SettlementId,
    pub(super) proposal: Proposal,
    pub(super) signed: SignedProposal,
    pub(super) signed_at: Instant,
}

impl Evaluator {
    /// The number that the next settlement has.
    pub(super) fn next_number(&self) -> SettlementId {
        SettlementId(self.posted + 1)
    }

    pub(super) async fn sign(&self, proposal: &Proposal) -> Result<SignedProposal, EvaluatorError> {
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
    pub(super) async fn sign_again(&mut self) -> Result<(), EvaluatorError> {
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
    pub(super) fn compare_plans(&mut self, pass: &mut Pass) {
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
    pub(super) fn gather(&self, own: &Own, set: &[Address], pass: &mut Pass) -> BTreeMap<Address, [u8; 65]> {
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
    pub(super) fn post(&mut self, signatures: &BTreeMap<Address, [u8; 65]>) -> Result<(), EvaluatorError> {
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
    pub(super) async fn refused(&self) -> Result<(), EvaluatorError> {
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
