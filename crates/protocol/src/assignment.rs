//! Which station measures which tasks in a round.

use alloc::vec::Vec;

use crate::{
    CommitteeIndex, Committees, ListIndex, OutOfRange, Parameters, Place, Seat, Seed, Shuffle, StationIndex,
    TaskIndex, TaskNumber,
};

/// The cost of deriving one task alone, in entries of the whole list: about 5.4 µs against 55 ns.
const SINGLE_TASK_COST: u64 = 100;

/// The committees of a round and their tasks (`docs/protocol.md` §5): a pure function of seed, parameters and two counts.
///
/// With no stations or no tasks there are no committees. Properties:
/// - every station is in exactly one committee, and committee sizes differ by at most one;
/// - deriving one committee, seat or task alone gives the same result as deriving all;
/// - no two committees share a task while `C·T ≤ M`.
#[derive(Clone, Debug)]
pub struct Assignment {
    committees: Committees,
    tasks: Shuffle,
    tasks_per_committee: u32,
}

impl Assignment {
    /// The assignment of a round with `stations` (N) in its roster and `tasks` (M) in its task list.
    #[must_use]
    pub fn new(seed: Seed, parameters: &Parameters, stations: u32, tasks: u32) -> Self {
        let committees = if tasks == 0 {
            Committees::none(&seed, stations)
        } else {
            Committees::new(&seed, stations, parameters.max_committee_size)
        };
        let tasks_per_committee = match committees.count() {
            0 => 0,
            count => {
                let wanted = parameters.target_measurements / stations;
                let max = u32::from(parameters.max_tasks_per_committee).min(tasks / count);
                wanted.min(max).max(1)
            }
        };
        Self {
            committees,
            tasks: Shuffle::new(seed.tasks(), tasks),
            tasks_per_committee,
        }
    }

    /// Number of committees (C).
    #[must_use]
    pub fn committee_count(&self) -> u32 {
        self.committees.count()
    }

    /// Number of tasks of each committee (T): `floor(targetMeasurements / N)` within 1 and `maxTasksPerCommittee`,
    /// lowered to `max(1, floor(M / C))` if the list is short. 0 if there are no committees.
    #[must_use]
    pub fn tasks_per_committee(&self) -> u32 {
        self.tasks_per_committee
    }

    /// The committees alone.
    #[must_use]
    pub fn committees(&self) -> &Committees {
        &self.committees
    }

    /// The committee and the seat of a station.
    ///
    /// # Errors
    /// [`OutOfRange`] if there is no such station, or no committee at all.
    pub fn seat_of(&self, station: StationIndex) -> Result<(CommitteeIndex, Seat), OutOfRange> {
        self.committees.seat_of(station)
    }

    /// The stations of one committee, by ascending seat.
    ///
    /// # Errors
    /// [`OutOfRange`] if there is no such committee.
    pub fn members(&self, committee: CommitteeIndex) -> Result<Vec<StationIndex>, OutOfRange> {
        self.committees.members(committee)
    }

    /// The stations of all committees, each by ascending seat.
    #[must_use]
    pub fn all_members(&self) -> Vec<Vec<StationIndex>> {
        self.committees.all_members()
    }

    /// Task `k` of a committee: list entry `shuffled((c·T + k) mod M, M, taskSeed)`.
    ///
    /// # Errors
    /// [`OutOfRange`] if there is no such committee, or if it has no task `k`.
    pub fn task(&self, committee: CommitteeIndex, k: TaskNumber) -> Result<TaskIndex, OutOfRange> {
        OutOfRange::check("committee", committee.0, self.committee_count())?;
        OutOfRange::check("committee's task", k.0, self.tasks_per_committee)?;
        let ListIndex(task) = self.tasks.forward(self.place(committee, k))?;
        Ok(TaskIndex(task))
    }

    /// The tasks of one committee, in the order of `k`.
    ///
    /// # Errors
    /// [`OutOfRange`] if there is no such committee.
    pub fn tasks(&self, committee: CommitteeIndex) -> Result<Vec<TaskIndex>, OutOfRange> {
        OutOfRange::check("committee", committee.0, self.committee_count())?;
        self.task_numbers().map(|k| self.task(committee, k)).collect()
    }

    /// The tasks of all committees, each in the order of `k`: task by task if few of a long list are drawn, else by shuffling the
    /// whole list.
    #[must_use]
    pub fn all_tasks(&self) -> Vec<Vec<TaskIndex>> {
        let drawn = u64::from(self.committee_count()) * u64::from(self.tasks_per_committee);
        let committees = (0..self.committee_count()).map(CommitteeIndex);
        if drawn * SINGLE_TASK_COST < self.tasks.count().into() {
            return committees
                .filter_map(|committee| self.tasks(committee).ok())
                .collect();
        }
        let mapping = if drawn == 0 {
            Vec::new()
        } else {
            self.tasks.mapping()
        };
        let task = |committee, k| {
            let ListIndex(task) = mapping[self.place(committee, k).0 as usize];
            TaskIndex(task)
        };
        committees
            .map(|committee| self.task_numbers().map(|k| task(committee, k)).collect())
            .collect()
    }

    fn task_numbers(&self) -> impl Iterator<Item = TaskNumber> {
        (0..self.tasks_per_committee).map(TaskNumber)
    }

    /// Place in the shuffled task list of task `k` of a committee: `(c·T + k) mod M`. Called only if there is a task.
    fn place(&self, committee: CommitteeIndex, k: TaskNumber) -> Place {
        let place = u64::from(committee.0) * u64::from(self.tasks_per_committee) + u64::from(k.0);
        Place((place % u64::from(self.tasks.count())) as u32)
    }
}
