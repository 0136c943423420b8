//! Limits request rates per address and per subnet.

mod store;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::{Host, Rejection, Subnet};
use store::{Store, Stored};

const PRUNE_EVERY: Duration = Duration::from_secs(1);

/// A token bucket of capacity `burst`, refilled with `per_second`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens added per second.
    pub per_second: NonZeroU32,
    /// Capacity of the bucket.
    pub burst: NonZeroU32,
}

impl Rate {
    const fn new(per_second: u32, burst: u32) -> Self {
        let (Some(per_second), Some(burst)) = (NonZeroU32::new(per_second), NonZeroU32::new(burst)) else {
            panic!("zero");
        };
        Self { per_second, burst }
    }
}

/// Settings of [`Buckets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketsConfig {
    /// Per IPv4 address or /64.
    pub host: Rate,
    /// Per /24 or /48.
    pub subnet: Rate,
    /// Maximum number of hosts, and of subnets, with their own bucket at a time; about 50 bytes each.
    pub max_keys: usize,
}

impl Default for BucketsConfig {
    /// A station sends one heartbeat a minute and a few measurements a second; sixteen stations may share a subnet.
    fn default() -> Self {
        Self {
            host: Rate::new(20, 200),
            subnet: Rate::new(100, 1_000),
            max_keys: 200_000,
        }
    }
}

/// Statistics of [`Buckets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BucketsSnapshot {
    /// Accepted requests.
    pub passed: u64,
    /// Requests rejected by their host's bucket.
    pub refused_by_host: u64,
    /// Requests rejected by their subnet's bucket.
    pub refused_by_subnet: u64,
    /// Requests counted in the bucket of their /16 or /32, because there was no room for their own.
    pub crowded: u64,
    /// Number of hosts with their own bucket.
    pub hosts: usize,
    /// Number of subnets with their own bucket.
    pub subnets: usize,
}

/// Token buckets per host and per subnet, shared by all routes of a server.
///
/// Full buckets are not stored: a host that used one token at 20 per second is forgotten after the 50 ms in which its
/// bucket refills, or at most a second later. So there are only as many buckets as hosts are active **now**; to occupy
/// [`BucketsConfig::max_keys`] of them, an attacker must send that many requests in about that time.
///
/// # Beyond the limit
/// Hosts and subnets that have a bucket keep it. Others share one with the whole of their /16 or /32 (and some of these
/// share one too: there are 4 096). An attacker who fills the table from a /32 or a botnet thereby reduces the rate for
/// new clients, mostly in the attacker's own network. The attacker gains nothing, and locks nobody out.
#[derive(Debug)]
pub struct Buckets<C: Clock = MonotonicClock> {
    hosts: Table<Host, C>,
    subnets: Table<Subnet, C>,
    passed: AtomicU64,
    refused_by_host: AtomicU64,
    refused_by_subnet: AtomicU64,
}

#[derive(Debug)]
struct Table<K: Stored, C: Clock> {
    limiter: RateLimiter<K, Store<K>, C, NoOpMiddleware<C::Instant>>,
    /// The limiter owns its store and does not lend it.
    store: Store<K>,
    burst: NonZeroU32,
    pruned: Mutex<C::Instant>,
}

impl Buckets {
    /// Creates the buckets, all full.
    #[must_use]
    pub fn new(config: BucketsConfig) -> Self {
        Self::with_clock(config, MonotonicClock)
    }
}

impl<C: Clock> Buckets<C> {
    /// Creates the buckets with another clock: [`governor::clock::FakeRelativeClock`] in tests.
    #[must_use]
    pub fn with_clock(config: BucketsConfig, clock: C) -> Self
    where
        C: Clone,
    {
        Self {
            hosts: Table::new(config.host, config.max_keys, clock.clone()),
            subnets: Table::new(config.subnet, config.max_keys, clock),
            passed: AtomicU64::new(0),
            refused_by_host: AtomicU64::new(0),
            refused_by_subnet: AtomicU64::new(0),
        }
    }

    /// Takes `cost` tokens from the buckets of the client's host and subnet. A cost above the burst takes the whole
    /// burst, so an expensive route stays reachable.
    ///
    /// The host's bucket is checked first, so a request that it rejects costs its neighbours nothing. A request that
    /// the subnet's bucket rejects has already cost the host its tokens.
    ///
    /// # Errors
    /// [`Rejection::TooMany`].
    pub fn check(&self, client: IpAddr, cost: NonZeroU32) -> Result<(), Rejection> {
        let host = Host::of(client);
        let checked = self
            .hosts
            .check(host, cost)
            .inspect_err(|_| count(&self.refused_by_host))
            .and_then(|()| {
                let subnet = self.subnets.check(host.subnet(), cost);
                subnet.inspect_err(|_| count(&self.refused_by_subnet))
            });
        match checked {
            Ok(()) => {
                count(&self.passed);
                Ok(())
            }
            Err(retry_after) => Err(Rejection::TooMany { retry_after }),
        }
    }

    /// Current statistics.
    #[must_use]
    pub fn snapshot(&self) -> BucketsSnapshot {
        BucketsSnapshot {
            passed: self.passed.load(Ordering::Relaxed),
            refused_by_host: self.refused_by_host.load(Ordering::Relaxed),
            refused_by_subnet: self.refused_by_subnet.load(Ordering::Relaxed),
            crowded: self.hosts.store.crowded() + self.subnets.store.crowded(),
            hosts: self.hosts.store.len(),
            subnets: self.subnets.store.len(),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl<K: Stored, C: Clock> Table<K, C> {
    fn new(rate: Rate, max_keys: usize, clock: C) -> Self {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
        let store = Store::new(max_keys);
        Self {
            pruned: Mutex::new(clock.now()),
            limiter: RateLimiter::new(quota, store.clone(), clock),
            store,
            burst: rate.burst,
        }
    }

    /// Removes full buckets, once a second.
    fn prune(&self, now: C::Instant) {
        {
            let mut pruned = self.pruned.lock().unwrap_or_else(PoisonError::into_inner);
            if now.duration_since(*pruned) < PRUNE_EVERY.into() {
                return;
            }
            *pruned = now;
        }
        self.limiter.retain_recent();
    }

    fn check(&self, key: K, cost: NonZeroU32) -> Result<(), Duration> {
        let now = self.limiter.clock().now();
        self.prune(now);
        match self.limiter.check_key_n(&key, cost.min(self.burst)) {
            // The cost is at most the burst, so the outer error cannot occur; it would accept the request.
            Ok(Ok(())) | Err(_) => Ok(()),
            Ok(Err(not_until)) => Err(not_until.wait_time_from(now)),
        }
    }
}

#[cfg(test)]
mod tests;
