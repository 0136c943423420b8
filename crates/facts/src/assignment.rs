//! Where one station sits, and what it has to measure.

use assize_protocol::{Assignment, CommitteeIndex, OutOfRange, Seat, StationIndex, TaskIndex};

/// A station's place in a round and its tasks (docs/protocol.md §5). `T` is what is known of a task: its index in the task
/// list, or more.
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
    /// The assignment of one station, without deriving those of others.
    ///
    /// # Errors
    /// [`OutOfRange`] if there is no such station, or no committee at all.
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
    /// The same, with other tasks.
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
