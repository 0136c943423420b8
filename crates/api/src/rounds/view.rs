//! A round and everything derived from it.

use std::sync::Arc;

use alloy_primitives::{Address, B256};
use assize_drand::Beacon;
use assize_facts::{NotAssigned, Round, StationAssignment, Tasking};
use assize_protocol::{
    Assignment, CommitteeIndex, FrozenList, ListEntry, PayloadCid, ProviderId, Roster, RosterEntry,
    StationIndex, Task, TaskIndex, merkle,
};
use assize_wire::{
    BeaconDocument, CommitteeDocument, MemberDocument, RoundDocument, StationDocument, TaskDocument,
};

use crate::Network;

/// A round that passed the checks of an open round, with everything derived from chain and beacon.
#[derive(Debug)]
pub(crate) struct CheckedRound {
    pub(crate) round: Round,
    /// `None` before the round is revealed.
    pub(crate) draw: Option<RevealedDraw>,
}

/// What the beacon determines.
#[derive(Debug)]
pub(crate) struct RevealedDraw {
    pub(crate) beacon: Beacon,
    pub(crate) assignment: Assignment,
}

/// A list that a round froze, with its Merkle tree.
#[derive(Debug)]
pub(crate) struct ListWithTree<E> {
    pub(crate) list: FrozenList<E>,
    tree: merkle::Tree,
}

/// A revealed round, with its lists.
#[derive(Debug)]
pub(crate) struct RevealedRound {
    pub(crate) checked: Arc<CheckedRound>,
    roster: Arc<ListWithTree<RosterEntry>>,
    tasks: Arc<ListWithTree<Task>>,
    tasking: Tasking,
}

impl<E: ListEntry> ListWithTree<E> {
    pub(crate) fn new(list: FrozenList<E>) -> Self {
        let tree = list.tree();
        Self { list, tree }
    }

    pub(crate) fn root(&self) -> B256 {
        self.tree.root()
    }
}

impl CheckedRound {
    pub(crate) fn document(&self, network: &Network) -> RoundDocument {
        let Self { round, draw } = self;
        let beacon = draw.as_ref().map(|draw| &draw.beacon);
        let beacon = BeaconDocument {
            chain_hash: network.drand_chain,
            round: round.beacon_round,
            randomness: beacon.map(|beacon| beacon.randomness().0),
            signature: beacon.map(|beacon| alloy_primitives::hex::encode(&beacon.signature)),
        };
        RoundDocument::new(&network.domain, round, beacon)
    }
}

impl RevealedRound {
    /// Derives all committees and their tasks. Takes half a second for a million stations.
    pub(crate) fn derive(
        checked: Arc<CheckedRound>,
        draw: &RevealedDraw,
        roster: Arc<ListWithTree<RosterEntry>>,
        tasks: Arc<ListWithTree<Task>>,
    ) -> Self {
        Self {
            tasking: Tasking::derive(&draw.assignment),
            checked,
            roster,
            tasks,
        }
    }

    pub(crate) fn roster(&self) -> &Roster {
        &self.roster.list
    }

    /// Whether a task, with this payload and provider, was assigned to the station.
    pub(crate) fn check_task(
        &self,
        station: StationIndex,
        task: TaskIndex,
        stated: (Option<&PayloadCid>, Option<&ProviderId>),
    ) -> Result<(), NotAssigned> {
        self.tasking
            .check(&self.tasks.list, station, task, stated)
            .map(drop)
    }

    /// A committee; `None` if it does not exist.
    pub(crate) fn committee(&self, committee: CommitteeIndex) -> Option<CommitteeDocument> {
        let committees = self.checked.draw.as_ref()?.assignment.committees();
        let seats = committees.seats(committee).ok()?;
        let members = (seats.start.0..seats.end.0)
            .map(assize_protocol::Seat)
            .map(|seat| {
                let index = committees.station_on(seat).ok()?;
                let entry = self.roster().get(index)?;
                Some(MemberDocument {
                    seat,
                    index,
                    station: entry.station,
                    operator: entry.operator,
                    subnet: entry.subnet,
                })
            });
        Some(CommitteeDocument {
            round: self.checked.round.number,
            committee,
            members: members.collect::<Option<_>>()?,
            tasks: self.tasks_of(committee)?,
        })
    }

    /// A station's document; `None` if it is not in the roster.
    pub(crate) fn station(&self, station: Address) -> Option<StationDocument> {
        let undrawn = undrawn(&self.checked.round, &self.roster, station)?;
        let assignment = &self.checked.draw.as_ref()?.assignment;
        // Without tasks there are no committees.
        let Ok(assigned) = StationAssignment::derive(assignment, undrawn.index) else {
            return Some(undrawn);
        };
        Some(StationDocument {
            committee: Some(assigned.committee),
            seat: Some(assigned.seat),
            tasks: self.documents(&assigned.tasks)?,
            ..undrawn
        })
    }

    fn tasks_of(&self, committee: CommitteeIndex) -> Option<Vec<TaskDocument>> {
        self.documents(self.tasking.tasks_of(committee)?)
    }

    fn documents(&self, tasks: &[TaskIndex]) -> Option<Vec<TaskDocument>> {
        tasks.iter().map(|&index| self.task(index)).collect()
    }

    fn task(&self, index: TaskIndex) -> Option<TaskDocument> {
        let task = self.tasks.list.get(index)?;
        let proof = self.tasks.tree.proof(task.leaf(index.0))?;
        Some(TaskDocument::new(index, task, proof))
    }
}

/// A station's document before anything is drawn: its place in the roster, with the proof.
pub(crate) fn undrawn(
    round: &Round,
    roster: &ListWithTree<RosterEntry>,
    station: Address,
) -> Option<StationDocument> {
    let index = roster.list.index_of(station)?;
    let entry = roster.list.get(index)?;
    let proof = roster.tree.proof(entry.leaf(index.0))?;
    Some(StationDocument::new(round.number, index, entry, proof))
}
