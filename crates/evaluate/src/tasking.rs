//! Whose turn it was: labels that a measurement gets by itself.

use assize_measurement::{Domain, Measurement, Verifier};
use assize_protocol::{
    Assignment, CommitteeIndex, Parameters, PayloadCid, ProviderId, Roster, Seed, StationIndex, TaskIndex,
    TaskList, TaskNumber,
};
use rustc_hash::FxHashMap;

use crate::Label;

/// A place that a measurement fills: task `k` of a committee, as seen by one of its stations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub committee: CommitteeIndex,
    /// Position among the committee's tasks.
    pub k: TaskNumber,
    pub station: StationIndex,
}

/// Everything about a round that tells whether a measurement was its station's to make.
pub(crate) struct Tasking<'a> {
    roster: &'a Roster,
    tasks: &'a TaskList,
    /// None if signatures are believed.
    verifier: Option<Verifier>,
    /// By station index; empty if the round has no committees.
    committees: Vec<CommitteeIndex>,
    /// Position among the committee's tasks, by committee and task index.
    positions: FxHashMap<(CommitteeIndex, TaskIndex), TaskNumber>,
    committee_count: u32,
    tasks_per_committee: u32,
}

impl<'a> Tasking<'a> {
    pub(crate) fn new(
        domain: Option<&Domain>,
        seed: Seed,
        parameters: &Parameters,
        roster: &'a Roster,
        tasks: &'a TaskList,
    ) -> Self {
        let assignment = Assignment::new(seed, parameters, roster.count(), tasks.count());
        let mut committees = vec![CommitteeIndex(0); roster.entries().len()];
        for (committee, members) in (0..).map(CommitteeIndex).zip(assignment.all_members()) {
            for station in members {
                committees[station.0 as usize] = committee;
            }
        }
        let mut positions = FxHashMap::default();
        for (committee, drawn) in (0..).map(CommitteeIndex).zip(assignment.all_tasks()) {
            let numbered = (0..).map(TaskNumber).zip(drawn);
            positions.extend(numbered.map(|(k, task)| ((committee, task), k)));
        }
        Self {
            roster,
            tasks,
            verifier: domain.map(Verifier::new),
            committees,
            positions,
            committee_count: assignment.committee_count(),
            tasks_per_committee: assignment.tasks_per_committee(),
        }
    }

    pub(crate) fn committee_count(&self) -> u32 {
        self.committee_count
    }

    pub(crate) fn tasks_per_committee(&self) -> u32 {
        self.tasks_per_committee
    }

    /// The first four rules, in their order: the station whose place the measurement fills, or why it fills none.
    pub(crate) fn place(&self, measurement: &Measurement) -> Result<StationIndex, Label> {
        let station = self
            .roster
            .index_of(measurement.station)
            .ok_or(Label::NotInRoster)?;
        let is_forged = |verifier: &Verifier| !verifier.signed_by_station(measurement);
        if self.verifier.as_ref().is_some_and(is_forged) {
            return Err(Label::BadSignature);
        }
        let task = self.tasks.get(measurement.task).ok_or(Label::TaskNotInRound)?;
        // Compared as what they mean: a CID may be written in several bases.
        let same_cid = measurement.cid.parse::<PayloadCid>() == Ok(task.cid);
        let same_provider = measurement.miner_id.parse::<ProviderId>() == Ok(task.provider);
        if !(same_cid && same_provider) {
            return Err(Label::TaskNotInRound);
        }
        match self.place_of(station, measurement.task) {
            Some(_) => Ok(station),
            None => Err(Label::TaskWrongCommittee),
        }
    }

    /// The place that a station has at a task, if the task is its committee's.
    pub(crate) fn place_of(&self, station: StationIndex, task: TaskIndex) -> Option<Place> {
        let committee = *self.committees.get(station.0 as usize)?;
        let k = *self.positions.get(&(committee, task))?;
        Some(Place {
            committee,
            k,
            station,
        })
    }
}
