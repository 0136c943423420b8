//! Derives a station's assignment in a round. The coordinator's documents are compared with it, never trusted.

use std::fmt;

use alloy_primitives::{Address, B256};
use assize_drand::{Beacon, Chain, RecordedBeacons, Verified};
use assize_facts::{Contracts, Mismatch, Round, RoundChecks, RoundFault, StationAssignment, Times};
use assize_protocol::{PayloadCid, ProviderId, RosterEntry, Seed, TaskIndex};
use assize_wire::{RoundDocument, StationDocument, TaskDocument};
use thiserror::Error;

/// A difference between what the coordinator says and what follows from chain and beacon.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}: it should be {expected}, the coordinator says {got}")]
pub struct Disagreement {
    /// The value that differs.
    pub what: String,
    /// The value that follows from chain and beacon.
    pub expected: String,
    /// The coordinator's value.
    pub got: String,
}

impl Disagreement {
    fn new(what: impl Into<String>, expected: impl fmt::Display, got: impl fmt::Display) -> Self {
        Self {
            what: what.into(),
            expected: expected.to_string(),
            got: got.to_string(),
        }
    }

    /// Unless both are equal.
    fn check<T: PartialEq + fmt::Debug>(what: impl Into<String>, expected: &T, got: &T) -> Result<(), Self> {
        match expected == got {
            true => Ok(()),
            false => Err(Self::new(what, format!("{expected:?}"), format!("{got:?}"))),
        }
    }
}

/// A station's assignment in a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundAssignment {
    /// The round, as the chain has it.
    pub round: Round,
    /// Its seed.
    pub seed: Seed,
    /// Where the station sits, and its tasks.
    pub station: StationAssignment<AssignedTask>,
    /// The station in the roster.
    pub entry: RosterEntry,
    /// From the station's leaf to the roster's root.
    pub roster_proof: Vec<B256>,
}

/// A task that a station is to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssignedTask {
    /// Index in the task list.
    pub index: TaskIndex,
    /// The payload.
    pub cid: PayloadCid,
    /// The provider that stores it.
    pub provider: ProviderId,
}

/// Compares the coordinator's document of a round with the chain's round. A seed that the coordinator does not have yet is no
/// difference.
///
/// # Errors
/// [`Disagreement`]: the first difference.
pub fn check_round_document(
    contracts: &Contracts,
    drand: &Chain,
    round: &Round,
    said: &RoundDocument,
) -> Result<(), Disagreement> {
    let check = |what: &str, expected: &u64, got: &u64| Disagreement::check(what, expected, got);
    check("chain id", &contracts.chain_id, &said.chain_id)?;
    Disagreement::check("contract of rounds", &contracts.rounds, &said.contract)?;
    check("round", &round.number.0, &said.round.0)?;
    check("time of opening", &round.opened_at, &said.opened_at)?;
    for (name, (time, said)) in Times::NAMES
        .into_iter()
        .zip(round.times.values().into_iter().zip(said.times.values()))
    {
        check(name, &time, &said)?;
    }
    for (name, list, said) in [
        ("roster", &round.roster, &said.roster),
        ("task list", &round.tasks, &said.tasks),
    ] {
        Disagreement::check(format!("root of the {name}"), &list.root, &said.root)?;
        Disagreement::check(format!("length of the {name}"), &list.count, &said.count)?;
        let (expected, got) = (list.cid.to_string(), said.cid.to_string());
        Disagreement::check(format!("file of the {name}"), &expected, &got)?;
    }
    Disagreement::check("parameters", &round.parameters, &said.parameters)?;
    Disagreement::check("drand chain", &drand.hash(), &said.beacon.chain_hash)?;
    check("beacon round", &round.beacon_round.0, &said.beacon.round.0)?;
    if let (Some(seed), Some(said)) = (round.seed, said.seed) {
        Disagreement::check("seed", &seed.0, &said.0)?;
    }
    Ok(())
}

/// Makes the checks of an open round (docs/protocol.md §12) with this beacon, and returns the round's seed.
///
/// # Errors
/// [`Disagreement`]: the first check that failed.
pub fn check_draw(
    contracts: &Contracts,
    drand: &Chain,
    round: &Round,
    beacon: Beacon,
) -> Result<Seed, Disagreement> {
    // One beacon is there once.
    let recorded = RecordedBeacons::new([beacon]).unwrap_or_default();
    let checks = RoundChecks {
        contracts,
        beacons: &Verified::new(drand.clone(), recorded),
    };
    match checks.check_open(round) {
        Ok(Some(seed)) => Ok(seed),
        Ok(None) => Err(Disagreement::new(
            "seed, as the node tells it",
            "revealed",
            "none",
        )),
        Err(RoundFault::Mismatch(Mismatch { path, ours, theirs })) => {
            let field = path.rsplit('.').next().unwrap_or_default();
            Err(Disagreement::new(
                format!("{field}, as the node tells it"),
                ours,
                theirs,
            ))
        }
        Err(RoundFault::Beacon { source, .. }) => {
            let expected = format!("a beacon that drand chain {} signed", drand.hash());
            Err(Disagreement::new("beacon", expected, source))
        }
        Err(other) => Err(Disagreement::new("round", "one that passes its checks", other)),
    }
}

/// Compares the coordinator's document of a station with what follows from the seed and the roots on chain.
///
/// # Errors
/// [`Disagreement`]: the first difference.
pub fn check_station_document(
    round: &Round,
    seed: Seed,
    (station, operator): (Address, Address),
    said: &StationDocument,
) -> Result<RoundAssignment, Disagreement> {
    Disagreement::check(
        "round of the station's assignment",
        &round.number.0,
        &said.round.0,
    )?;
    Disagreement::check("station", &station, &said.station)?;
    if operator != said.operator {
        let what = "operator that earns (if you have just changed it, the next round has it)";
        return Err(Disagreement::new(what, operator, said.operator));
    }
    let count = round.roster.count;
    if said.index.0 >= count {
        let expected = format!("below {count}");
        return Err(Disagreement::new("index in the roster", expected, said.index));
    }
    if !round.roster.has_station(said.index, &said.entry(), &said.proof) {
        let expected = format!("proven against the root {}", round.roster.root);
        let got = format!("station {} of {count}, with an invalid proof", said.index);
        return Err(Disagreement::new("place in the roster", expected, got));
    }
    let derived = StationAssignment::derive(&round.assignment(seed), said.index)
        .map_err(|error| Disagreement::new("committees", "some", error))?;
    Disagreement::check(
        "committee",
        &Some(derived.committee.0),
        &said.committee.map(|committee| committee.0),
    )?;
    Disagreement::check("seat", &Some(derived.seat.0), &said.seat.map(|seat| seat.0))?;
    Disagreement::check("number of tasks", &derived.tasks.len(), &said.tasks.len())?;
    let tasks = derived.tasks.iter().zip(&said.tasks).enumerate();
    let tasks = tasks.map(|(k, (index, said))| check_task(round, k, *index, said));
    Ok(RoundAssignment {
        round: *round,
        seed,
        station: derived.with_tasks(tasks.collect::<Result<_, _>>()?),
        entry: said.entry(),
        roster_proof: said.proof.clone(),
    })
}

fn check_task(
    round: &Round,
    k: usize,
    index: TaskIndex,
    said: &TaskDocument,
) -> Result<AssignedTask, Disagreement> {
    Disagreement::check(format!("index of task {k}"), &index.0, &said.index.0)?;
    let TaskDocument { cid, provider, .. } = *said;
    if !round.tasks.has_task(index, &cid, provider, &said.proof) {
        return Err(Disagreement::new(
            format!("task {k}, entry {index} of the list"),
            format!("proven against the root {}", round.tasks.root),
            format!("{cid} of {provider}, with an invalid proof"),
        ));
    }
    Ok(AssignedTask { index, cid, provider })
}

#[cfg(test)]
mod tests;
