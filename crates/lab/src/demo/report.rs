//! The demo's report as one JSON document. The same seed gives the same document, except for `timing` and `host`.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use assize_protocol::{AttoFil, BeaconRound};
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
    /// Measurements by label.
    pub labels: BTreeMap<String, u64>,
    /// Measurements with the label OK by verdict.
    pub verdicts: BTreeMap<String, u64>,
    pub reward_each: AttoFil,
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

/// RSR of a provider over all rounds, and its simulated truth.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProviderReport {
    pub provider: String,
    pub measurements: u64,
    pub successful: u64,
    /// Successful share of measurements, 0 to 1.
    pub rsr: f64,
    pub rsr_http: f64,
    /// Share of payloads that this simulated provider serves.
    pub hidden_truth: f64,
    /// Whether the ring of liars claims success for this provider.
    pub defended: bool,
}

/// One class of stations over all rounds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BehaviourReport {
    pub behaviour: Behaviour,
    pub stations: u32,
    pub measurements: u64,
    /// Measurements by label, or by verdict if the label is OK.
    pub outcomes: BTreeMap<String, u64>,
    /// The label or verdict that detects this class's fraud.
    pub caught_by: Option<&'static str>,
    /// Measurements with that label or verdict.
    pub caught: u64,
    /// Rewarded share of its measurements, 0 to 1.
    pub rewarded: f64,
    pub earned_per_station: AttoFil,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SettlementReport {
    pub settlement: u64,
    pub cid: String,
    pub root: B256,
    pub operators: u32,
    pub cumulative_total: AttoFil,
    pub evaluators: usize,
    pub signatures_posted: usize,
    pub active_at: u64,
}

/// `deposited` = `paid` + `left`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Money {
    pub deposited: AttoFil,
    pub granted: AttoFil,
    pub paid: AttoFil,
    pub left: AttoFil,
    pub floor: AttoFil,
    pub operators_paid: usize,
    pub operators_below_floor: usize,
    pub claimed_by_hand: Claimed,
    pub refused: Vec<Claimed>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Claimed {
    pub operator: Address,
    pub amount: AttoFil,
}

/// Gas of one kind of transaction, in EVM gas of the local chain.
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
    /// The verdict of `assize verify settlement` in a new process.
    pub verdict: String,
    pub rounds_recomputed: usize,
    pub measurements_recomputed: u64,
}

/// Wall time in seconds; differs between runs.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Timing {
    pub total: f64,
    pub steps: Vec<(String, f64)>,
}

/// Data about this machine; differs between runs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Host {
    pub state: Option<String>,
    pub peak_memory_mib: Option<u64>,
}
