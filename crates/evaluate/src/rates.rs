//! Retrieval success rates.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use assize_protocol::{ActorId, ProviderId};
use serde::{Deserialize, Serialize};

use crate::{VerdictCounts, json};

/// OK measurements of one provider, client or allocator. **All** of them count, whatever their verdict; the verdicts
/// are given separately (docs/protocol.md §10.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SuccessCounts {
    /// OK measurements.
    pub total: u64,
    /// Those with result `OK`.
    pub successful: u64,
    /// Those with result `OK` over HTTP.
    pub successful_http: u64,
    /// All of them by verdict.
    pub verdicts: VerdictCounts,
}

impl SuccessCounts {
    /// The retrieval success rate: `successful / total`, from 0 to 1; `None` without measurements. For display only.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        ratio(self.successful, self.total)
    }

    /// The rate over HTTP alone: `successful_http / total`. For display only.
    #[must_use]
    pub fn rate_http(&self) -> Option<f64> {
        ratio(self.successful_http, self.total)
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl AddAssign for SuccessCounts {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.successful += other.successful;
        self.successful_http += other.successful_http;
        self.verdicts += other.verdicts;
    }
}

/// Success counts by provider, client and allocator. Sums over rounds are sums of the counts.
///
/// In documents each is a list of objects, ascending by `id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuccessRates {
    /// By the provider of the task.
    #[serde(with = "json::providers")]
    pub providers: BTreeMap<ProviderId, SuccessCounts>,
    /// By client; a measurement counts for every client of its task.
    #[serde(with = "json::actors")]
    pub clients: BTreeMap<ActorId, SuccessCounts>,
    /// By allocator; a measurement counts for every allocator of its task.
    #[serde(with = "json::actors")]
    pub allocators: BTreeMap<ActorId, SuccessCounts>,
}

impl AddAssign<&Self> for SuccessRates {
    fn add_assign(&mut self, other: &Self) {
        merge(&mut self.providers, &other.providers);
        merge(&mut self.clients, &other.clients);
        merge(&mut self.allocators, &other.allocators);
    }
}

fn merge<K: Ord + Copy>(all: &mut BTreeMap<K, SuccessCounts>, more: &BTreeMap<K, SuccessCounts>) {
    for (key, counts) in more {
        *all.entry(*key).or_default() += *counts;
    }
}
