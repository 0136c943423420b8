//! How many requests an address and a subnet may make.

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

/// A bucket of `burst` tokens, filled with `per_second`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that flow in, per second.
    pub per_second: NonZeroU32,
    /// Tokens that a full bucket holds.
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
    /// Of an IPv4 address or a /64.
    pub host: Rate,
    /// Of a /24 or a /48.
    pub subnet: Rate,
    /// Most hosts, and most subnets, that have their own bucket at a time; about 50 bytes each.
    pub max_keys: usize,
}

impl Default for BucketsConfig {
    /// A station sends a heartbeat a minute and some measurements a second; sixteen stations may share a subnet.
    fn default() -> Self {
        Self {
            host: Rate::new(20, 200),
            subnet: Rate::new(100, 1_000),
            max_keys: 200_000,
        }
    }
}

/// What [`Buckets`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BucketsSnapshot {
    /// Requests let in.
    pub passed: u64,
    /// Requests refused for their host's bucket.
    pub refused_by_host: u64,
    /// Requests refused for their subnet's bucket.
    pub refused_by_subnet: u64,
    /// Requests that were counted for their /16 or /32, since there was no room for a bucket of their own.
    pub crowded: u64,
    /// Hosts with their own bucket now.
    pub hosts: usize,
    /// Subnets with their own bucket now.
    pub subnets: usize,
}

/// Token buckets, one for each host and one for each subnet, shared over all that a server does.
///
/// A full bucket is not kept: a host that asked once for a token at 20 a second is forgotten after the 50 ms that its
/// bucket takes to be full again, or at most a second later. So there are only as many buckets as hosts are active **now**, and to hold
/// [`BucketsConfig::max_keys`] of them somebody must send as many requests in about that time.
///
/// # Past the cap
/// Hosts and subnets that have a bucket keep it. Those that have none share one with all of their /16 or /32 (some of
/// which share one, too: there are 4 096 of these). Who fills the table from his own /32 or botnet thereby narrows
/// the door for newcomers, most of all for his own; he does not get in himself, and closes it for nobody.
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
    /// The limiter's, which does not lend it.
    store: Store<K>,
    burst: NonZeroU32,
    pruned: Mutex<C::Instant>,
}

impl Buckets {
    /// All full.
    #[must_use]
    pub fn new(config: BucketsConfig) -> Self {
        Self::with_clock(config, MonotonicClock)
    }
}

impl<C: Clock> Buckets<C> {
    /// All full, by another clock: [`governor::clock::FakeRelativeClock`] in tests.
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

    /// Takes `cost` tokens from the buckets of the client's host and subnet. A cost above a burst takes the whole
    /// burst: what a route costs may make it dear, not unreachable.
    ///
    /// The host's is asked first: what it refuses costs its neighbours nothing. What the subnet's refuses has cost the
    /// host its tokens.
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

    /// What happened, and what is kept.
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

    /// Forgets full buckets, once a second.
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
            // The burst holds it: the outer error does not happen, and would let the request in.
            Ok(Ok(())) | Err(_) => Ok(()),
            Ok(Err(not_until)) => Err(not_until.wait_time_from(now)),
        }
    }
}

#[cfg(test)]
mod tests;
