//! Recorded real inputs: quicknet beacons and verified deals.

use assize_drand::{Beacon, BeaconError, RecordedBeacons};
use assize_protocol::{ActorId, PayloadCid, ProviderId, Task, TaskList, TaskListError};
use serde::Deserialize;
use thiserror::Error;

/// 30 real quicknet beacons, among them the pairs that open and close the demo's rounds.
pub const BEACONS_JSON: &str = include_str!("../fixtures/beacons.json");

/// 2 000 real verified deals of January 2025 (58 providers, 39 clients), one JSON object a line.
pub const DEALS_NDJSON: &str = include_str!("../fixtures/deals.ndjson");

/// A recorded input that does not parse.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FixtureError {
    /// A deal.
    #[error("deals.ndjson line {line}: {reason}")]
    Deal {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The beacons.
    #[error("beacons.json: {0}")]
    Beacons(#[from] BeaconError),
    /// The deals as a task list.
    #[error("deals.ndjson: {0}")]
    Tasks(#[from] TaskListError),
}

/// One line of the recorded deals; what the task list needs of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deal {
    miner_id: ProviderId,
    client_id: ActorId,
    payload_cid: PayloadCid,
}

/// The recorded beacons, ascending.
pub fn beacons() -> Result<Vec<Beacon>, FixtureError> {
    let bundle = RecordedBeacons::from_json(BEACONS_JSON.as_bytes())?;
    Ok(bundle.beacons().cloned().collect())
}

/// The recorded deals as a task list, in file order. The record does not know the deals' allocators.
pub fn tasks() -> Result<TaskList, FixtureError> {
    let mut tasks = Vec::new();
    for (index, line) in DEALS_NDJSON.lines().enumerate() {
        let deal: Deal = serde_json::from_str(line).map_err(|error| FixtureError::Deal {
            line: index + 1,
            reason: error.to_string(),
        })?;
        tasks.push(Task {
            cid: deal.payload_cid,
            provider: deal.miner_id,
            clients: vec![deal.client_id],
            allocators: Vec::new(),
        });
    }
    Ok(TaskList::new(tasks)?)
}
