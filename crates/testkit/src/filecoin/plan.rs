//! The plan of a local Filecoin.

use std::fmt;
use std::time::Duration;

use super::{Conduct, hash64};

/// How a provider's payloads are advertised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advertised {
    /// Over HTTP.
    Http,
    /// Over Graphsync only, which is not served here.
    Graphsync,
    /// Over Graphsync and HTTP in one record: a client that reads only the first protocol sees Graphsync.
    Both,
    /// Over Graphsync in one record and HTTP in another.
    Apart,
    /// By another provider, under another peer id.
    ByAnother,
    /// Not at all.
    Nowhere,
}

/// Where the chain records a provider's peer id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerIdSource {
    /// `StateMinerInfo`.
    MinerInfo,
    /// Curio's contract. `StateMinerInfo` has another one, as for Curio's real providers.
    Contract,
}

/// The plan of a provider.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderPlan {
    /// Its behaviour.
    pub conduct: Conduct,
    /// Number of payloads that it has deals for.
    pub payloads: u32,
    /// Share of them that it still has, 0 to 1; the seed decides which. It answers 404 for the others.
    pub kept: f64,
    /// How they are advertised.
    pub advertised: Advertised,
    /// Whether it advertises an unreachable address first.
    pub dead_address_first: bool,
    /// Where its peer id is recorded.
    pub peer_id: PeerIdSource,
}

impl ProviderPlan {
    /// A provider that keeps all its payloads and advertises them over HTTP.
    #[must_use]
    pub fn new(conduct: Conduct, payloads: u32) -> Self {
        Self {
            conduct,
            payloads,
            kept: 1.0,
            advertised: Advertised::Http,
            dead_address_first: false,
            peer_id: PeerIdSource::MinerInfo,
        }
    }
}

impl fmt::Display for ProviderPlan {
    /// A short description for status screens: how it deviates from an honest provider.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        if self.conduct != Conduct::Honest {
            words.push(self.conduct.to_string());
        }
        if self.kept < 1.0 {
            words.push(format!("keeps {:.0} %", self.kept * 100.0));
        }
        match self.advertised {
            Advertised::Http => {}
            Advertised::Graphsync => words.push("Graphsync only".into()),
            Advertised::Both | Advertised::Apart => words.push("Graphsync and HTTP".into()),
            Advertised::ByAnother => words.push("advertised by another".into()),
            Advertised::Nowhere => words.push("not advertised".into()),
        }
        if self.dead_address_first {
            words.push("first address dead".into());
        }
        if self.peer_id == PeerIdSource::Contract {
            words.push("peer id in Curio's contract".into());
        }
        match words.is_empty() {
            true => f.write_str("honest"),
            false => f.write_str(&words.join(", ")),
        }
    }
}

/// The plan of a local Filecoin.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The seed of everything.
    pub seed: u64,
    /// Providers, with consecutive ids from [`Plan::FIRST_PROVIDER`].
    pub providers: Vec<ProviderPlan>,
    /// Number of clients; each payload has one or two.
    pub clients: u64,
    /// Number of allocators; each client has one.
    pub allocators: u64,
    /// JSON-RPC endpoint of the chain, to which other methods are forwarded; if `None`, they are not supported.
    pub upstream: Option<String>,
}

impl Plan {
    /// Number of the first provider's id.
    pub const FIRST_PROVIDER: u64 = 1_000;
    /// Number of the first client's id.
    pub const FIRST_CLIENT: u64 = 20_000;
    /// Number of the first allocator's id.
    pub const FIRST_ALLOCATOR: u64 = 30_000;

    /// A plan with these providers, 4 clients and 2 allocators.
    #[must_use]
    pub fn new(seed: u64, providers: Vec<ProviderPlan>) -> Self {
        Self {
            seed,
            providers,
            clients: 4,
            allocators: 2,
            upstream: None,
        }
    }

    /// A realistic mixture: of twenty providers, eleven are good in one way or another; the others lose payloads, lie,
    /// are slow or dead, fail, or are not where the indexer says. None makes a checker wait for its timeout.
    #[must_use]
    pub fn mixed(seed: u64, providers: u32, payloads: u32) -> Self {
        let make = |index: u32| {
            let mut plan = ProviderPlan::new(Conduct::Honest, payloads);
            match index % 20 {
                0 | 4 | 8 | 12 | 16 => {}
                1 => plan.advertised = Advertised::Both,
                2 => plan.conduct = Conduct::Lying,
                3 => plan.conduct = Conduct::Slow(Duration::from_millis(800)),
                5 => plan.conduct = Conduct::Dead,
                6 => plan.dead_address_first = true,
                7 => plan.kept = share(seed, index, 0.3, 0.8),
                9 => plan.conduct = Conduct::RawOnly(406),
                10 => plan.conduct = Conduct::Status(500),
                11 => plan.peer_id = PeerIdSource::Contract,
                13 => plan.kept = share(seed, index, 0.8, 0.98),
                14 => plan.advertised = Advertised::Nowhere,
                15 => plan.conduct = Conduct::CarOnly,
                17 => plan.conduct = Conduct::ExtraBlock,
                18 => plan.advertised = Advertised::Graphsync,
                _ => plan.advertised = Advertised::ByAnother,
            }
            plan
        };
        Self::new(seed, (0..providers).map(make).collect())
    }
}

/// A number in a range, derived from the seed.
fn share(seed: u64, index: u32, from: f64, to: f64) -> f64 {
    let draw = hash64(seed, &[b"share", &index.to_be_bytes()]) as f64 / u64::MAX as f64;
    from + (to - from) * draw
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_have_short_descriptions() {
        let descriptions: Vec<_> = Plan::mixed(1, 20, 1)
            .providers
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(descriptions[0], "honest");
        assert_eq!(descriptions[1], "Graphsync and HTTP");
        assert_eq!(descriptions[3], "slow by 800 ms");
        assert_eq!(descriptions[6], "first address dead");
        assert!(descriptions[7].starts_with("keeps "), "{}", descriptions[7]);
        assert_eq!(descriptions[19], "advertised by another");
    }
}
