//! A simulated network: stations of known character observe providers of hidden quality.
//!
//! Everything follows from one seed: the same seed gives the same keys, the same truth and the same measurements,
//! byte for byte.

mod measure;
mod station;
mod truth;

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use assize_protocol::{ProviderId, Roster, RosterEntry, RosterError, TaskList};

pub use measure::RoundContext;
pub use station::{Behaviour, Station, derive_key};
pub use truth::Provider;

/// Index of the honest operator whose key is given away; index 0 is the one that refuses money.
const CLAIMING_OPERATOR: u64 = 1;

/// Size and seed of a simulated network.
#[derive(Debug, Clone, Copy)]
pub struct NetworkPlan {
    /// Everything is derived from it.
    pub seed: u64,
    /// Stations in the roster.
    pub stations: u32,
    /// An operator whose address is this contract, which refuses money.
    pub refusing_operator: Option<Address>,
}

/// Stations, and the providers they look at.
#[derive(Debug)]
pub struct Network {
    seed: u64,
    /// Roster order.
    stations: Vec<Station>,
    /// Reports without being in the roster.
    outsider: Station,
    providers: BTreeMap<ProviderId, Provider>,
    defended: ProviderId,
}

impl Network {
    /// Populates the network. `tasks` tells which providers there are; the ring defends the one with most tasks.
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
        // A ring has no need to defend a provider that serves well.
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

    /// Stations in roster order.
    pub fn stations(&self) -> &[Station] {
        &self.stations
    }

    /// The station that is in no roster.
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

    /// Key of an honest operator, for claiming by hand.
    pub fn claiming_operator_key(&self) -> B256 {
        station::honest_operator_key(self.seed, CLAIMING_OPERATOR)
            .to_secret_bytes()
            .into()
    }

    /// The roster file's content.
    pub fn roster(&self) -> Result<Roster, RosterError> {
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
