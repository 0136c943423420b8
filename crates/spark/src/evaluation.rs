//! Spark's labels: assigned tasks, one measurement per task and subnet, and the committees' majorities.

use assize_evaluate::columns::{Groups, Id, Vote};
use assize_evaluate::{DecisionIds, Verdict, decide};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::date::iso;
use crate::read::{NO_TASK, Record};
use crate::report::{Counter, Report};
use crate::tasker::{Tasker, distance, key};
use crate::{Measurements, Round, SparkLabel};

/// The labels of a row; an invalid row has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Labels {
    /// Its label.
    pub tasking_evaluation: Option<SparkLabel>,
    /// Its committee's verdict, if it votes.
    pub consensus_evaluation: Option<Verdict>,
}

/// The result of a round.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The report.
    pub report: Report,
    /// Labels of every row, valid or not, in the files' order.
    pub labels: Vec<Labels>,
}

/// Evaluates a round. `randomness` is the hex text of its drand beacon's, `required_committee_size` is 30 on Spark's
/// network.
///
/// Processed by rayon's current thread pool; the result does not depend on the number of threads.
#[must_use]
pub fn evaluate(
    round: &Round,
    randomness: &str,
    measurements: &Measurements,
    required_committee_size: usize,
) -> Evaluation {
    let rows = &measurements.rows;
    let mut labels = label_tasks(round, randomness, measurements);
    let is_ok = |label: &SparkLabel| *label == SparkLabel::Ok;

    let own = rows
        .iter()
        .zip(&labels)
        .map(|(row, label)| is_ok(label).then_some(row.subnet.index()));
    let subnets = Groups::new(measurements.strings.count(), own);
    let losers: Vec<_> = subnets
        .par_iter()
        .map_init(
            || Subnet::new(round),
            |subnet, (number, members)| subnet.choose(number, rows, members),
        )
        .flatten_iter()
        .collect();
    for (row, label) in losers {
        labels[row as usize] = label;
    }

    let voters = rows
        .iter()
        .zip(&labels)
        .map(|(row, label)| is_ok(label).then_some(row.task as usize));
    let tasks = Groups::new(round.tasks.len(), voters);
    let committees: Vec<_> = tasks
        .par_iter()
        .map(|(task, members)| Committee::hold(task, rows, members, required_committee_size))
        .collect();

    let mut counter = Counter::new(round, measurements);
    let mut verdicts = vec![None; rows.len()];
    for committee in &committees {
        counter.add_committee(committee);
        for (row, verdict) in committee.members.iter().zip(&committee.verdicts) {
            verdicts[*row as usize] = Some(*verdict);
        }
    }
    // At most 2^32 rows, which fit into memory.
    let mut all = vec![Labels::default(); measurements.total() as usize];
    for (row, (label, verdict)) in rows.iter().zip(labels.into_iter().zip(verdicts)) {
        counter.add_outcome(row, label, verdict);
        all[row.position as usize] = Labels {
            tasking_evaluation: Some(label),
            consensus_evaluation: verdict,
        };
    }
    Evaluation {
        report: counter.finish(),
        labels: all,
    }
}

/// Labels rows whose task is not in the round, or not assigned to the station.
fn label_tasks(round: &Round, randomness: &str, measurements: &Measurements) -> Vec<SparkLabel> {
    let tasker = Tasker::new(round, randomness);
    let rows = &measurements.rows;
    let mut is_station = vec![false; measurements.strings.count()];
    for row in rows {
        is_station[row.station.index()] = true;
    }
    // By text. Spark's tasker failed for a station without an id; here such a station has no tasks.
    let stations: Vec<_> = is_station
        .par_iter()
        .enumerate()
        .map(|(id, is_station)| {
            let has_id = *is_station && id > Id::NULL.index();
            let key = has_id.then(|| key(&[measurements.strings.get(Id(id as u32))]))?;
            Some((key, tasker.reach(key)?))
        })
        .collect();
    rows.par_iter()
        .map(|row| {
            if row.task == NO_TASK {
                return SparkLabel::TaskNotInRound;
            }
            match stations[row.station.index()] {
                Some((station, reach)) if distance(tasker.keys[row.task as usize], station) <= reach => {
                    SparkLabel::Ok
                }
                _ => SparkLabel::TaskWrongNode,
            }
        })
        .collect()
}

/// Chooses the voters of a subnet; its memory is reused for the next one.
struct Subnet {
    max_tasks: usize,
    order: Vec<([u8; 32], u32)>,
    /// By task, the last subnet that voted on it.
    voted: Vec<usize>,
}

impl Subnet {
    fn new(round: &Round) -> Self {
        Self {
            max_tasks: round.max_tasks_per_node,
            order: Vec::new(),
            voted: vec![usize::MAX; round.tasks.len()],
        }
    }

    /// The measurements of a subnet that do not vote, with their labels. They are ordered by the hash of their arrival
    /// time; equal ones in the files' order.
    fn choose(&mut self, subnet: usize, rows: &[Record], members: &[u32]) -> Vec<(u32, SparkLabel)> {
        if members.len() == 1 && self.max_tasks > 0 {
            return Vec::new();
        }
        self.order.clear();
        self.order.extend(members.iter().map(|row| {
            let taken_in = iso(rows[*row as usize].finished_at);
            (Sha256::digest(taken_in).into(), *row)
        }));
        self.order.sort_unstable();
        let mut votes = 0;
        let mut losers = Vec::new();
        for (_, row) in &self.order {
            let voted = &mut self.voted[rows[*row as usize].task as usize];
            if *voted == subnet {
                losers.push((*row, SparkLabel::DupInetGroup));
            } else if votes >= self.max_tasks {
                losers.push((*row, SparkLabel::TooManyTasks));
            } else {
                *voted = subnet;
                votes += 1;
            }
        }
        losers
    }
}

/// The voters on a task.
pub(crate) struct Committee<'a> {
    /// The task's index in the round.
    pub task: usize,
    /// Rows.
    pub members: &'a [u32],
    pub ruling: DecisionIds,
    /// The verdict on each member.
    pub verdicts: Vec<Verdict>,
}

impl<'a> Committee<'a> {
    fn hold(task: usize, rows: &[Record], members: &'a [u32], required_size: usize) -> Self {
        let votes: Vec<Vote> = members.iter().map(|row| rows[*row as usize].vote).collect();
        let (ruling, verdicts) = decide(&votes, votes.len() >= required_size);
        Self {
            task,
            members,
            ruling,
            verdicts,
        }
    }
}
