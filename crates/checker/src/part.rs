//! What a round asks of a station, derived anew: the coordinator's documents are compared with it and never believed.

use std::fmt;

use alloy_primitives::Address;
use assize_chain::Round;
use assize_drand::{Beacon, Chain};
use assize_measurement::Domain;
use assize_protocol::{
    Assignment, CommitteeIndex, PayloadCid, ProviderId, RoundNumber, Seat, Seed, StationIndex, TaskIndex,
    merkle,
};
use assize_wire::{RoundDocument, StationDocument, TaskDocument};
use thiserror::Error;

/// What the coordinator says and what follows from chain and beacon are two things.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}: it should be {expected}, the coordinator says {got}")]
pub struct Disagreement {
    /// What they differ in.
    pub what: String,
    /// What follows from chain and beacon.
    pub expected: String,
    /// What the coordinator says.
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

    /// Unless both are one.
    fn check<T: PartialEq + fmt::Debug>(what: impl Into<String>, expected: &T, got: &T) -> Result<(), Self> {
        match expected == got {
            true => Ok(()),
            false => Err(Self::new(what, format!("{expected:?}"), format!("{got:?}"))),
        }
    }
}

/// What a station is to do in a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The round.
    pub round: RoundNumber,
    /// Its seed.
    pub seed: Seed,
    /// Index in the roster.
    pub station: StationIndex,
    /// The station's committee.
    pub committee: CommitteeIndex,
    /// Its seat.
    pub seat: Seat,
    /// The committee's tasks, in the order of k.
    pub tasks: Vec<DrawnTask>,
    /// When the round was opened, Unix seconds.
    pub opened_at: u64,
    /// When it closes, Unix seconds.
    pub closes_at: u64,
    /// Until when the ingest takes its measurements, Unix seconds.
    pub taken_until: u64,
}

/// A task that was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrawnTask {
    /// Index in the task list.
    pub index: TaskIndex,
    /// The payload.
    pub cid: PayloadCid,
    /// Who stores it.
    pub provider: ProviderId,
}

/// What is believed of a revealed round, for one station.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The network.
    pub domain: Domain,
    /// The drand chain that the contracts check.
    pub drand: &'a Chain,
    /// The round as the chain has it.
    pub round: &'a Round,
    /// The station.
    pub station: Address,
    /// For whom it works.
    pub operator: Address,
}

impl Facts<'_> {
    /// Compares the coordinator's words about the round with the chain's. A seed that the coordinator does not have yet is no
    /// difference.
    ///
    /// # Errors
    /// [`Disagreement`]: the first difference.
    pub fn check_round(&self, said: &RoundDocument) -> Result<(), Disagreement> {
        let Self { round, domain, .. } = self;
        let check = Disagreement::check::<u64>;
        check("chain id", &domain.chain_id, &said.chain_id)?;
        Disagreement::check("contract of rounds", &domain.rounds, &said.contract)?;
        check("round", &round.number.0, &said.round.0)?;
        check("time of opening", &round.opened_at, &said.opened_at)?;
        check("time of closing", &round.closes_at, &said.closes_at)?;
        check(
            "end of the commit window",
            &round.commits_until,
            &said.commits_until,
        )?;
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
        Disagreement::check("drand chain", &self.drand.hash(), &said.beacon.chain_hash)?;
        check("beacon round", &round.beacon_round.0, &said.beacon.round.0)?;
        if let (Some(seed), Some(said)) = (round.seed, said.seed) {
            Disagreement::check("seed", &seed.0, &said.0)?;
        }
        Ok(())
    }

    /// The seed that a beacon gives the round, if the beacon is genuine, and if it is the chain's.
    ///
    /// # Errors
    /// [`Disagreement`].
    pub fn check_seed(&self, beacon: &Beacon) -> Result<Seed, Disagreement> {
        let Self { round, domain, .. } = self;
        Disagreement::check("beacon round", &round.beacon_round.0, &beacon.round.0)?;
        let randomness = self.drand.verify(beacon).map_err(|error| {
            let expected = format!("a beacon that drand chain {} signed", self.drand.hash());
            Disagreement::new("beacon", expected, error)
        })?;
        let seed = Seed::derive(domain.chain_id, domain.rounds, round.number, randomness);
        match round.seed {
            Some(stored) if stored == seed => Ok(seed),
            stored => {
                let stored = stored.map_or_else(|| "none".into(), |stored| stored.to_string());
                Err(Disagreement::new(
                    "seed, as the node tells it",
                    format!("{seed}, by the beacon"),
                    stored,
                ))
            }
        }
    }

    /// Compares the coordinator's words about the station with what follows from the seed and the roots on chain.
    ///
    /// # Errors
    /// [`Disagreement`]: the first difference.
    pub fn check_part(&self, seed: Seed, said: &StationDocument) -> Result<Part, Disagreement> {
        let round = self.round;
        let number = round.number;
        Disagreement::check("round of the station's part", &number.0, &said.round.0)?;
        Disagreement::check("station", &self.station, &said.station)?;
        if self.operator != said.operator {
            let what = "operator that earns (if you have just changed it, the next round has it)";
            return Err(Disagreement::new(what, self.operator, said.operator));
        }
        let count = round.roster.count;
        if said.index.0 >= count {
            let expected = format!("below {count}");
            return Err(Disagreement::new("index in the roster", expected, said.index));
        }
        let leaf = merkle::roster_leaf(said.index, said.station, said.operator, said.subnet);
        if !merkle::verify(round.roster.root, leaf, &said.proof) {
            let expected = format!("proven against the root {}", round.roster.root);
            let got = format!(
                "station {} of {count}, with a proof that does not hold",
                said.index
            );
            return Err(Disagreement::new("place in the roster", expected, got));
        }

        let assignment = Assignment::new(seed, &round.parameters, count, round.tasks.count);
        let none = |error| Disagreement::new("committees", "some", error);
        let (committee, seat) = assignment.seat_of(said.index).map_err(none)?;
        Disagreement::check(
            "committee",
            &Some(committee.0),
            &said.committee.map(|committee| committee.0),
        )?;
        Disagreement::check("seat", &Some(seat.0), &said.seat.map(|seat| seat.0))?;
        let drawn = assignment.tasks(committee).map_err(none)?;
        Disagreement::check("number of tasks", &drawn.len(), &said.tasks.len())?;
        let tasks = drawn.iter().zip(&said.tasks).enumerate();
        let tasks = tasks.map(|(k, (index, said))| self.check_task(k, *index, said));
        Ok(Part {
            round: number,
            seed,
            station: said.index,
            committee,
            seat,
            tasks: tasks.collect::<Result<_, _>>()?,
            opened_at: round.opened_at,
            closes_at: round.closes_at,
            taken_until: round.closes_at + u64::from(round.parameters.commit_grace / 2),
        })
    }

    fn check_task(&self, k: usize, index: TaskIndex, said: &TaskDocument) -> Result<DrawnTask, Disagreement> {
        Disagreement::check(format!("index of task {k}"), &index.0, &said.index.0)?;
        let leaf = merkle::task_leaf(index, &said.cid.to_bytes(), said.provider);
        let root = self.round.tasks.root;
        if !merkle::verify(root, leaf, &said.proof) {
            let got = format!(
                "{} of {}, with a proof that does not hold",
                said.cid, said.provider
            );
            return Err(Disagreement::new(
                format!("task {k}, entry {index} of the list"),
                format!("proven against the root {root}"),
                got,
            ));
        }
        Ok(DrawnTask {
            index,
            cid: said.cid,
            provider: said.provider,
        })
    }
}

#[cfg(test)]
mod tests;
