//! Every measurement of a round, with what became of it.

use assize_drand::BeaconSource;
use assize_evaluate::{Judged, RoundEvaluation, RoundFacts};
use assize_facts::FileKey;
use assize_measurement::ndjson;
use assize_protocol::RoundNumber;

use crate::{Evidence, VerifyError};

impl<B: BeaconSource> Evidence<'_, B> {
    /// Recomputes a round, and returns its valid measurements in commit order. Holds all of them in memory.
    ///
    /// # Errors
    /// As [`evaluate_round`](Self::evaluate_round).
    pub fn judged(
        &self,
        number: RoundNumber,
    ) -> Result<(RoundFacts, RoundEvaluation, Vec<Judged>), VerifyError> {
        let (facts, evaluation) = self.evaluate_round(number)?;
        if facts.draw.is_none() {
            return Ok((facts, evaluation, Vec::new()));
        }
        let chain = self.round(number)?;
        let mut outcomes = evaluation.outcomes.iter();
        let mut judged = Vec::with_capacity(evaluation.outcomes.len());
        let mut add = |batch: ndjson::Batch| {
            let rows = batch.rows.into_iter().zip(outcomes.by_ref());
            judged.extend(rows.map(|(row, outcome)| Judged::new(row.measurement, outcome)));
        };
        for (index, commitment) in (0..).zip(&chain.commitments) {
            let key = FileKey::batch(number, index);
            if !self.chain.drops.contains(&key) {
                add(self.batches().read(key, commitment)?);
            }
        }
        for report in &chain.own {
            // It was there when the round was recomputed.
            let bytes = self.own.get(&report.report).unwrap_or_default();
            add(ndjson::parse_batch(number, bytes));
        }
        Ok((facts, evaluation, judged))
    }
}
