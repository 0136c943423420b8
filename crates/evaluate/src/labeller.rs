//! The first four labels, which depend on the measurement alone; duplicates and subnets are in `voters.rs`.

use assize_facts::{NotAssigned, TaskPlace, Tasking};
use assize_measurement::{Domain, Measurement, Verifier};
use assize_protocol::{Assignment, Parameters, Roster, Seed, StationIndex, TaskIndex, TaskList};

use crate::Label;

/// Everything about a round that decides whether a measurement was assigned to its station.
pub(crate) struct Labeller<'a> {
    roster: &'a Roster,
    tasks: &'a TaskList,
    /// `None` if signatures are not checked.
    verifier: Option<Verifier>,
    pub(crate) tasking: Tasking,
}

impl<'a> Labeller<'a> {
    pub(crate) fn new(
        domain: Option<&Domain>,
        seed: Seed,
        parameters: &Parameters,
        roster: &'a Roster,
        tasks: &'a TaskList,
    ) -> Self {
        let assignment = Assignment::new(seed, parameters, roster.count(), tasks.count());
        Self {
            roster,
            tasks,
            verifier: domain.map(Verifier::new),
            tasking: Tasking::derive(&assignment),
        }
    }

    /// The first four rules of docs/protocol.md §10.1, in their order: the station whose place the measurement fills, or why it
    /// fills none.
    pub(crate) fn label(&self, measurement: &Measurement) -> Result<StationIndex, Label> {
        let station = self
            .roster
            .index_of(measurement.station)
            .ok_or(Label::NotInRoster)?;
        let is_forged = |verifier: &Verifier| !verifier.signed_by_station(measurement);
        if self.verifier.as_ref().is_some_and(is_forged) {
            return Err(Label::BadSignature);
        }
        let stated = (measurement.cid.value(), measurement.miner_id.value());
        match self.tasking.check(self.tasks, station, measurement.task, stated) {
            Ok(_) => Ok(station),
            Err(NotAssigned::OtherCommittee(_)) => Err(Label::TaskWrongCommittee),
            Err(_) => Err(Label::TaskNotInRound),
        }
    }

    /// The place of a station for a task, if the task belongs to its committee.
    pub(crate) fn place(&self, station: StationIndex, task: TaskIndex) -> Option<TaskPlace> {
        self.tasking.place(station, task)
    }
}
