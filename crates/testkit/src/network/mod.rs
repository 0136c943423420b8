//! A simulated network: stations of known behaviour observe providers of hidden quality.
//!
//! Everything is derived from one seed: the same seed gives the same keys, the same truth and the same measurements,
//! byte for byte.

mod measure;
mod station;
mod truth;

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use assize_protocol::{ListError, ProviderId, Roster, RosterEntry, TaskList};

pub use measure::RoundContext;
pub use station::{Behaviour, Station, derive_key};
pub use truth::Provider;

/// Index of the honest operator whose key is published; index 0 is the one that rejects payments.
const CLAIMING_OPERATOR: u64 = 1;

/// Size and seed of a simulated network.
#[derive(Debug, Clone, Copy)]
pub struct NetworkPlan {
    /// The seed.
    pub seed: u64,
    /// Number of stations in the roster.
    pub stations: u32,
    /// A contract that rejects payments, used as the address of one operator.
    pub refusing_operator: Option<Address>,
}

/// Stations and the providers they check.
#[derive(Debug)]
pub struct Network {
    seed: u64,
    /// In roster order.
    stations: Vec<Station>,
    /// A station that reports without being in the roster.
    outsider: Station,
    providers: BTreeMap<ProviderId, Provider>,
    defended: ProviderId,
}

impl Network {
    /// Creates the network. `tasks` defines the providers; the ring defends the one with most tasks.
    pub fn new(plan: NetworkPlan, tasks: &TaskList) -> Self {
        let mut counts = BTreeMap::<ProviderId, usize>::new();
        for task in tasks.entries() {
            *counts.entry(task.provider).or_default() += 1;
        }
        let defended = counts
            .iter()
            .max_by_key(|(provider, count)| (**count, std::cmp::Reverse(**provider)))
            .map_or(ProviderId(0), |(provider, _)| *provider);
        let mut providers: BTreeMap<_, _> = counts
            .keys()
            .map(|id| (*id, Provider::derive(plan.seed, *id)))
            .collect();
        // A ring does not need to defend a provider that serves well.
        if let Some(provider) = providers.get_mut(&defended) {
            provider.retrievability = 0.1;
        }
        Self {
            seed: plan.seed,
            stations: station::populate(plan),
            outsider: station::outsider(plan.seed),
            providers,
            defended,
        }
    }

    /// The stations in roster order.
    pub fn stations(&self) -> &[Station] {
        &self.stations
    }

    /// The station that is not in the roster.
    pub fn outsider(&self) -> &Station {
        &self.outsider
    }

    /// The hidden truth about each provider.
    pub fn providers(&self) -> &BTreeMap<ProviderId, Provider> {
        &self.providers
    }

    /// The provider that the ring defends.
    pub fn defended(&self) -> ProviderId {
        self.defended
    }

    /// Key of an honest operator, to claim by hand.
    pub fn claiming_operator_key(&self) -> B256 {
        station::operator_key(self.seed, Behaviour::Honest, CLAIMING_OPERATOR)
            .to_secret_bytes()
            .into()
    }

    /// The roster file's content.
    pub fn roster(&self) -> Result<Roster, ListError> {
        Roster::new(
            self.stations
                .iter()
                .map(|station| RosterEntry {
                    station: station.address,
                    operator: station.operator,
                    subnet: station.subnet,
                })
                .collect(),
        )
    }
}
