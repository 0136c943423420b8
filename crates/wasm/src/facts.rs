//! `facts.json` of a bundle, as far as the page needs it (docs/protocol.md §12.1).

use assize_bundle::BundleError;
use assize_drand::BeaconError;
use assize_protocol::{
    Address, B256, BeaconRound, FileCid, HexError, ListError, Parameters, RoundNumber, Seed,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why there is nothing to show.
#[derive(Debug, Error)]
pub(crate) enum VerifierError {
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error("{name} in the bundle cannot be used: {reason}")]
    File { name: String, reason: String },
    #[error("the seed: {0}")]
    Seed(#[from] HexError),
    #[error("{what}: {value} is not a whole number from {least} to {most}")]
    Number {
        what: &'static str,
        value: f64,
        least: f64,
        most: f64,
    },
    #[error("the bundle has no round")]
    Empty,
}

impl VerifierError {
    pub(crate) fn file(name: &str, reason: impl ToString) -> Self {
        Self::File {
            name: name.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// Why a check of a round does not hold.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Beacon(#[from] BeaconError),
    #[error(transparent)]
    List(#[from] ListError),
    #[error("recomputed {ours}, but the bundle says {theirs}")]
    Differs { ours: String, theirs: String },
    #[error("{0} is not in the bundle")]
    Missing(FileCid),
}

#[derive(Deserialize)]
pub(crate) struct Facts {
    pub contracts: Contracts,
    pub rounds: Vec<RoundFacts>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contracts {
    pub chain_id: u64,
    pub rounds: Address,
    pub rewards: Address,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoundFacts {
    pub number: RoundNumber,
    pub roster: ListFacts,
    pub tasks: ListFacts,
    pub parameters: Parameters,
    pub beacon_round: BeaconRound,
    pub dedupe_beacon_round: BeaconRound,
    pub seed: Option<Seed>,
    pub commitments: Vec<Commitment>,
}

#[derive(Deserialize)]
pub(crate) struct ListFacts {
    pub root: B256,
    pub count: u32,
    pub cid: FileCid,
}

#[derive(Deserialize)]
pub(crate) struct Commitment {
    pub cid: FileCid,
    pub count: u32,
}
