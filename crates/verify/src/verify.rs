//! Compares recomputed and posted results.

use std::io::Read;

use assize_drand::BeaconSource;
use assize_evaluate::{RoundEvaluation, RoundFacts, SettlementDocument};
use assize_facts::{Mismatch, Settlement, SettlementId};
use assize_protocol::RoundNumber;
use assize_store::StoreError;

use crate::difference::first_difference;
use crate::evidence::{Keep, document_name, open_document};
use crate::{EvaluatedRange, Evidence, VerifyError};

/// The result of a verification, if nothing was missing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Conclusion<T> {
    /// Everything posted follows from the public inputs.
    Match(T),
    /// The first value that does not.
    Mismatch(Mismatch),
}

impl<T> Conclusion<T> {
    /// The recomputed result, if it matches.
    pub fn matching(self) -> Option<T> {
        match self {
            Self::Match(recomputed) => Some(recomputed),
            Self::Mismatch(_) => None,
        }
    }

    /// The first difference.
    pub fn mismatch(&self) -> Option<&Mismatch> {
        match self {
            Self::Match(_) => None,
            Self::Mismatch(mismatch) => Some(mismatch),
        }
    }

    fn of(result: Result<T, VerifyError>) -> Result<Self, VerifyError> {
        match result {
            Ok(recomputed) => Ok(Self::Match(recomputed)),
            Err(VerifyError::Mismatch(mismatch)) => Ok(Self::Mismatch(mismatch)),
            Err(error) => Err(error),
        }
    }
}

/// A settlement that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSettlement {
    /// The settlement on chain.
    pub settlement: Settlement,
    /// Its document, recomputed.
    pub document: SettlementDocument,
    /// Its rounds, recomputed.
    pub rounds: Vec<(RoundFacts, RoundEvaluation)>,
}

/// Bytes by which a document may exceed ours and is still compared value by value: 16 MiB.
const MORE: u64 = 16 << 20;

/// Reads the document that was posted in place of `ours`.
fn read_beside(file: impl Read, ours: &SettlementDocument, id: SettlementId) -> Result<Vec<u8>, VerifyError> {
    let length = ours.to_bytes().len() as u64;
    let most = length + MORE;
    let mut theirs = Vec::new();
    let read = file.take(most + 1).read_to_end(&mut theirs);
    read.map_err(|error| VerifyError::Store {
        what: document_name(id),
        source: Box::new(StoreError::of_reading(error)),
    })?;
    match theirs.len() as u64 > most {
        true => Err(VerifyError::Mismatch(Mismatch {
            path: "document".into(),
            ours: format!("{length} bytes"),
            theirs: format!("more than {most} bytes"),
        })),
        false => Ok(theirs),
    }
}

impl<B: BeaconSource> Evidence<'_, B> {
    /// Recomputes a round and compares it with its state on chain: timetable, seed, lists.
    ///
    /// # Errors
    /// [`VerifyError`]: what is missing or damaged.
    pub fn verify_round(
        &self,
        round: RoundNumber,
    ) -> Result<Conclusion<(RoundFacts, RoundEvaluation)>, VerifyError> {
        Conclusion::of(self.evaluate_round(round))
    }

    /// Recomputes a settlement on top of its parent's allocations, and compares every field of its document and of its
    /// state on chain. The parent itself must be verified separately.
    ///
    /// # Errors
    /// [`VerifyError`]: what is missing or damaged.
    pub fn verify_settlement(&self, id: SettlementId) -> Result<Conclusion<VerifiedSettlement>, VerifyError> {
        Conclusion::of(self.recompute_settlement(id))
    }

    fn recompute_settlement(&self, id: SettlementId) -> Result<VerifiedSettlement, VerifyError> {
        let settlement = *self.settlement(id)?;
        let proposal = settlement.proposal;
        let bad_document = |source| VerifyError::Document {
            settlement: id,
            cid: proposal.cid,
            source,
        };
        // First, so that a missing document costs no recomputation.
        let file = open_document(self.store, &proposal.cid, || document_name(id))?;
        let EvaluatedRange {
            document: ours,
            rounds,
        } = self.evaluate_range_without(
            proposal.first_round,
            proposal.last_round,
            proposal.parent,
            proposal.drops,
            Keep::Figures,
        )?;
        let bytes = read_beside(file, &ours, id)?;
        // Its own consistency is not checked: an inconsistent document differs from ours, which says more.
        let theirs = SettlementDocument::decode(&bytes).map_err(bad_document)?;

        let difference = first_difference(&ours, &theirs).map_err(|error| bad_document(error.into()))?;
        if let Some(mismatch) = difference {
            return Err(VerifyError::Mismatch(mismatch));
        }
        let path = |field: &'static str| move || format!("chain.settlements[{id}].{field}");
        let (our_total, total) = (ours.cumulative_total.atto(), proposal.cumulative_total.atto());
        Mismatch::check(path("root"), ours.root, proposal.root)
            .and_then(|()| Mismatch::check(path("cumulativeTotal"), our_total, total))
            .and_then(|()| Mismatch::check(path("operators"), ours.proposal().operators, proposal.operators))
            // Equal in content but not in bytes: not the canonical document.
            .and_then(|()| Mismatch::check(path("cid"), ours.cid(), proposal.cid))
            .map_err(VerifyError::Mismatch)?;
        Ok(VerifiedSettlement {
            settlement,
            document: ours,
            rounds,
        })
    }
}
