//! What the demo found, as one JSON document. The same seed gives the same document, apart from `timing` and `host`.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use assize_protocol::BeaconRound;
use assize_testkit::network::Behaviour;
use serde::Serialize;

/// The whole report.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub version: &'static str,
    pub seed: u64,
    pub stations: u32,
    pub operators: usize,
    pub tasks: u32,
    pub contracts: Contracts,
    pub rounds: Vec<RoundReport>,
    pub providers: Vec<ProviderReport>,
    pub behaviours: Vec<BehaviourReport>,
    pub settlement: SettlementReport,
    pub money: Money,
    pub gas: BTreeMap<&'static str, Gas>,
    pub verification: Verification,
    pub timing: Timing,
    pub host: Host,
}

#[derive(Debug, Serialize)]
pub(super) struct Contracts {
    pub beacon: Address,
    pub rounds: Address,
    pub rewards: Address,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoundReport {
    pub round: u64,
    /// Unix seconds on the chain's clock.
    pub opened_at: u64,
    pub closes_at: u64,
    pub beacon: BeaconReport,
    pub dedupe_beacon: BeaconReport,
    pub seed: B256,
    pub committees: u32,
    pub tasks_per_committee: u32,
    pub batches: Vec<BatchReport>,
    pub measurements: u64,
    /// Every measurement by its tasking label.
    pub labels: BTreeMap<String, u64>,
    /// The OK ones by their committee's verdict on them.
    pub verdicts: BTreeMap<String, u64>,
    /// attoFIL.
    pub reward_each: String,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct BeaconReport {
    pub round: BeaconRound,
    pub signature: String,
    pub randomness: B256,
}

#[derive(Debug, Serialize)]
pub(super) struct BatchReport {
    pub cid: String,
    pub count: u32,
}

/// RSR of a provider, all rounds together, beside what the simulation knows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProviderReport {
    pub provider: String,
    pub measurements: u64,
    pub successful: u64,
    /// Successful share of measurements, 0 to 1.
    pub rsr: f64,
    pub rsr_http: f64,
    /// Hidden share of payloads that this provider really serves.
    pub hidden_truth: f64,
    /// The ring claims success for this one.
    pub defended: bool,
}

/// How one class of stations fared, all rounds together.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BehaviourReport {
    pub behaviour: Behaviour,
    pub stations: u32,
    pub measurements: u64,
    /// Label or, for the OK ones, verdict → measurements.
    pub outcomes: BTreeMap<String, u64>,
    /// The outcome that this class's fraud leads to, and how many of its measurements had it.
    pub caught_by: Option<&'static str>,
    pub caught: u64,
    /// Rewarded share of what it reported, 0 to 1.
    pub rewarded: f64,
    /// attoFIL per station.
    pub earned_per_station: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SettlementReport {
    pub settlement: u64,
    pub cid: String,
    pub root: B256,
    pub accepted_root: B256,
    /// attoFIL.
    pub cumulative_total: String,
    pub evaluators: usize,
    pub signatures_posted: usize,
    pub active_at: u64,
}

/// All amounts in attoFIL. `deposited` = `paid` + `left`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Money {
    pub deposited: String,
    pub granted: String,
    pub paid: String,
    pub left: String,
    pub floor: String,
    pub operators_paid: usize,
    pub operators_below_floor: usize,
    pub claimed_by_hand: Claimed,
    pub refused: Vec<Claimed>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Claimed {
    pub operator: Address,
    /// attoFIL.
    pub amount: String,
}

/// Gas of one kind of transaction, EVM gas of the local chain.
#[derive(Debug, Default, Clone, Serialize)]
pub(super) struct Gas {
    pub transactions: u64,
    pub min: u64,
    pub max: u64,
}

impl Gas {
    pub(super) fn add(&mut self, used: u64) {
        self.min = if self.transactions == 0 {
            used
        } else {
            self.min.min(used)
        };
        self.max = self.max.max(used);
        self.transactions += 1;
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Verification {
    /// What `assize verify settlement` said in a process of its own.
    pub verdict: String,
    pub rounds_recomputed: usize,
    pub measurements_recomputed: u64,
}

/// Seconds of wall time; differs from run to run.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Timing {
    pub total: f64,
    pub steps: Vec<(String, f64)>,
}

/// What belongs to this machine; differs from run to run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Host {
    pub state: Option<String>,
    pub peak_memory_mib: Option<u64>,
}
