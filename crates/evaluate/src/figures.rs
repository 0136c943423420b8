//! Statistics of a provider, client or allocator.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use assize_protocol::{ActorId, ProviderId, Task};

use crate::rates::{SuccessCounts, SuccessRates};

/// Statistics of OK measurements. Those of several rounds are sums.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Numbers of measurements and successes.
    pub counts: SuccessCounts,
    /// Numbers by code of [`RetrievalResult`](assize_measurement::RetrievalResult).
    pub results: BTreeMap<String, u64>,
    /// Times to first byte over HTTP.
    pub ttfb_http: Ttfb,
    /// Times to first byte over Graphsync.
    pub ttfb_graphsync: Ttfb,
}

impl AddAssign<&Self> for Figures {
    fn add_assign(&mut self, other: &Self) {
        self.counts += other.counts;
        for (code, count) in &other.results {
            *self.results.entry(code.clone()).or_default() += count;
        }
        self.ttfb_http += &other.ttfb_http;
        self.ttfb_graphsync += &other.ttfb_graphsync;
    }
}

/// Times from request to first byte, of successes that their committee's majority reports.
///
/// A histogram, so that percentiles of any range of days follow from those of each round. Its buckets are exact below
/// 128 ms, and at most a 64th of the time wide above.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ttfb(BTreeMap<u64, u64>);

impl Ttfb {
    /// Counts a time in milliseconds.
    pub fn count(&mut self, millis: u64) {
        self.add(millis, 1);
    }

    /// Counts a time in milliseconds, `count` times.
    pub fn add(&mut self, millis: u64, count: u64) {
        *self.0.entry(bucket(millis)).or_default() += count;
    }

    /// The shortest time of each bucket in milliseconds, ascending, with its count.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().map(|(millis, count)| (*millis, *count))
    }

    /// Number of all times.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The time in milliseconds that `percent` of all do not exceed (nearest rank), rounded down to its bucket.
    #[must_use]
    pub fn percentile(&self, percent: u8) -> Option<u64> {
        let rank = (u128::from(self.total()) * u128::from(percent.min(100)))
            .div_ceil(100)
            .max(1);
        let mut counted = 0;
        self.buckets().find_map(|(millis, count)| {
            counted += u128::from(count);
            (counted >= rank).then_some(millis)
        })
    }
}

impl AddAssign<&Self> for Ttfb {
    fn add_assign(&mut self, other: &Self) {
        for (millis, count) in other.buckets() {
            *self.0.entry(millis).or_default() += count;
        }
    }
}

/// The shortest time of the bucket: the seven highest bits.
fn bucket(millis: u64) -> u64 {
    let width = (u64::BITS - millis.leading_zeros()).saturating_sub(7);
    millis >> width << width
}

/// The subject of statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// All measurements, each once.
    Network,
    /// Measurements of a provider's tasks.
    Provider(ProviderId),
    /// Measurements of a client's data; each counts for every client of its task.
    Client(ActorId),
    /// Measurements of data of an allocator's clients; each counts for every allocator of its task.
    Allocator(ActorId),
}

/// Statistics of every subject.
pub type FiguresByParty = BTreeMap<Party, Figures>;

/// Adds measurements of one task.
pub(crate) fn add(all: &mut FiguresByParty, task: &Task, figures: &Figures) {
    let clients = task.clients.iter().copied().map(Party::Client);
    let allocators = task.allocators.iter().copied().map(Party::Allocator);
    let parties = [Party::Network, Party::Provider(task.provider)];
    for party in parties.into_iter().chain(clients).chain(allocators) {
        *all.entry(party).or_default() += figures;
    }
}

/// The part of the statistics that settlement documents contain.
pub(crate) fn rates(figures: &FiguresByParty) -> SuccessRates {
    let mut rates = SuccessRates::default();
    for (party, Figures { counts, .. }) in figures {
        match party {
            Party::Network => {}
            Party::Provider(id) => drop(rates.providers.insert(*id, *counts)),
            Party::Client(id) => drop(rates.clients.insert(*id, *counts)),
            Party::Allocator(id) => drop(rates.allocators.insert(*id, *counts)),
        }
    }
    rates
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut ttfb = Ttfb::default();
        assert_eq!(ttfb.percentile(50), None);
        for millis in [10, 20, 30, 100] {
            ttfb.count(millis);
        }
        let percentiles = [0, 25, 50, 51, 99, 100].map(|percent| ttfb.percentile(percent).unwrap());
        assert_eq!(percentiles, [10, 10, 20, 30, 100, 100]);
    }

    proptest! {
        #[test]
        fn buckets_are_narrow(millis: u64) {
            let lowest = bucket(millis);
            prop_assert!(lowest <= millis && (millis - lowest) as u128 * 64 <= millis as u128);
            prop_assert_eq!(bucket(lowest), lowest);
            prop_assert!(millis >= 128 || lowest == millis);
        }

        #[test]
        fn the_order_of_adding_does_not_matter(one: Vec<u32>, two: Vec<u32>) {
            let ttfb = |times: &mut dyn Iterator<Item = u32>| {
                let mut ttfb = Ttfb::default();
                times.for_each(|millis| ttfb.count(millis.into()));
                ttfb
            };
            let mut sum = ttfb(&mut one.iter().copied());
            sum += &ttfb(&mut two.iter().copied());
            prop_assert_eq!(sum, ttfb(&mut two.into_iter().chain(one)));
        }
    }
}
