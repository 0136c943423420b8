//! The station's own report of a round (docs/protocol.md §9.6).

use std::collections::BTreeMap;

use alloy_primitives::B256;
use assize_chain::SignedSeal;
use assize_measurement::{Domain, MAX_REPORT, Seal, Signature, sign_digest};
use assize_protocol::{TaskIndex, TaskSet};
use sha2::{Digest, Sha256};

use super::Place;
use crate::StationKey;
use crate::spool::Made;

/// A round's measurements of a station, by task.
pub(crate) type Lines = BTreeMap<TaskIndex, Made>;

/// The measurements that the station commits itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// The lines in the order of `k`, each ended by a line feed.
    pub(crate) bytes: Vec<u8>,
    tasks: TaskSet,
}

/// Which of the measurements of `left_out`, in the order of `k`, fit into a report; and which do not.
pub(crate) fn fitting(
    place: &Place,
    lines: &Lines,
    left_out: impl Fn(TaskIndex) -> bool,
) -> (Vec<TaskIndex>, Vec<TaskIndex>) {
    let mut free = MAX_REPORT;
    let tasks = place.numbered().map(|(_, task)| task);
    tasks.filter(|task| left_out(*task)).partition(|task| {
        let Some(made) = lines.get(task) else {
            return false;
        };
        let rest = free.checked_sub(made.line.len() + 1);
        free = rest.unwrap_or(free);
        rest.is_some()
    })
}

impl Report {
    /// Of the measurements of these tasks.
    pub(crate) fn of(place: &Place, lines: &Lines, tasks: &[TaskIndex]) -> Self {
        let mut report = Self {
            bytes: Vec::new(),
            tasks: TaskSet::default(),
        };
        for (k, task) in place.numbered() {
            if let Some(made) = lines.get(&task).filter(|_| tasks.contains(&task)) {
                report.tasks.insert(k);
                report.bytes.extend_from_slice(made.line.as_bytes());
                report.bytes.push(b'\n');
            }
        }
        report
    }

    /// Number of its measurements.
    pub(crate) fn count(&self) -> u32 {
        self.tasks.count()
    }

    /// The station's seal of it. The same report has the same seal.
    pub(crate) fn seal(&self, place: &Place, key: &StationKey, domain: &Domain) -> SignedSeal {
        let seal = Seal {
            round: place.round,
            station: place.index,
            operator: place.operator,
            tasks: self.tasks,
            report: B256::new(Sha256::digest(&self.bytes).into()),
        };
        let Signature(signature) = sign_digest(key.secret(), seal.digest(domain));
        SignedSeal {
            seal,
            signature,
            entry: place.entry(),
            roster_proof: place.roster_proof.clone(),
        }
    }
}
