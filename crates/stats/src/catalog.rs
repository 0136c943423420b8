//! The catalog: which files contain which day.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use assize_protocol::{FileCid, RoundNumber};
use serde::{Deserialize, Serialize};

use crate::Day;

/// The index of all days: the only file that is not content-addressed. `{"version":1,"days":{"2026-11-20":{…}}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    version: u32,
    /// By day.
    pub days: BTreeMap<Day, DayEntry>,
}

/// A day: the CIDs of its three tables, and its rounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayEntry {
    /// See [`RATES`](crate::table::RATES).
    pub rates: FileCid,
    /// See [`RESULTS`](crate::table::RESULTS).
    pub results: FileCid,
    /// See [`TTFB`](crate::table::TTFB).
    pub ttfb: FileCid,
    /// Rounds that opened on this day.
    pub rounds: BTreeMap<RoundNumber, RoundEntry>,
}

/// The sources of a round's figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundEntry {
    /// The Rounds contract.
    pub contract: Address,
    /// Its task list.
    pub tasks: FileCid,
    /// Its batches, in commit order.
    pub batches: Vec<FileCid>,
}

const VERSION: u32 = 1;

impl Default for Catalog {
    fn default() -> Self {
        Self {
            version: VERSION,
            days: BTreeMap::new(),
        }
    }
}

impl Catalog {
    /// Parses a catalog.
    ///
    /// # Errors
    /// The problem with the file.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let catalog: Self =
            serde_json::from_slice(json).map_err(|error| format!("not a catalog: {error}"))?;
        match catalog.version {
            VERSION => Ok(catalog),
            other => Err(format!(
                "the catalog has version {other}, but this program reads version {VERSION}"
            )),
        }
    }
}
