//! Evaluation of one round.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use assize_measurement::ndjson::Batch;
use assize_measurement::{Domain, Measurement};
use assize_protocol::{
    CommitteeIndex, DedupeSeed, FileCid, Parameters, Roster, RoundNumber, Seed, StationIndex, Task,
    TaskIndex, TaskList, TaskNumber,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::majority::{Decision, Vote, decide};
use crate::tasking::{Place, Tasking};
use crate::voters::{Candidate, choose};
use crate::{Label, LabelCounts, Reward, SuccessCounts, SuccessRates, Verdict, VerdictCounts};

/// Everything public about a round but its measurements.
#[derive(Clone, Copy, Debug)]
pub struct RoundInput<'a> {
    /// Its number.
    pub round: RoundNumber,
    /// What signatures of measurements are bound to.
    pub domain: Domain,
    /// The round's own parameters.
    pub parameters: Parameters,
    /// Draws committees and tasks.
    pub seed: Seed,
    /// Draws one voter per subnet and task.
    pub dedupe_seed: DedupeSeed,
    /// Who may be drawn.
    pub roster: &'a Roster,
    /// What may be drawn.
    pub tasks: &'a TaskList,
}

/// A batch with what the chain says of it.
#[derive(Clone, Copy, Debug)]
pub struct CommittedBatch<'a> {
    /// Its file.
    pub cid: FileCid,
    /// Measurements that its publisher declared.
    pub declared: u32,
    /// What is in it.
    pub batch: &'a Batch,
}

/// How a batch was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchCounts {
    /// Its file.
    pub cid: FileCid,
    /// Measurements that its publisher declared on chain.
    pub declared: u32,
    /// Lines that there really are, blank ones aside.
    pub lines: u64,
    /// Lines that are no valid measurement of the round.
    pub invalid: u64,
}

impl BatchCounts {
    /// Whether the publisher declared another number of measurements than there are lines. It changes nothing in the
    /// evaluation; it is for people to see.
    #[must_use]
    pub fn is_miscounted(&self) -> bool {
        u64::from(self.declared) != self.lines
    }
}

/// What became of one valid measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Position of its batch among the round's commitments, from 0.
    pub batch: u32,
    /// Its line in the batch, from 1.
    pub line: u32,
    /// Who is said to have made it.
    pub station: Address,
    /// Whether it votes.
    pub label: Label,
    /// What its committee makes of it, if it votes.
    pub verdict: Option<Verdict>,
}

impl Outcome {
    /// The verdict if there is one, else the label.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        self.verdict.map_or(self.label.as_str(), Verdict::as_str)
    }
}

/// What a committee decided on one of its tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitteeDecision {
    /// The committee.
    pub committee: CommitteeIndex,
    /// Position among its tasks.
    pub k: TaskNumber,
    /// The task.
    pub task: TaskIndex,
    /// OK measurements.
    pub voters: u32,
    /// By strict majority.
    pub decision: Decision,
}

/// A rewarded measurement, as it stands in the accepted tree (DESIGN §2.7). In documents: `[round, station, committee,
/// k]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "(u64, u32, u32, u32)", into = "(u64, u32, u32, u32)")]
pub struct Accepted {
    /// The round.
    pub round: RoundNumber,
    /// Index of the station in the round's roster.
    pub station: StationIndex,
    /// The station's committee.
    pub committee: CommitteeIndex,
    /// Position of the task among the committee's.
    pub k: TaskNumber,
}

impl From<(u64, u32, u32, u32)> for Accepted {
    fn from((round, station, committee, k): (u64, u32, u32, u32)) -> Self {
        Self {
            round: RoundNumber(round),
            station: StationIndex(station),
            committee: CommitteeIndex(committee),
            k: TaskNumber(k),
        }
    }
}

impl From<Accepted> for (u64, u32, u32, u32) {
    fn from(accepted: Accepted) -> Self {
        (
            accepted.round.0,
            accepted.station.0,
            accepted.committee.0,
            accepted.k.0,
        )
    }
}

/// What a round comes to. A function of public inputs alone: the number of threads does not show in it, and the order
/// of batches only in which of two duplicates stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoundEvaluation {
    /// How many committees there were.
    pub committees: u32,
    /// And tasks for each.
    pub tasks_per_committee: u32,
    /// In commit order.
    pub batches: Vec<BatchCounts>,
    /// Lines that are no valid measurement, by the field at fault.
    pub invalid: BTreeMap<String, u64>,
    /// Every valid measurement, in commit order.
    pub outcomes: Vec<Outcome>,
    /// Valid measurements by label.
    pub labels: LabelCounts,
    /// OK measurements by verdict.
    pub verdicts: VerdictCounts,
    /// By committee and k; tasks without a voter are left out.
    pub decisions: Vec<CommitteeDecision>,
    /// Over all OK measurements.
    pub rates: SuccessRates,
    /// The rewarded measurements, ascending.
    pub accepted: Vec<Accepted>,
    /// What each of them earns.
    pub reward: Reward,
    /// What each operator earns, attoFIL; those that earn nothing are left out.
    pub rewards: BTreeMap<Address, u128>,
}

/// An OK measurement on its way to the committee.
struct Voter<'a> {
    place: Place,
    measurement: &'a Measurement,
    /// Of its outcome.
    index: usize,
}

/// Evaluates a round (DESIGN §2.6, docs/protocol.md §10). `batches` stand in the order in which they were committed.
///
/// Signatures and committees are worked through by rayon's current thread pool.
#[must_use]
pub fn evaluate_round(input: &RoundInput<'_>, batches: &[CommittedBatch<'_>]) -> RoundEvaluation {
    let tasking = Tasking::new(
        &input.domain,
        input.seed,
        &input.parameters,
        input.roster,
        input.tasks,
    );
    let rows: Vec<_> = (0_u32..)
        .zip(batches)
        .flat_map(|(batch, committed)| committed.batch.rows.iter().map(move |row| (batch, row)))
        .collect();
    let places: Vec<_> = rows
        .par_iter()
        .map(|(_, row)| tasking.place(&row.measurement))
        .collect();

    let (placed, candidates): (Vec<_>, Vec<_>) = rows
        .iter()
        .zip(&places)
        .enumerate()
        .filter_map(|(index, ((_, row), place))| {
            let place = place.ok()?;
            let measurement = &row.measurement;
            let candidate = Candidate {
                station: measurement.station,
                subnet: input.roster.get(place.station)?.subnet,
                task: measurement.task,
            };
            Some((
                Voter {
                    place,
                    measurement,
                    index,
                },
                candidate,
            ))
        })
        .unzip();
    let mut labels: Vec<Label> = places
        .iter()
        .map(|place| place.err().unwrap_or(Label::Ok))
        .collect();
    let mut voters = Vec::with_capacity(placed.len());
    for (voter, label) in placed.into_iter().zip(choose(&input.dedupe_seed, &candidates)) {
        labels[voter.index] = label;
        if label == Label::Ok {
            voters.push(voter);
        }
    }

    // A station has one OK measurement of a task, so the key has no ties.
    voters.par_sort_unstable_by_key(|voter| voter.place);
    let sessions: Vec<_> = voters
        .chunk_by(|a, b| (a.place.committee, a.place.k) == (b.place.committee, b.place.k))
        .collect();
    let sessions: Vec<_> = sessions
        .into_par_iter()
        .filter_map(|voters| Session::hold(input, voters))
        .collect();

    let mut evaluation = RoundEvaluation {
        committees: tasking.committee_count(),
        tasks_per_committee: tasking.tasks_per_committee(),
        batches: batches.iter().map(count_batch).collect(),
        invalid: count_invalid(batches),
        labels: labels.iter().copied().collect(),
        outcomes: rows
            .iter()
            .zip(labels)
            .map(|((batch, row), label)| Outcome {
                batch: *batch,
                line: row.line,
                station: row.measurement.station,
                label,
                verdict: None,
            })
            .collect(),
        ..RoundEvaluation::default()
    };
    for session in sessions {
        evaluation.record(input.round, session);
    }
    evaluation.accepted.sort_unstable();
    evaluation.pay(input);
    evaluation
}

/// A committee in session over one of its tasks.
struct Session<'a> {
    voters: &'a [Voter<'a>],
    verdicts: Vec<Verdict>,
    decision: CommitteeDecision,
    task: &'a Task,
    counts: SuccessCounts,
}

impl<'a> Session<'a> {
    /// `None` without voters.
    fn hold(input: &RoundInput<'a>, voters: &'a [Voter<'a>]) -> Option<Self> {
        let first = voters.first()?;
        let index = first.measurement.task;
        let Parameters {
            quorum,
            min_committee_size,
            ..
        } = input.parameters;
        let quorate =
            voters.len() >= usize::from(quorum) && input.roster.count() >= u32::from(min_committee_size);
        let votes: Vec<_> = voters.iter().map(|voter| Vote::of(voter.measurement)).collect();
        let (decision, verdicts) = decide(&votes, quorate);
        let mut counts = SuccessCounts::default();
        for (voter, verdict) in voters.iter().zip(&verdicts) {
            counts += SuccessCounts::of(voter.measurement, *verdict);
        }
        Some(Self {
            voters,
            decision: CommitteeDecision {
                committee: first.place.committee,
                k: first.place.k,
                task: index,
                voters: voters.len() as u32,
                decision,
            },
            verdicts,
            task: input.tasks.get(index)?,
            counts,
        })
    }
}

impl RoundEvaluation {
    /// What a round comes to whose beacon nobody revealed: nothing, and the budget stays in the pool.
    #[must_use]
    pub fn unrevealed(parameters: &Parameters) -> Self {
        Self {
            reward: Reward::share(parameters.budget, 0),
            ..Self::default()
        }
    }

    fn record(&mut self, round: RoundNumber, session: Session<'_>) {
        for (voter, verdict) in session.voters.iter().zip(session.verdicts) {
            self.outcomes[voter.index].verdict = Some(verdict);
            if verdict == Verdict::MajorityResult {
                let Place {
                    committee,
                    k: TaskNumber(k),
                    station,
                } = voter.place;
                self.accepted.push(Accepted {
                    round,
                    station,
                    committee,
                    k: TaskNumber(k),
                });
            }
        }
        self.verdicts += session.counts.verdicts;
        self.rates.add(session.task, session.counts);
        self.decisions.push(session.decision);
    }

    fn pay(&mut self, input: &RoundInput<'_>) {
        self.reward = Reward::share(input.parameters.budget, self.accepted.len() as u64);
        if self.reward.each == 0 {
            return;
        }
        for accepted in &self.accepted {
            if let Some(entry) = input.roster.get(accepted.station) {
                // At most the budget in all.
                *self.rewards.entry(entry.operator).or_default() += self.reward.each;
            }
        }
    }
}

fn count_batch(committed: &CommittedBatch<'_>) -> BatchCounts {
    BatchCounts {
        cid: committed.cid,
        declared: committed.declared,
        lines: committed.batch.line_count() as u64,
        invalid: committed.batch.rejected.len() as u64,
    }
}

fn count_invalid(batches: &[CommittedBatch<'_>]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for rejected in batches.iter().flat_map(|committed| &committed.batch.rejected) {
        *counts.entry(rejected.field.to_owned()).or_default() += 1;
    }
    counts
}
