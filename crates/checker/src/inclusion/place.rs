//! A station's place in a round, as far as its own report needs it.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B128, B256};
use assize_facts::Times;
use assize_protocol::{RosterEntry, RoundNumber, StationIndex, TaskIndex, TaskNumber};
use serde::{Deserialize, Serialize};

use crate::RoundAssignment;

/// A station's place in a round that is looked after: checked when the station was drawn, and stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Place {
    pub(crate) round: RoundNumber,
    /// The round's timetable, Unix seconds.
    pub(crate) times: Times,
    /// The station's index in the roster.
    pub(crate) index: StationIndex,
    pub(crate) station: Address,
    pub(crate) operator: Address,
    pub(crate) subnet: B128,
    /// From the station's leaf to the roster's root.
    pub(crate) roster_proof: Vec<B256>,
    /// The committee's tasks, in the order of `k`.
    pub(crate) tasks: Vec<TaskIndex>,
}

impl Place {
    pub(crate) fn of(assignment: &RoundAssignment) -> Self {
        let RoundAssignment {
            round,
            station,
            entry,
            roster_proof,
            ..
        } = assignment;
        Self {
            round: round.number,
            times: round.times,
            index: station.station,
            station: entry.station,
            operator: entry.operator,
            subnet: entry.subnet,
            roster_proof: roster_proof.clone(),
            tasks: station.tasks.iter().map(|task| task.index).collect(),
        }
    }

    /// The station in the roster.
    pub(crate) fn entry(&self) -> RosterEntry {
        RosterEntry {
            station: self.station,
            operator: self.operator,
            subnet: self.subnet,
        }
    }

    /// The tasks with their numbers. One that the committee has twice counts with its first.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (TaskNumber, TaskIndex)> {
        let mut before = BTreeSet::new();
        let tasks = (0..).map(TaskNumber).zip(self.tasks.iter().copied());
        tasks.filter(move |(_, task)| before.insert(*task))
    }

    /// A sixth of the time in which the station can commit its own report, seconds: one step of the timetable.
    pub(crate) fn step(&self) -> u64 {
        let times = &self.times;
        times.commits_until.saturating_sub(times.publish_until) / 6
    }

    /// When what is not shown to be included counts as left out: the rest of the time is for the transaction.
    pub(crate) fn decide_at(&self) -> u64 {
        self.times.publish_until + 3 * self.step()
    }
}
