//! A round, and what follows from it.

use std::sync::Arc;

use alloy_primitives::Address;
use assize_chain::{ListCommitment, Round};
use assize_drand::Beacon;
use assize_protocol::{Assignment, CommitteeIndex, Roster, StationIndex, Task, TaskIndex, TaskList, merkle};
use assize_wire::{
    BeaconDocument, CommitteeDocument, ListDocument, MemberDocument, RoundDocument, StationDocument,
    TaskDocument,
};

use crate::Network;

/// A round, with what follows from chain and beacon alone.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) round: Round,
    pub(crate) draw: Option<Draw>,
}

/// What the beacon drew.
#[derive(Debug)]
pub(crate) struct Draw {
    pub(crate) beacon: Beacon,
    pub(crate) assignment: Assignment,
}

/// A list that a round froze, with its tree.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    pub(crate) list: T,
    tree: merkle::Tree,
}

/// A revealed round, with its lists.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) known: Arc<Known>,
    roster: Arc<Listed<Roster>>,
    tasks: Arc<Listed<TaskList>>,
    /// By station index.
    committees: Vec<CommitteeIndex>,
    /// By committee, in the order of k.
    drawn: Vec<Vec<TaskIndex>>,
}

impl<T> Listed<T> {
    pub(crate) fn new(list: T, tree: merkle::Tree) -> Self {
        Self { list, tree }
    }

    pub(crate) fn root(&self) -> alloy_primitives::B256 {
        self.tree.root()
    }
}

impl Known {
    pub(crate) fn document(&self, network: &Network) -> RoundDocument {
        let Self { round, draw } = self;
        let list = |list: &ListCommitment| ListDocument {
            root: list.root,
            count: list.count,
            cid: list.cid,
        };
        let assignment = draw.as_ref().map(|draw| &draw.assignment);
        RoundDocument {
            chain_id: network.domain.chain_id,
            contract: network.domain.rounds,
            round: round.number,
            opened_at: round.opened_at,
            closes_at: round.closes_at,
            commits_until: round.commits_until,
            roster: list(&round.roster),
            tasks: list(&round.tasks),
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

impl View {
    /// Derives all committees and their tasks: half a second for a million stations.
    pub(crate) fn derive(
        known: Arc<Known>,
        draw: &Draw,
        roster: Arc<Listed<Roster>>,
        tasks: Arc<Listed<TaskList>>,
    ) -> Self {
        let mut committees = vec![CommitteeIndex(0); roster.list.entries().len()];
        for (committee, members) in (0..).map(CommitteeIndex).zip(draw.assignment.all_members()) {
            for station in members {
                committees[station.0 as usize] = committee;
            }
        }
        Self {
            drawn: draw.assignment.all_tasks(),
            known,
            roster,
            tasks,
            committees,
        }
    }

    pub(crate) fn roster(&self) -> &Roster {
        &self.roster.list
    }

    /// The task, if it is one of the station's committee.
    pub(crate) fn drawn_task(&self, station: StationIndex, task: TaskIndex) -> Option<&Task> {
        let CommitteeIndex(committee) = *self.committees.get(station.0 as usize)?;
        let drawn = self.drawn.get(committee as usize)?;
        drawn.contains(&task).then(|| self.tasks.list.get(task)).flatten()
    }

    /// A committee; none if there is no such one.
    pub(crate) fn committee(&self, committee: CommitteeIndex) -> Option<CommitteeDocument> {
        let committees = self.known.draw.as_ref()?.assignment.committees();
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
            round: self.known.round.number,
            committee,
            members: members.collect::<Option<_>>()?,
            tasks: self.tasks_of(committee)?,
        })
    }

    /// A station's part; none if it is not in the roster.
    pub(crate) fn station(&self, station: Address) -> Option<StationDocument> {
        let index = self.roster().index_of(station)?;
        let entry = self.roster().get(index)?;
        let leaf = merkle::roster_leaf(index, entry.station, entry.operator, entry.subnet);
        let assignment = &self.known.draw.as_ref()?.assignment;
        let seat = assignment.seat_of(index).ok();
        Some(StationDocument {
            round: self.known.round.number,
            index,
            station: entry.station,
            operator: entry.operator,
            subnet: entry.subnet,
            proof: self.roster.tree.proof(leaf)?,
            committee: seat.map(|(committee, _)| committee),
            seat: seat.map(|(_, seat)| seat),
            tasks: match seat {
                Some((committee, _)) => self.tasks_of(committee)?,
                None => Vec::new(),
            },
        })
    }

    fn tasks_of(&self, committee: CommitteeIndex) -> Option<Vec<TaskDocument>> {
        let drawn = self.drawn.get(committee.0 as usize)?;
        drawn.iter().map(|&index| self.task(index)).collect()
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

/// A station's part in a round whose beacon is not revealed: index and proof alone.
pub(crate) fn undrawn(round: &Round, roster: &Listed<Roster>, station: Address) -> Option<StationDocument> {
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
