//! Evaluation of one round.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use assize_facts::{BatchCommitment, ChainRound, Drops, FileKey, TaskPlace};
use assize_measurement::{Domain, Measurement, Millis};
use assize_protocol::{
    AttoFil, CommitteeIndex, DedupeSeed, Parameters, Roster, RoundNumber, Seed, StationIndex, Task,
    TaskIndex, TaskList, TaskNumber, TaskSet,
};
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::columns::{Id, Strings, Vote};
use crate::committed::{BatchCounts, Committed, Origin, OwnCounts};
use crate::figures::{self, Figures, FiguresByParty};
use crate::labeller::Labeller;
use crate::majority::{Decision, decide};
use crate::voters::{Candidate, choose};
use crate::{Label, LabelCounts, Reward, SuccessRates, Verdict, VerdictCounts};

/// The public inputs of a round, without its measurements.
#[derive(Clone, Copy, Debug)]
pub struct RoundInput<'a> {
    /// Its number.
    pub round: RoundNumber,
    /// The domain of measurements' signatures.
    pub domain: Domain,
    /// The round's own parameters.
    pub parameters: Parameters,
    /// Draws committees and tasks.
    pub seed: Seed,
    /// Draws one voter per subnet and task.
    pub dedupe_seed: DedupeSeed,
    /// The roster: who may be drawn.
    pub roster: &'a Roster,
    /// The task list: what may be drawn.
    pub tasks: &'a TaskList,
}

/// The outcome of one valid measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Where it is from.
    pub origin: Origin,
    /// Its line there, from 1.
    pub line: u32,
    /// The claimed station.
    pub station: Address,
    /// Its label.
    pub label: Label,
    /// Its committee's verdict, if it votes.
    pub verdict: Option<Verdict>,
}

impl Outcome {
    /// The verdict if there is one, otherwise the label.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        self.verdict.map_or(self.label.as_str(), Verdict::as_str)
    }
}

/// A committee's decision on one of its tasks.
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
    /// The decision by strict majority.
    pub decision: Decision,
}

/// What was accepted of one station's measurements: each earned a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedTasks {
    /// Index of the station in the round's roster.
    pub station: StationIndex,
    /// Its operator there, who is paid.
    pub operator: Address,
    /// The tasks, by their number among those of the station's committee; at least one.
    pub tasks: TaskSet,
}

/// The result of a round, a function of public inputs alone. It does not depend on the number of threads; the order of
/// batches only decides which of two duplicates counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoundEvaluation {
    /// Number of committees.
    pub committees: u32,
    /// Tasks per committee.
    pub tasks_per_committee: u32,
    /// Batches in commit order.
    pub batches: Vec<BatchCounts>,
    /// Reports that stations committed themselves, in commit order.
    pub own: Vec<OwnCounts>,
    /// Number of malformed lines, by the invalid field.
    pub invalid: BTreeMap<String, u64>,
    /// Every valid measurement, in commit order.
    pub outcomes: Vec<Outcome>,
    /// Valid measurements by label.
    pub labels: LabelCounts,
    /// OK measurements by verdict.
    pub verdicts: VerdictCounts,
    /// By committee and k; tasks without a voter are omitted.
    pub decisions: Vec<CommitteeDecision>,
    /// Statistics of all OK measurements.
    pub figures: FiguresByParty,
    /// The rewarded measurements, ascending by station.
    pub accepted: Vec<AcceptedTasks>,
    /// Reward of each of them.
    pub reward: Reward,
    /// Earnings of each operator; operators without earnings are omitted.
    pub rewards: BTreeMap<Address, AttoFil>,
}

/// Evaluates a round (docs/protocol.md §10). `committed` are its batches in commit order, then the own reports in theirs.
#[must_use]
pub fn evaluate_round(input: &RoundInput<'_>, committed: &[Committed<'_>]) -> RoundEvaluation {
    let mut evaluator = RoundEvaluator::new(*input);
    for committed in committed {
        evaluator.add(committed);
    }
    evaluator.finish()
}

/// Evaluates a round batch by batch; a batch may be dropped once it is added. Per measurement it keeps less than 100
/// bytes, and each distinct text once.
///
/// Signatures and committees are processed by rayon's current thread pool.
pub struct RoundEvaluator<'a> {
    input: RoundInput<'a>,
    labeller: Labeller<'a>,
    strings: Strings,
    /// Measurements that were assigned to their station.
    rows: Vec<Row>,
    evaluation: RoundEvaluation,
}

/// An assigned measurement, as numbers.
#[derive(Clone, Copy, Debug)]
struct Row {
    vote: Vote,
    station: StationIndex,
    task: TaskIndex,
    /// Position of its outcome.
    outcome: u32,
    /// Milliseconds from request to first byte, of a success.
    ttfb: Option<i64>,
    ok: bool,
}

impl<'a> RoundEvaluator<'a> {
    /// Creates an evaluator without batches.
    #[must_use]
    pub fn new(input: RoundInput<'a>) -> Self {
        let domain = input.domain;
        Self::with_domain(input, Some(&domain))
    }

    /// As [`Self::new`], but without signature checks: for simulations, whose stations have no keys.
    #[must_use]
    pub fn without_signature_checks(input: RoundInput<'a>) -> Self {
        Self::with_domain(input, None)
    }

    fn with_domain(input: RoundInput<'a>, domain: Option<&Domain>) -> Self {
        let labeller = Labeller::new(domain, input.seed, &input.parameters, input.roster, input.tasks);
        Self {
            evaluation: RoundEvaluation {
                committees: labeller.tasking.committee_count(),
                tasks_per_committee: labeller.tasking.tasks_per_committee(),
                ..RoundEvaluation::default()
            },
            input,
            labeller,
            strings: Strings::new(),
            rows: Vec::new(),
        }
    }

    /// Adds what was committed next: batches in commit order, then own reports in theirs.
    pub fn add(&mut self, committed: &Committed<'_>) {
        // Every batch needs a transaction, so 2^32 batches cannot occur.
        let number = self.evaluation.batches.len() as u32;
        let (origin, batch) = match *committed {
            Committed::Batch { commitment, batch } => {
                self.evaluation.batches.push(BatchCounts::of(commitment, batch));
                (Origin::Batch(number), batch)
            }
            Committed::Dropped(commitment) => {
                self.evaluation
                    .batches
                    .push(BatchCounts::unread(commitment, true));
                return;
            }
            Committed::Own { report, batch } => {
                self.evaluation.own.push(OwnCounts::of(report, batch));
                (Origin::Own(report.station), batch)
            }
        };
        for rejected in &batch.rejected {
            *self
                .evaluation
                .invalid
                .entry(rejected.field.to_owned())
                .or_default() += 1;
        }
        let places: Vec<_> = batch
            .rows
            .par_iter()
            .map(|row| self.labeller.label(&row.measurement))
            .collect();
        for (row, place) in batch.rows.iter().zip(places) {
            let measurement = &row.measurement;
            let label = match place {
                Ok(station) => {
                    let row = self.row(station, measurement);
                    self.rows.push(row);
                    Label::Ok
                }
                Err(label) => label,
            };
            self.evaluation.outcomes.push(Outcome {
                origin,
                line: row.line,
                station: measurement.station,
                label,
                verdict: None,
            });
        }
    }

    fn row(&mut self, station: StationIndex, measurement: &Measurement) -> Row {
        let ok = measurement.retrieval_result().is_ok();
        let times = (measurement.first_byte_at, measurement.start_at);
        let ttfb = match times {
            (Some(Millis(first_byte)), Some(Millis(start))) if ok => first_byte.checked_sub(start),
            _ => None,
        };
        Row {
            vote: Vote::of(measurement, &mut self.strings),
            station,
            task: measurement.task,
            outcome: self.evaluation.outcomes.len() as u32,
            ttfb,
            ok,
        }
    }

    /// Evaluates after the last batch.
    #[must_use]
    pub fn finish(mut self) -> RoundEvaluation {
        let voters = self.choose_voters();
        let protocols = Protocols {
            http: self.strings.intern("http"),
            graphsync: self.strings.intern("graphsync"),
        };
        let sessions: Vec<_> = voters
            .chunk_by(|a, b| (a.place.committee, a.place.k) == (b.place.committee, b.place.k))
            .collect();
        let sessions: Vec<_> = sessions
            .into_par_iter()
            .filter_map(|voters| Session::hold(&self.input, &self.strings, protocols, voters))
            .collect();
        let Self {
            input,
            mut evaluation,
            ..
        } = self;
        evaluation.labels = evaluation.outcomes.iter().map(|outcome| outcome.label).collect();
        let mut accepted = BTreeMap::<StationIndex, TaskSet>::new();
        for session in sessions {
            evaluation.record(session, &mut accepted);
        }
        evaluation.pay(&input, accepted);
        evaluation
    }

    /// Labels duplicates; returns the voters by place.
    fn choose_voters(&mut self) -> Vec<Voter> {
        let rows = std::mem::take(&mut self.rows);
        let candidates: Vec<_> = rows
            .iter()
            .filter_map(|row| {
                let entry = self.input.roster.get(row.station)?;
                Some(Candidate {
                    station: entry.station,
                    subnet: entry.subnet,
                    task: row.task,
                })
            })
            .collect();
        let labels = choose(&self.input.dedupe_seed, &candidates);
        drop(candidates);
        let mut voters = Vec::with_capacity(rows.len());
        for (row, label) in rows.into_iter().zip(labels) {
            self.evaluation.outcomes[row.outcome as usize].label = label;
            if label == Label::Ok
                && let Some(place) = self.labeller.place(row.station, row.task)
            {
                voters.push(Voter { place, row });
            }
        }
        // A station has one OK measurement per task, so the key has no ties.
        voters.par_sort_unstable_by_key(|voter| voter.place);
        voters
    }
}

/// An OK measurement, ready for its committee.
#[derive(Clone, Copy, Debug)]
struct Voter {
    place: TaskPlace,
    row: Row,
}

/// Numbers of the protocols that are distinguished.
#[derive(Clone, Copy)]
struct Protocols {
    http: Id,
    graphsync: Id,
}

/// A committee's voters and decision on one of its tasks.
struct Session<'a> {
    voters: &'a [Voter],
    verdicts: Vec<Verdict>,
    decision: CommitteeDecision,
    task: &'a Task,
    figures: Figures,
}

impl<'a> Session<'a> {
    /// `None` without voters.
    fn hold(
        input: &RoundInput<'a>,
        strings: &Strings,
        protocols: Protocols,
        voters: &'a [Voter],
    ) -> Option<Self> {
        let first = voters.first()?;
        let index = first.row.task;
        let Parameters {
            quorum,
            min_committee_size,
            ..
        } = input.parameters;
        let quorate =
            voters.len() >= usize::from(quorum) && input.roster.count() >= u32::from(min_committee_size);
        let votes: Vec<_> = voters.iter().map(|voter| voter.row.vote).collect();
        let (ruling, verdicts) = decide(&votes, quorate);
        Some(Self {
            figures: Self::figures(strings, protocols, voters, &verdicts),
            voters,
            decision: CommitteeDecision {
                committee: first.place.committee,
                k: first.place.k,
                task: index,
                voters: voters.len() as u32,
                decision: ruling.text(strings),
            },
            verdicts,
            task: input.tasks.get(index)?,
        })
    }

    fn figures(strings: &Strings, protocols: Protocols, voters: &[Voter], verdicts: &[Verdict]) -> Figures {
        let mut figures = Figures::default();
        let mut results = FxHashMap::<Id, u64>::default();
        for (Voter { row, .. }, verdict) in voters.iter().zip(verdicts) {
            let protocol = row.vote.indexer.protocol;
            figures.counts.total += 1;
            figures.counts.successful += u64::from(row.ok);
            figures.counts.successful_http += u64::from(row.ok && protocol == protocols.http);
            figures.counts.verdicts.count(*verdict);
            *results.entry(row.vote.result).or_default() += 1;
            // Times are the station's claim alone; those of the majority are at least plausible.
            if let (Some(millis), Verdict::MajorityResult) = (row.ttfb, verdict) {
                let millis = millis.unsigned_abs();
                match protocol {
                    protocol if protocol == protocols.http => figures.ttfb_http.count(millis),
                    protocol if protocol == protocols.graphsync => figures.ttfb_graphsync.count(millis),
                    _ => {}
                }
            }
        }
        let results = results
            .into_iter()
            .map(|(code, count)| (strings.get(code).to_owned(), count));
        figures.results = results.collect();
        figures
    }
}

impl RoundEvaluation {
    /// The result of a round whose beacon was not revealed, or of which a list was dropped: nothing is read, and the budget
    /// stays in the pool.
    #[must_use]
    pub fn not_drawn(chain: &ChainRound, drops: &Drops) -> Self {
        let ChainRound {
            round,
            commitments,
            own,
        } = chain;
        let batch = |(index, &commitment): (u32, &BatchCommitment)| {
            BatchCounts::unread(commitment, drops.contains(FileKey::batch(round.number, index)))
        };
        Self {
            batches: (0..).zip(commitments).map(batch).collect(),
            own: own.iter().copied().map(OwnCounts::unread).collect(),
            reward: Reward::share(round.parameters.budget, 0),
            ..Self::default()
        }
    }

    /// The part of the statistics that settlement documents contain.
    #[must_use]
    pub fn rates(&self) -> SuccessRates {
        figures::rates(&self.figures)
    }

    fn record(&mut self, session: Session<'_>, accepted: &mut BTreeMap<StationIndex, TaskSet>) {
        for (voter, verdict) in session.voters.iter().zip(session.verdicts) {
            self.outcomes[voter.row.outcome as usize].verdict = Some(verdict);
            if verdict == Verdict::MajorityResult {
                let TaskPlace { k, station, .. } = voter.place;
                accepted.entry(station).or_default().insert(k);
            }
        }
        self.verdicts += session.figures.counts.verdicts;
        figures::add(&mut self.figures, session.task, &session.figures);
        self.decisions.push(session.decision);
    }

    fn pay(&mut self, input: &RoundInput<'_>, accepted: BTreeMap<StationIndex, TaskSet>) {
        self.reward = Reward::share(input.parameters.budget, self.rewarded());
        let of_station = |(station, tasks)| {
            Some(AcceptedTasks {
                station,
                operator: input.roster.get(station)?.operator,
                tasks,
            })
        };
        self.accepted = accepted.into_iter().filter_map(of_station).collect();
        if self.reward.each.is_zero() {
            return;
        }
        for accepted in &self.accepted {
            let earned = self.rewards.entry(accepted.operator).or_default();
            // At most the budget in sum.
            let shares = self.reward.each.checked_mul(accepted.tasks.count().into());
            *earned = earned.saturating_add(shares.unwrap_or_default());
        }
    }

    /// Number of rewarded measurements: `E` of docs/protocol.md §10.4.
    #[must_use]
    pub fn rewarded(&self) -> u64 {
        self.verdicts.majority_result
    }
}
