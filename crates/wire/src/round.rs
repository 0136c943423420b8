//! A round, and a station's assignment in it.

use alloy_primitives::{Address, B128, B256};
use assize_facts::{ListCommitment, Round, Times};
use assize_measurement::Domain;
use assize_protocol::{
    Assignment, BeaconRound, CommitteeIndex, Parameters, PayloadCid, ProviderId, RosterEntry, RoundNumber,
    Seat, Seed, StationIndex, Task, TaskIndex,
};
use serde::{Deserialize, Serialize};

/// A round: `GET /rounds/N`. It no longer changes once its seed is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoundDocument {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The `Rounds` contract.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub contract: Address,
    /// The round, from 1.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub round: RoundNumber,
    /// When it was opened, Unix seconds.
    pub opened_at: u64,
    /// What happens when, after it has opened.
    pub times: Times,
    /// The roster: who may be drawn.
    pub roster: ListCommitment,
    /// The task list: what may be drawn.
    pub tasks: ListCommitment,
    /// The round's parameters.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub parameters: Parameters,
    /// The beacon of the draw.
    pub beacon: BeaconDocument,
    /// Seed of the draw, once the beacon is revealed on chain.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub seed: Option<Seed>,
    /// Number of committees; 0 until the seed is known.
    pub committees: u32,
    /// Tasks per committee; 0 until the seed is known.
    pub tasks_per_committee: u32,
}

/// The beacon of a round: chain, beacon round and randomness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BeaconDocument {
    /// Hash of the drand chain.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub chain_hash: B256,
    /// drand round.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub round: BeaconRound,
    /// SHA-256 of the signature, once the round is revealed.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub randomness: Option<B256>,
    /// The beacon's signature, once the round is revealed: hexadecimal without `0x`, as in drand's relays.
    pub signature: Option<String>,
}

/// A station's assignment in a round: `GET /rounds/N/stations/ADDRESS`.
///
/// Index and proof can be verified against the roster's root on chain. Committee and tasks follow from index and seed,
/// and clients derive them themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StationDocument {
    /// The round.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub round: RoundNumber,
    /// Index in the roster.
    #[cfg_attr(feature = "openapi", schema(value_type = u32))]
    pub index: StationIndex,
    /// The station.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub station: Address,
    /// The address to pay.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub operator: Address,
    /// Tag of the station's subnet.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub subnet: B128,
    /// Merkle proof of the entry, against the roster's root.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub proof: Vec<B256>,
    /// The committee; null until the seed is known.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>))]
    pub committee: Option<CommitteeIndex>,
    /// The seat.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>))]
    pub seat: Option<Seat>,
    /// The committee's tasks, in the order of k.
    pub tasks: Vec<TaskDocument>,
}

/// A task, with its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskDocument {
    /// Index in the task list.
    #[cfg_attr(feature = "openapi", schema(value_type = u32))]
    pub index: TaskIndex,
    /// The payload.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub cid: PayloadCid,
    /// The provider that stores it.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub provider: ProviderId,
    /// Merkle proof of the entry, against the task list's root.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub proof: Vec<B256>,
}

impl RoundDocument {
    /// A round of a domain, with what is known of its beacon.
    #[must_use]
    pub fn new(domain: &Domain, round: &Round, beacon: BeaconDocument) -> Self {
        let assignment = round.seed.map(|seed| round.assignment(seed));
        Self {
            chain_id: domain.chain_id,
            contract: domain.rounds,
            round: round.number,
            opened_at: round.opened_at,
            times: round.times,
            roster: round.roster,
            tasks: round.tasks,
            parameters: round.parameters,
            beacon,
            seed: round.seed,
            committees: assignment.as_ref().map_or(0, Assignment::committee_count),
            tasks_per_committee: assignment.as_ref().map_or(0, Assignment::tasks_per_committee),
        }
    }
}

impl TaskDocument {
    /// A task of a list.
    #[must_use]
    pub fn new(index: TaskIndex, task: &Task, proof: Vec<B256>) -> Self {
        Self {
            index,
            cid: task.cid,
            provider: task.provider,
            proof,
        }
    }
}

impl StationDocument {
    /// A station before anything is drawn.
    #[must_use]
    pub fn new(round: RoundNumber, index: StationIndex, entry: &RosterEntry, proof: Vec<B256>) -> Self {
        Self {
            round,
            index,
            station: entry.station,
            operator: entry.operator,
            subnet: entry.subnet,
            proof,
            committee: None,
            seat: None,
            tasks: Vec::new(),
        }
    }

    /// The roster entry.
    #[must_use]
    pub fn entry(&self) -> RosterEntry {
        RosterEntry {
            station: self.station,
            operator: self.operator,
            subnet: self.subnet,
        }
    }
}
