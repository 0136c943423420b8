//! Shares of a limited resource.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Host, Subnet};

/// Limits on the amounts held at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareLimits {
    /// In total.
    pub total: u64,
    /// Per [`Subnet`].
    pub per_subnet: u64,
    /// Per [`Host`].
    pub per_host: u64,
}

/// The limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// The client's own, or that of its subnet.
    Client,
    /// The total.
    Total,
}

/// The amounts held by each client. Clones share the same state.
///
/// Clients that hold nothing are not stored.
#[derive(Debug, Clone)]
pub struct Shares(Arc<Ledger>);

#[derive(Debug)]
struct Ledger {
    limits: ShareLimits,
    holdings: Mutex<Holdings>,
}

#[derive(Debug, Default)]
struct Holdings {
    total: u64,
    hosts: HashMap<Host, u64>,
    subnets: HashMap<Subnet, u64>,
}

impl Shares {
    /// Creates an empty state.
    #[must_use]
    pub fn new(limits: ShareLimits) -> Self {
        Self(Arc::new(Ledger {
            limits,
            holdings: Mutex::default(),
        }))
    }

    /// An empty share of `host`.
    #[must_use]
    pub fn of(&self, host: Host) -> Share {
        Share {
            ledger: Arc::clone(&self.0),
            host,
            held: 0,
        }
    }

    /// The total amount held.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.0.holdings().total
    }
}

impl Ledger {
    fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An amount held for one purpose, released on drop.
#[derive(Debug)]
pub struct Share {
    ledger: Arc<Ledger>,
    host: Host,
    held: u64,
}

impl Share {
    /// Adds to the amount held.
    ///
    /// # Errors
    /// The limit that would be exceeded; the amount is then unchanged.
    pub fn add(&mut self, amount: u64) -> Result<(), Excess> {
        let limits = self.ledger.limits;
        let subnet = self.host.subnet();
        let mut holdings = self.ledger.holdings();
        let of_host = holdings.hosts.get(&self.host).copied().unwrap_or_default();
        let of_subnet = holdings.subnets.get(&subnet).copied().unwrap_or_default();
        let fits = |held: u64, limit: u64| held.saturating_add(amount) <= limit;
        if !fits(of_host, limits.per_host) || !fits(of_subnet, limits.per_subnet) {
            return Err(Excess::Client);
        }
        if !fits(holdings.total, limits.total) {
            return Err(Excess::Total);
        }
        if amount > 0 {
            holdings.total += amount;
            holdings.hosts.insert(self.host, of_host + amount);
            holdings.subnets.insert(subnet, of_subnet + amount);
            self.held += amount;
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.held == 0 {
            return;
        }
        let mut holdings = self.ledger.holdings();
        holdings.total -= self.held;
        give_back(&mut holdings.hosts, self.host, self.held);
        give_back(&mut holdings.subnets, self.host.subnet(), self.held);
    }
}

fn give_back<K: Hash + Eq>(holdings: &mut HashMap<K, u64>, holder: K, amount: u64) {
    if let Entry::Occupied(mut held) = holdings.entry(holder) {
        *held.get_mut() -= amount;
        if *held.get() == 0 {
            held.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(subnet: u8, n: u8) -> Host {
        Host::of([192, 0, subnet, n].into())
    }

    #[test]
    fn hosts_subnets_and_the_total_are_limited() {
        let shares = Shares::new(ShareLimits {
            total: 10,
            per_subnet: 6,
            per_host: 4,
        });
        let mut first = shares.of(host(1, 1));
        first.add(3).unwrap();
        first.add(1).unwrap();
        assert_eq!(shares.of(host(1, 1)).add(1), Err(Excess::Client));
        let mut second = shares.of(host(1, 2));
        assert_eq!(second.add(3), Err(Excess::Client));
        second.add(2).unwrap();
        let mut other = shares.of(host(2, 1));
        other.add(4).unwrap();
        assert_eq!(shares.of(host(3, 1)).add(1), Err(Excess::Total));
        assert_eq!(shares.held(), 10);
        drop(first);
        assert_eq!(shares.held(), 6);
        shares.of(host(1, 1)).add(4).unwrap();
    }

    #[test]
    fn clients_without_a_share_are_not_stored() {
        let shares = Shares::new(ShareLimits {
            total: 10,
            per_subnet: 10,
            per_host: 10,
        });
        for n in 0..100 {
            let mut share = shares.of(host(n, n));
            share.add(u64::from(n % 3)).unwrap();
            assert_eq!(share.add(11), Err(Excess::Client));
        }
        let holdings = shares.0.holdings();
        let nobody = holdings.hosts.is_empty() && holdings.subnets.is_empty();
        assert!(holdings.total == 0 && nobody, "{holdings:?}");
    }
}
