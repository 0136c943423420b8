//! Recorded real inputs: quicknet beacons and verified deals.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use assize_drand::{Beacon, BeaconError, RecordedBeacons};
use assize_measurement::{Measurement, Millis, Signature};
use assize_protocol::{
    ActorId, AttoFil, ListError, PayloadCid, ProviderId, RoundNumber, Task, TaskIndex, TaskList,
};
use serde::Deserialize;
use thiserror::Error;

/// 30 real quicknet beacons, including the pairs that open and close the demo's rounds.
pub const BEACONS_JSON: &str = include_str!("../fixtures/beacons.json");

/// 2 000 real verified deals of January 2025 (58 providers, 39 clients), one JSON object per line.
pub const DEALS_NDJSON: &str = include_str!("../fixtures/deals.ndjson");

/// A malformed recorded input.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FixtureError {
    /// A deal.
    #[error("deals.ndjson line {line}: {reason}")]
    Deal {
        /// Line number, from 1.
        line: usize,
        /// The cause.
        reason: String,
    },
    /// A malformed line of the recorded balances.
    #[error("spark-balances.txt line {line} is not an address and an amount")]
    Balance {
        /// Counted from 1.
        line: usize,
    },
    /// Malformed beacons.
    #[error("beacons.json: {0}")]
    Beacons(#[from] BeaconError),
    /// Deals that do not form a task list.
    #[error("deals.ndjson: {0}")]
    Tasks(#[from] ListError),
}

/// The fields of a recorded deal that the task list needs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deal {
    miner_id: ProviderId,
    client_id: ActorId,
    payload_cid: PayloadCid,
}

/// What Spark owed its operators in November 2024: one address and amount in attoFIL per line.
pub const SPARK_BALANCES: &str = include_str!("../fixtures/spark-balances.txt");

/// [`SPARK_BALANCES`] by operator: 160.6 FIL of 15 331 operators. Spark counted 15 390, because it treated two
/// spellings of an address as two operators.
///
/// # Errors
/// [`FixtureError::Balance`] naming the line.
pub fn spark_balances() -> Result<BTreeMap<Address, AttoFil>, FixtureError> {
    let parse = |line: &str| -> Option<(Address, AttoFil)> {
        let (address, amount) = line.split_once(' ')?;
        Some((address.parse().ok()?, AttoFil::from_digits(amount)?))
    };
    let mut balances = BTreeMap::<Address, AttoFil>::new();
    for (index, line) in SPARK_BALANCES.lines().enumerate() {
        let (operator, amount) = parse(line).ok_or(FixtureError::Balance { line: index + 1 })?;
        let balance = balances.entry(operator).or_default();
        *balance = balance.saturating_add(amount);
    }
    Ok(balances)
}

/// A failed retrieval, as a station reports it. The signature is of nobody.
#[must_use]
pub fn measurement(round: RoundNumber, task: u32) -> Measurement {
    Measurement {
        provider_id: Some("12D3KooWPNbkEgjdBNeaCGpsgCrPRETe4uBZf1ShFXStobdN18ys".into()),
        provider_address: Some("/dns/f01697248.example.net/tcp/443/https".into()),
        protocol: Some("http".into()),
        spark_version: Some("1.20.0".into()),
        timeout: true,
        start_at: Some(Millis(1_760_000_000_000)),
        byte_length: Some(0),
        indexer_result: Some("OK".into()),
        signature: Signature([9; 65]),
        ..Measurement::new(
            round,
            TaskIndex(task),
            [7; 20].into(),
            "bafybeif53axbvb3gbbidww37e36kahbfzui4ypp44uqyjs7bvrdmvjesfq",
            "f01697248",
        )
    }
}

/// The recorded beacons, ascending.
pub fn beacons() -> Result<Vec<Beacon>, FixtureError> {
    let bundle = RecordedBeacons::from_json(BEACONS_JSON.as_bytes())?;
    Ok(bundle.beacons().cloned().collect())
}

/// The recorded deals as a task list, in file order. The recording has no allocators.
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
