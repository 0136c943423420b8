//! Recomputes rounds from public inputs.

use std::sync::Arc;

use assize_drand::{BeaconSource, Verified};
use assize_evaluate::{
    CommittedBatch, Parent, RoundEvaluation, RoundEvaluator, RoundFacts, RoundInput, SettlementDocument,
    settle,
};
use assize_facts::{
    ChainFacts, ChainRound, DrawnRound, FileError, Round, RoundChecks, Settlement, SettlementId,
};
use assize_measurement::{Domain, ndjson};
use assize_protocol::{DedupeSeed, FileCid, Roster, RoundNumber};
use assize_store::Source;
use rayon::prelude::*;

use crate::VerifyError;

type Result<T> = std::result::Result<T, VerifyError>;

/// A step of a recomputation, for progress bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A batch of a round was read, but not evaluated yet.
    Batch(RoundNumber),
    /// A round was recomputed.
    Round(RoundNumber),
}

/// The inputs of a recomputation: the chain's facts, a store, and beacons. None of them is trusted: files are verified
/// against the CIDs and roots on chain, beacons against drand's key, and the chain's seeds against the beacons.
///
/// Evaluators and verifiers use the same code: [`Self::evaluate_range`] creates the document that evaluators sign, and
/// [`Self::verify_settlement`] recreates it and compares. Both block for as long as relays and disks need; within an
/// async runtime, run them on a separate thread.
pub struct Evidence<'a, B> {
    /// The facts on chain.
    pub chain: &'a ChainFacts,
    /// The source of files.
    pub store: &'a dyn Source,
    /// The source of beacons, of the drand chain that the contracts' beacon verifies.
    pub beacons: &'a Verified<B>,
    /// Called for every step; batches come in any order.
    pub progress: &'a (dyn Fn(Step) + Sync),
}

/// A recomputed range of rounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluatedRange {
    /// The document that evaluators sign.
    pub document: SettlementDocument,
    /// Every measurement of every round, for details that the document omits.
    pub rounds: Vec<(RoundFacts, RoundEvaluation)>,
}

/// Number of measurements of rounds, whatever their label.
#[must_use]
pub fn measurements(rounds: &[(RoundFacts, RoundEvaluation)]) -> u64 {
    let labels = rounds.iter().map(|(_, evaluation)| evaluation.labels.total());
    labels.sum()
}

impl<B: BeaconSource> Evidence<'_, B> {
    /// Recomputes one round.
    ///
    /// # Errors
    /// [`VerifyError`]: what is missing, damaged or different from what the round froze. [`VerifyError::Mismatch`] if
    /// the chain's own facts do not follow from each other.
    pub fn evaluate_round(&self, number: RoundNumber) -> Result<(RoundFacts, RoundEvaluation)> {
        let facts = self
            .chain
            .rounds
            .get(&number)
            .ok_or_else(|| VerifyError::NotRead {
                what: format!("round {number}"),
            })?;
        let ChainRound { round, commitments } = facts;
        let files = |cid: &FileCid| match self.store.get(cid) {
            Ok(file) => Ok(file.into()),
            Err(error) => Err(Arc::new(error) as FileError),
        };
        let drawn = self.checks().check(facts, self.chain.now, &files)?;
        let Some(DrawnRound { draw, roster, tasks }) = drawn else {
            let facts = RoundFacts::new(round, None);
            return Ok((facts, RoundEvaluation::unrevealed(&round.parameters)));
        };
        let facts = RoundFacts::new(round, Some(draw));
        let store = self.store;
        let input = RoundInput {
            round: number,
            domain: Domain {
                chain_id: self.chain.contracts.chain_id,
                rounds: self.chain.contracts.rounds,
            },
            parameters: round.parameters,
            seed: draw.seed,
            dedupe_seed: DedupeSeed::derive(draw.dedupe_randomness),
            roster: &roster,
            tasks: &tasks,
        };
        let mut evaluator = RoundEvaluator::new(input);
        // As many batches in memory as there are threads to read them.
        for (window, commitments) in commitments.chunks(rayon::current_num_threads()).enumerate() {
            let batches: Vec<ndjson::Batch> = commitments
                .par_iter()
                .enumerate()
                .map(|(index, commitment)| {
                    let index = window * rayon::current_num_threads() + index;
                    let bytes = file(store, &commitment.cid, || {
                        format!("batch {index} of round {number}")
                    })?;
                    let batch = ndjson::parse_batch(number, &bytes);
                    (self.progress)(Step::Batch(number));
                    Ok(batch)
                })
                .collect::<Result<_>>()?;
            for (commitment, batch) in commitments.iter().zip(&batches) {
                evaluator.add(&CommittedBatch {
                    cid: commitment.cid,
                    declared: commitment.count,
                    batch,
                });
            }
        }
        let evaluation = evaluator.finish();
        (self.progress)(Step::Round(number));
        tracing::info!(
            round = number.0,
            measurements = evaluation.outcomes.len(),
            "recomputed"
        );
        Ok((facts, evaluation))
    }

    /// Recomputes a range of rounds and settles it on top of `parent`.
    ///
    /// # Errors
    /// As [`Self::evaluate_round`] and [`Self::settlement_document`], and [`VerifyError::Settle`] if the range does not
    /// continue the parent.
    pub fn evaluate_range(
        &self,
        first: RoundNumber,
        last: RoundNumber,
        parent: Option<SettlementId>,
    ) -> Result<EvaluatedRange> {
        let parent = parent
            .map(|id| Ok::<_, VerifyError>((id, self.settlement_document(id)?)))
            .transpose()?;
        let rounds = (first.0..=last.0)
            .map(|number| self.evaluate_round(RoundNumber(number)))
            .collect::<Result<Vec<_>>>()?;
        let parent = parent.as_ref().map(|(id, document)| Parent {
            settlement: id.0,
            document,
        });
        let document = settle(self.chain.contracts, parent, &rounds)?;
        Ok(EvaluatedRange { document, rounds })
    }

    /// The document of a settlement, consistent in itself and with the settlement on chain. Its rounds are not
    /// recomputed.
    ///
    /// # Errors
    /// [`VerifyError::Store`], [`VerifyError::Document`], [`VerifyError::WrongParent`].
    pub fn settlement_document(&self, id: SettlementId) -> Result<SettlementDocument> {
        let proposal = self.settlement(id)?.proposal;
        let cid = proposal.cid;
        let bytes = self.document_file(id, &cid)?;
        let document = SettlementDocument::parse(&bytes).map_err(|source| VerifyError::Document {
            settlement: id,
            cid,
            source,
        })?;
        let total = document.cumulative_total.atto().to_string();
        let stated = [
            ("root", document.root.to_string(), proposal.root.to_string()),
            (
                "cumulativeTotal",
                total,
                proposal.cumulative_total.atto().to_string(),
            ),
            (
                "lastRound",
                document.last_round.to_string(),
                proposal.last_round.to_string(),
            ),
        ];
        for (field, document, chain) in stated {
            if document != chain {
                return Err(VerifyError::WrongParent {
                    settlement: id,
                    cid,
                    field,
                    document,
                    chain,
                });
            }
        }
        Ok(document)
    }

    pub(crate) fn settlement(&self, id: SettlementId) -> Result<&Settlement> {
        let settlement = self.chain.settlements.get(&id);
        settlement.ok_or_else(|| VerifyError::NotRead {
            what: format!("settlement {id}"),
        })
    }

    pub(crate) fn document_file(&self, id: SettlementId, cid: &FileCid) -> Result<Vec<u8>> {
        file(self.store, cid, || format!("the document of settlement {id}"))
    }

    /// The checks of a round, against this evidence.
    fn checks(&self) -> RoundChecks<'_, B> {
        RoundChecks {
            contracts: &self.chain.contracts,
            beacons: self.beacons,
        }
    }

    /// The roster that a round froze.
    pub(crate) fn roster(&self, round: &Round) -> Result<Roster> {
        let number = round.number;
        let file = file(self.store, &round.roster.cid, || {
            format!("the roster of round {number}")
        })?;
        Ok(round.roster.read(number, &file)?)
    }
}

pub(crate) fn file(store: &dyn Source, cid: &FileCid, what: impl FnOnce() -> String) -> Result<Vec<u8>> {
    store.get(cid).map_err(|source| VerifyError::Store {
        what: what(),
        source: Box::new(source),
    })
}
