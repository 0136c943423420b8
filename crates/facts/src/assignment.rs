//! The assignment of one station: its seat and its tasks.

use assize_protocol::{Assignment, CommitteeIndex, OutOfRange, Seat, StationIndex, TaskIndex};

/// A station's seat in a round and its tasks (docs/protocol.md §5). `T` describes a task: its index in the task list,
/// or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StationAssignment<T = TaskIndex> {
    /// Index in the roster.
    pub station: StationIndex,
    /// The station's committee.
    pub committee: CommitteeIndex,
    /// Its seat.
    pub seat: Seat,
    /// The committee's tasks, in the order of `k`.
    pub tasks: Vec<T>,
}

impl StationAssignment {
    /// Derives the assignment of one station only.
    ///
    /// # Errors
    /// [`OutOfRange`] if the station does not exist, or the round has no committees.
    pub fn derive(assignment: &Assignment, station: StationIndex) -> Result<Self, OutOfRange> {
        let (committee, seat) = assignment.seat_of(station)?;
        Ok(Self {
            station,
            committee,
            seat,
            tasks: assignment.tasks(committee)?,
        })
    }
}

impl<T> StationAssignment<T> {
    /// The same assignment with other descriptions of its tasks.
    #[must_use]
    pub fn with_tasks<U>(&self, tasks: Vec<U>) -> StationAssignment<U> {
        let &Self {
            station,
            committee,
            seat,
            ..
        } = self;
        StationAssignment {
            station,
            committee,
            seat,
            tasks,
        }
    }
}
