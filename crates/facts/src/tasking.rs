//! Assignments of all stations: the committee of every station and the tasks of every committee.

use assize_protocol::{
    Assignment, CommitteeIndex, PayloadCid, ProviderId, StationIndex, Task, TaskIndex, TaskList, TaskNumber,
};
use thiserror::Error;

/// All committees of a round and their tasks, derived once (docs/protocol.md §5). Deriving takes half a second for a
/// million stations; a lookup takes nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Tasking {
    /// By station index; empty if the round has no committees.
    committees: Vec<CommitteeIndex>,
    /// By committee, in the order of `k`.
    tasks: Vec<Vec<TaskIndex>>,
    tasks_per_committee: u32,
}

/// The place of a measurement: task `k` of a committee, for one of its stations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskPlace {
    /// The station's committee.
    pub committee: CommitteeIndex,
    /// Position among the committee's tasks.
    pub k: TaskNumber,
    /// The station.
    pub station: StationIndex,
}

/// Why a measurement was not assigned to its station (docs/protocol.md §10.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotAssigned {
    /// The task does not exist.
    #[error("task {0} does not exist in the round")]
    NoSuchTask(TaskIndex),
    /// The task is about another payload.
    #[error("task {task} is about the payload {cid}")]
    OtherPayload {
        /// The task.
        task: TaskIndex,
        /// The payload in the task list.
        cid: PayloadCid,
    },
    /// The task is about another provider.
    #[error("task {task} is about the provider {provider}")]
    OtherProvider {
        /// The task.
        task: TaskIndex,
        /// The provider in the task list.
        provider: ProviderId,
    },
    /// The task is not assigned to the station's committee.
    #[error("task {0} is not assigned to the station's committee")]
    OtherCommittee(TaskIndex),
}

impl Tasking {
    /// Derives all committees and all their tasks.
    #[must_use]
    pub fn derive(assignment: &Assignment) -> Self {
        let members = assignment.all_members();
        let mut committees = vec![CommitteeIndex(0); members.iter().map(Vec::len).sum()];
        for (committee, members) in (0..).map(CommitteeIndex).zip(members) {
            for station in members {
                // Every station has one seat, so the indices are those of the list.
                if let Some(entry) = committees.get_mut(station.0 as usize) {
                    *entry = committee;
                }
            }
        }
        Self {
            committees,
            tasks: assignment.all_tasks(),
            tasks_per_committee: assignment.tasks_per_committee(),
        }
    }

    /// Number of committees.
    #[must_use]
    pub fn committee_count(&self) -> u32 {
        // A committee has at least one seat, and seats are counted in 32 bits.
        self.tasks.len() as u32
    }

    /// Number of tasks per committee.
    #[must_use]
    pub fn tasks_per_committee(&self) -> u32 {
        self.tasks_per_committee
    }

    /// The committee of a station; `None` if the station does not exist, or there are no committees.
    #[must_use]
    pub fn committee_of(&self, station: StationIndex) -> Option<CommitteeIndex> {
        self.committees.get(station.0 as usize).copied()
    }

    /// The tasks of a committee, in the order of `k`; `None` if the committee does not exist.
    #[must_use]
    pub fn tasks_of(&self, committee: CommitteeIndex) -> Option<&[TaskIndex]> {
        self.tasks.get(committee.0 as usize).map(Vec::as_slice)
    }

    /// The place of a station's measurement of a task; `None` if the task is not assigned to its committee.
    #[must_use]
    pub fn place(&self, station: StationIndex, task: TaskIndex) -> Option<TaskPlace> {
        let committee = self.committee_of(station)?;
        let tasks = self.tasks_of(committee)?;
        let k = (0..)
            .map(TaskNumber)
            .zip(tasks)
            .find(|(_, of_committee)| **of_committee == task)?
            .0;
        Some(TaskPlace {
            committee,
            k,
            station,
        })
    }

    /// Checks that a measurement was assigned to its station: the task exists, payload and provider are the task's, and
    /// the task is assigned to the station's committee (docs/protocol.md §10.1, in this order). Payload and provider
    /// are the values of the signed texts; `None` if a text has no valid value.
    ///
    /// # Errors
    /// [`NotAssigned`]: the first rule that is broken.
    pub fn check<'a>(
        &self,
        tasks: &'a TaskList,
        station: StationIndex,
        task: TaskIndex,
        (cid, provider): (Option<&PayloadCid>, Option<&ProviderId>),
    ) -> Result<(TaskPlace, &'a Task), NotAssigned> {
        let entry = tasks.get(task).ok_or(NotAssigned::NoSuchTask(task))?;
        if cid != Some(&entry.cid) {
            return Err(NotAssigned::OtherPayload { task, cid: entry.cid });
        }
        if provider != Some(&entry.provider) {
            let provider = entry.provider;
            return Err(NotAssigned::OtherProvider { task, provider });
        }
        let place = self
            .place(station, task)
            .ok_or(NotAssigned::OtherCommittee(task))?;
        Ok((place, entry))
    }
}
