//! Labels of measurements: rounds that have ended are recomputed on request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alloy_primitives::Address;
use assize_chain::Rewards;
use assize_evaluate::{Label, Origin, Outcome, RoundEvaluation, Verdict};
use assize_protocol::RoundNumber;
use assize_verify::{Conclusion, Evidence, VerifyError, read_rounds};

use crate::ingest::Compute;
use crate::rounds::RoundCache;
use assize_ingest::{BatchMarks, Database, NO_LABEL};

/// Delay before a round that failed to recompute is retried.
const PAUSE: Duration = Duration::from_secs(60);
/// Maximum number of queued rounds.
const MAX_WAITING: usize = 64;

/// The rounds whose labels were requested.
#[derive(Debug, Default)]
pub(crate) struct Wanted(Mutex<BTreeMap<RoundNumber, Instant>>);

impl Wanted {
    /// Queues a round whose labels were requested.
    pub(crate) fn want(&self, round: RoundNumber) {
        let mut wanted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted.len() < MAX_WAITING {
            wanted.entry(round).or_insert_with(Instant::now);
        }
    }

    /// The oldest round that is due.
    fn next(&self) -> Option<RoundNumber> {
        let wanted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let mut due = wanted.iter().filter(|(_, when)| **when <= now);
        due.next().map(|(round, _)| *round)
    }

    fn done(&self, round: RoundNumber) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&round);
    }

    fn later(&self, round: RoundNumber) {
        let mut wanted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.insert(round, Instant::now() + PAUSE);
    }
}

/// What recomputing a round needs.
pub(crate) struct Evaluator<'a> {
    pub(crate) rounds: &'a RoundCache,
    pub(crate) rewards: Address,
    pub(crate) database: &'a Database,
    /// One thread, because checking incoming measurements has priority.
    pub(crate) compute: &'a Compute,
    pub(crate) wanted: &'a Wanted,
}

impl Evaluator<'_> {
    /// Recomputes one queued round. Returns whether there was one.
    pub(crate) async fn pass(&self) -> bool {
        let Some(round) = self.wanted.next() else {
            return false;
        };
        match self.evaluate(round).await {
            Ok(true) => self.wanted.done(round),
            Ok(false) => self.wanted.later(round),
            Err(error) => {
                tracing::warn!(round = round.0, %error, "cannot recompute the round yet; it will be retried");
                self.wanted.later(round);
            }
        }
        true
    }

    async fn evaluate(&self, round: RoundNumber) -> Result<bool, VerifyError> {
        let chain = self.rounds.chain();
        let rewards = Rewards::new(chain.client().clone(), self.rewards);
        let reading = read_rounds(chain, &rewards, round, round).await?;
        let (store, beacons) = (Arc::clone(self.rounds.store()), Arc::clone(self.rounds.beacons()));
        let recompute = move || {
            let evidence = Evidence {
                chain: &reading.facts,
                own: &reading.own,
                store: &*store,
                elsewhere: &|_, _| None,
                beacons: &beacons,
                progress: &|_| {},
            };
            evidence.verify_round(round)
        };
        match self.compute.run(1, recompute).await {
            Ok(Ok(Conclusion::Match((_, evaluation)))) => {
                let marked = self.database.mark(round, marks(&evaluation)).await;
                let marked = marked.inspect_err(|error| tracing::error!(%error, "failed to store labels"));
                Ok(marked.is_ok())
            }
            Ok(Ok(Conclusion::Mismatch(mismatch))) => {
                tracing::error!(
                    round = round.0,
                    ?mismatch,
                    "the chain's data for this round is wrong"
                );
                Ok(false)
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Ok(false),
        }
    }
}

fn marks(evaluation: &RoundEvaluation) -> Vec<BatchMarks> {
    let mut batches: Vec<_> = evaluation
        .batches
        .iter()
        .map(|batch| BatchMarks {
            root: batch.root,
            marks: Vec::new(),
        })
        .collect();
    // A dropped batch has no outcomes, and none of its lines a label.
    for outcome in &evaluation.outcomes {
        // What stations committed themselves did not come through here.
        let Origin::Batch(batch) = outcome.origin else {
            continue;
        };
        let Some(batch) = batches.get_mut(batch as usize) else {
            continue;
        };
        let line = outcome.line as usize;
        if batch.marks.len() < line {
            batch.marks.resize(line, NO_LABEL);
        }
        batch.marks[line - 1] = mark(outcome);
    }
    batches
}

fn mark(outcome: &Outcome) -> u8 {
    let place = |found: Option<usize>| found.unwrap_or(0xf) as u8;
    let label = place(Label::ALL.iter().position(|label| *label == outcome.label));
    let verdict = outcome.verdict.map_or(0, |verdict| {
        1 + place(Verdict::ALL.iter().position(|known| *known == verdict))
    });
    verdict << 4 | label
}

/// Decodes a mark: a label, and a verdict if the measurement voted.
pub(crate) fn meaning(mark: u8) -> Option<(Label, Option<Verdict>)> {
    let label = Label::ALL.get(usize::from(mark & 0xf))?;
    let verdict = match mark >> 4 {
        0 => None,
        place => Some(*Verdict::ALL.get(usize::from(place) - 1)?),
    };
    Some((*label, verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_survives_encoding_as_a_mark() {
        let verdicts = Verdict::ALL.into_iter().map(Some).chain([None]);
        for verdict in verdicts {
            for label in Label::ALL {
                let outcome = Outcome {
                    origin: Origin::Batch(0),
                    line: 1,
                    station: Address::ZERO,
                    label,
                    verdict,
                };
                assert_eq!(meaning(mark(&outcome)), Some((label, verdict)));
            }
        }
        assert_eq!(meaning(NO_LABEL), None);
    }

    #[test]
    fn a_round_is_queued_once_and_delayed_after_a_failure() {
        let wanted = Wanted::default();
        wanted.want(RoundNumber(2));
        wanted.want(RoundNumber(1));
        wanted.want(RoundNumber(2));
        assert_eq!(wanted.next(), Some(RoundNumber(1)));
        wanted.later(RoundNumber(1));
        wanted.want(RoundNumber(1));
        assert_eq!(wanted.next(), Some(RoundNumber(2)));
        wanted.done(RoundNumber(2));
        assert_eq!(wanted.next(), None);
    }
}
