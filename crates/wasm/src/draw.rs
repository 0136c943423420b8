//! The draw of a seed.

use assize_facts::{DrawnRound, Round, StationAssignment};
use assize_protocol::{
    Address, Assignment, B256, Parameters, Roster, Seed, StationIndex, TaskIndex, TaskList, merkle,
};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

use crate::error::VerifierError;

/// The committees and tasks of a round.
#[wasm_bindgen]
pub struct Draw {
    seed: Seed,
    assignment: Assignment,
    lists: Option<Lists>,
}

/// The stations and tasks, if known.
struct Lists {
    roster: Roster,
    roster_tree: merkle::Tree,
    tasks: TaskList,
}

impl Draw {
    pub(crate) fn of_round(round: &Round, drawn: DrawnRound) -> Self {
        let DrawnRound { draw, roster, tasks } = drawn;
        Self {
            seed: draw.seed,
            assignment: round.assignment(draw.seed),
            lists: Some(Lists {
                roster_tree: roster.tree(),
                roster,
                tasks,
            }),
        }
    }

    /// A draw from a form's numbers: each with its name, value and bounds.
    pub(crate) fn from_seed(
        seed: &str,
        numbers: [(&'static str, f64, f64, f64); 5],
    ) -> Result<Self, VerifierError> {
        let seed: Seed = seed.trim().parse()?;
        let mut whole = [0_u32; 5];
        for (number, (what, value, min, max)) in whole.iter_mut().zip(numbers) {
            if value.fract() != 0.0 || !(min..=max).contains(&value) {
                return Err(VerifierError::Number {
                    what,
                    value,
                    min,
                    max,
                });
            }
            *number = value as u32;
        }
        let [stations, tasks, size, target, max_tasks] = whole;
        let parameters = Parameters {
            max_committee_size: size as u16,
            target_measurements: target,
            max_tasks_per_committee: max_tasks as u16,
            ..Parameters::default()
        };
        Ok(Self {
            seed,
            assignment: Assignment::new(seed, &parameters, stations, tasks),
            lists: None,
        })
    }

    fn proof(&self, station: StationIndex) -> Option<(Value, Value)> {
        let lists = self.lists.as_ref()?;
        let entry = lists.roster.get(station)?;
        let leaf = merkle::roster_leaf(station, entry.station, entry.operator, entry.subnet);
        let siblings: Vec<B256> = lists.roster_tree.proof(leaf)?;
        let root = lists.roster_tree.root();
        let who = json!({"station": entry.station, "operator": entry.operator, "subnet": entry.subnet});
        let holds = merkle::verify(root, leaf, &siblings);
        Some((
            who,
            json!({"leaf": leaf, "siblings": siblings, "root": root, "holds": holds}),
        ))
    }
}

#[wasm_bindgen]
impl Draw {
    /// The figures, as JSON: `{seed, stations, committees, tasksPerCommittee}`.
    #[must_use]
    pub fn figures(&self) -> String {
        json!({
            "seed": self.seed,
            "stations": self.assignment.committees().stations(),
            "committees": self.assignment.committee_count(),
            "tasksPerCommittee": self.assignment.tasks_per_committee(),
        })
        .to_string()
    }

    /// All stations by seat, and the first seat of each committee: `[C, start of 0, …, start of C = N, station in seat
    /// 0, …]`.
    #[must_use]
    pub fn seats(&self) -> Vec<u32> {
        let members = self.assignment.all_members();
        let mut seats = Vec::with_capacity(members.len() + 2);
        seats.push(members.len() as u32);
        let mut start = 0;
        for committee in &members {
            seats.push(start);
            start += committee.len() as u32;
        }
        seats.push(start);
        seats.extend(members.iter().flatten().map(|station| station.0));
        seats
    }

    /// A station as JSON: its committee, seat and tasks; from a bundle also its roster entry and its Merkle proof.
    #[must_use]
    pub fn station(&self, index: u32) -> Option<String> {
        let station = StationIndex(index);
        let assigned = StationAssignment::derive(&self.assignment, station).ok()?;
        let tasks: Vec<Value> = assigned.tasks.iter().map(|&task| self.task(task)).collect();
        let (who, proof) = self.proof(station).unwrap_or_default();
        let answer = json!({
            "index": index,
            "committee": assigned.committee,
            "seat": assigned.seat,
            "tasks": tasks,
            "who": who,
            "proof": proof,
        });
        Some(answer.to_string())
    }

    /// Index of a station, by its address.
    #[must_use]
    pub fn find(&self, address: &str) -> Option<u32> {
        let address: Address = address.trim().parse().ok()?;
        let index = self.lists.as_ref()?.roster.index_of(address)?;
        Some(index.0)
    }
}

impl Draw {
    fn task(&self, index: TaskIndex) -> Value {
        let task = self.lists.as_ref().and_then(|lists| lists.tasks.get(index));
        match task {
            Some(task) => json!({
                "index": index,
                "cid": task.cid.to_string(),
                "provider": task.provider.to_string(),
            }),
            None => json!({"index": index}),
        }
    }
}
