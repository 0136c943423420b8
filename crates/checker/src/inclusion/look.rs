//! Whether a round's measurements are in its batches.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use assize_chain::FileKind;
use assize_facts::BatchCommitment;
use assize_measurement::ndjson;
use assize_protocol::{RoundNumber, TaskIndex};
use assize_service::PassError;
use assize_wire::{InclusionDocument, ProblemKind};
use serde::Serialize;

use super::report::Lines;
use super::{InclusionError, Place};
use crate::checker::Shared;
use crate::spool::Made;
use crate::witness::Held;

/// Why a measurement cannot be shown to be in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cause {
    /// Nobody has committed a batch to the round.
    NoBatch,
    /// The ingest never gave a receipt for it.
    NotAccepted,
    /// There is a receipt for it, but the coordinator finds it in no batch.
    Omitted,
    /// The coordinator's proof does not hold against any batch on the chain.
    FalseProof,
    /// It is in a batch that the witnesses do not hold.
    NotHeld,
    /// The coordinator does not answer.
    NoAnswer,
}

impl Cause {
    /// Whether asking the coordinator again could not change it.
    fn is_certain(self) -> bool {
        matches!(self, Self::NoBatch | Self::NotAccepted)
    }

    /// Plain words for so many measurements, after their number.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NoBatch => "because no batch was committed",
            Self::NotAccepted => "never accepted by the ingest",
            Self::Omitted => "with a receipt, but in no batch that the coordinator knows",
            Self::FalseProof => "with a proof that does not hold",
            Self::NotHeld => "in a batch whose file the witnesses do not have",
            Self::NoAnswer => "without an answer of the coordinator",
        }
    }
}

/// What has been found out about a round's measurements.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// Those that are in a batch.
    pub(crate) shown: BTreeSet<TaskIndex>,
    /// The others, as of the last time that they were looked for.
    pub(crate) missing: BTreeMap<TaskIndex, Cause>,
    /// How long the coordinator wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

/// What follows from a look.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All measurements are in batches.
    Included,
    /// Some are not, and it is to be looked again.
    Again,
    /// Some are not.
    LeftOut,
}

impl Look {
    /// Looks for the measurements that have not been found yet.
    pub(crate) async fn update(
        &mut self,
        shared: &Shared,
        place: &Place,
        lines: &Lines,
    ) -> Result<(), InclusionError> {
        let committed = shared.rounds.commitments(place.round, FileKind::Lines).await?;
        self.missing.clear();
        self.retry_after = None;
        let held = match committed.is_empty() {
            true => Held::Unknown,
            false => shared.witnesses.held(place.round).await,
        };
        let (began, longest) = (Instant::now(), Duration::from_secs(place.step()));
        let mut is_silent = false;
        for (_, task) in place.numbered() {
            let Some(made) = lines.get(&task).filter(|_| !self.shown.contains(&task)) else {
                continue;
            };
            let cause = match (committed.is_empty(), is_silent) {
                (true, _) => Some(Cause::NoBatch),
                (_, true) => Some(Cause::NoAnswer),
                _ => self.ask(shared, place.round, &committed, &held, made).await,
            };
            // Whoever does not answer once is not asked a hundred times; whoever answers slowly must not use up the time.
            is_silent |= cause == Some(Cause::NoAnswer) || began.elapsed() > longest;
            match cause {
                Some(cause) => drop(self.missing.insert(task, cause)),
                None => drop(self.shown.insert(task)),
            }
        }
        Ok(())
    }

    /// Why a measurement is not shown to be in one of these batches, if it is not.
    async fn ask(
        &mut self,
        shared: &Shared,
        round: RoundNumber,
        committed: &[BatchCommitment],
        held: &Held,
        made: &Made,
    ) -> Option<Cause> {
        // The checker wrote the line itself.
        let digest = ndjson::parse_any_round(made.line.as_bytes())
            .map(|measurement| measurement.digest(&shared.domain))
            .unwrap_or_default();
        match shared.coordinator.inclusion(digest).await {
            Ok(said) if !is_shown(round, committed, made.line.as_bytes(), &said) => Some(Cause::FalseProof),
            Ok(said) => (!held.has(&said.root)).then_some(Cause::NotHeld),
            Err(error) if error.kind() == Some(ProblemKind::NotFound) => Some(match made.receipted {
                true => Cause::Omitted,
                false => Cause::NotAccepted,
            }),
            Err(error) => {
                self.retry_after = error.retry_after();
                Some(Cause::NoAnswer)
            }
        }
    }

    /// What follows at this time, Unix seconds.
    pub(crate) fn verdict(&self, place: &Place, now: u64) -> Verdict {
        if self.missing.is_empty() {
            return Verdict::Included;
        }
        let is_certain = self.missing.values().all(|cause| cause.is_certain());
        match is_certain || now >= place.decide_at() {
            true => Verdict::LeftOut,
            false => Verdict::Again,
        }
    }

    /// How many are missing for each cause.
    pub(crate) fn causes(&self) -> BTreeMap<Cause, u64> {
        let mut causes = BTreeMap::new();
        for cause in self.missing.values() {
            *causes.entry(*cause).or_default() += 1;
        }
        causes
    }
}

/// Whether the coordinator's answer shows that a line is in a batch that was committed to the round.
pub(crate) fn is_shown(
    round: RoundNumber,
    committed: &[BatchCommitment],
    line: &[u8],
    said: &InclusionDocument,
) -> bool {
    let is_committed = committed
        .iter()
        .any(|batch| (batch.root, batch.count) == (said.root, said.count));
    said.round == round && is_committed && said.shows(line)
}
