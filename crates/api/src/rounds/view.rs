//! A round and everything derived from it.

use std::sync::Arc;

use alloy_primitives::{Address, B256};
use assize_drand::Beacon;
use assize_facts::{FrozenList, NotAssigned, Round, StationAssignment, Tasking};
use assize_protocol::{
    Assignment, CommitteeIndex, PayloadCid, ProviderId, Roster, StationIndex, TaskIndex, TaskList, merkle,
};
use assize_wire::{
    BeaconDocument, CommitteeDocument, MemberDocument, RoundDocument, StationDocument, TaskDocument,
};

use crate::Network;

/// A round that passed the checks of an open round, with what follows from chain and beacon alone.
#[derive(Debug)]
pub(crate) struct CheckedRound {
    pub(crate) round: Round,
    /// None before the round is revealed.
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
pub(crate) struct ListWithTree<L> {
    pub(crate) list: L,
    tree: merkle::Tree,
}

/// A revealed round, with its lists.
#[derive(Debug)]
pub(crate) struct RevealedRound {
    pub(crate) checked: Arc<CheckedRound>,
    roster: Arc<ListWithTree<Roster>>,
    tasks: Arc<ListWithTree<TaskList>>,
    tasking: Tasking,
}

impl<L: FrozenList> ListWithTree<L> {
    pub(crate) fn new(list: L) -> Self {
        let tree = list.tree();
        Self { list, tree }
    }
}

impl<L> ListWithTree<L> {
    pub(crate) fn root(&self) -> B256 {
        self.tree.root()
    }
}

impl CheckedRound {
    pub(crate) fn document(&self, network: &Network) -> RoundDocument {
        let Self { round, draw } = self;
        let assignment = draw.as_ref().map(|draw| &draw.assignment);
        RoundDocument {
            chain_id: network.domain.chain_id,
            contract: network.domain.rounds,
            round: round.number,
            opened_at: round.opened_at,
            closes_at: round.closes_at,
            commits_until: round.commits_until,
            roster: round.roster,
            tasks: round.tasks,
            parameters: round.parameters,
            beacon: BeaconDocument {
                chain_hash: network.drand_chain,
                round: round.beacon_round,
                randomness: draw.as_ref().map(|draw| draw.beacon.randomness().0),
                signature: draw
                    .as_ref()
                    .map(|draw| alloy_primitives::hex::encode(&draw.beacon.signature)),
            },
            seed: round.seed,
            committees: assignment.map_or(0, Assignment::committee_count),
            tasks_per_committee: assignment.map_or(0, Assignment::tasks_per_committee),
        }
    }
}

impl RevealedRound {
    /// Derives all committees and their tasks. Takes half a second for a million stations.
    pub(crate) fn derive(
        checked: Arc<CheckedRound>,
        draw: &RevealedDraw,
        roster: Arc<ListWithTree<Roster>>,
        tasks: Arc<ListWithTree<TaskList>>,
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

    /// Whether a measurement of a task, with this payload and provider, was the station's to make.
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

    /// A station's document; none if it is not in the roster.
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
        let leaf = merkle::task_leaf(index, &task.cid.to_bytes(), task.provider);
        Some(TaskDocument {
            index,
            cid: task.cid,
            provider: task.provider,
            proof: self.tasks.tree.proof(leaf)?,
        })
    }
}

/// A station's document before anything is drawn: its place in the roster, with the proof.
pub(crate) fn undrawn(
    round: &Round,
    roster: &ListWithTree<Roster>,
    station: Address,
) -> Option<StationDocument> {
    let index = roster.list.index_of(station)?;
    let entry = roster.list.get(index)?;
    let leaf = merkle::roster_leaf(index, entry.station, entry.operator, entry.subnet);
    Some(StationDocument {
        round: round.number,
        index,
        station: entry.station,
        operator: entry.operator,
        subnet: entry.subnet,
        proof: roster.tree.proof(leaf)?,
        committee: None,
        seat: None,
        tasks: Vec::new(),
    })
}
