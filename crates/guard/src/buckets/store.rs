//! A bounded store of buckets.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;

use crate::subnet::Owner;
use crate::{Host, Subnet};

/// Number of shared buckets, for keys without their own.
const SHARED: usize = 4_096;

/// Capacity that is never released.
const FEW: usize = 1_024;

/// A key with a bucket.
pub(crate) trait Stored: Copy + Eq + Hash {
    /// The network whose bucket it shares beyond the limit.
    fn owner(self) -> Owner;
}

impl Stored for Subnet {
    fn owner(self) -> Owner {
        Self::owner(self)
    }
}

impl Stored for Host {
    fn owner(self) -> Owner {
        self.subnet().owner()
    }
}

/// Buckets by key: the time at which each is full again. Clones share the same store.
#[derive(Debug, Clone)]
pub(crate) struct Store<K> {
    max_keys: usize,
    kept: Arc<Mutex<Kept<K>>>,
}

#[derive(Debug)]
struct Kept<K> {
    own: HashMap<K, Nanos>,
    shared: Box<[Option<Nanos>]>,
    hasher: RandomState,
    crowded: u64,
}

impl<K: Stored> Store<K> {
    pub(crate) fn new(max_keys: usize) -> Self {
        Self {
            max_keys,
            kept: Arc::new(Mutex::new(Kept {
                own: HashMap::new(),
                shared: vec![None; SHARED].into(),
                hasher: RandomState::new(),
                crowded: 0,
            })),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept<K>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Number of requests counted in a shared bucket.
    pub(crate) fn crowded(&self) -> u64 {
        self.kept().crowded
    }
}

impl<K: Stored> StateStore for Store<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut kept = self.kept();
        if let Some(own) = kept.own.get_mut(key) {
            let (outcome, full_at) = measure(Some(*own))?;
            *own = full_at;
            return Ok(outcome);
        }
        if kept.own.len() < self.max_keys {
            let (outcome, full_at) = measure(None)?;
            kept.own.insert(*key, full_at);
            return Ok(outcome);
        }
        kept.crowded += 1;
        // Hashed with a random key, so that nobody can target another host's bucket.
        let slot = kept.hasher.hash_one(key.owner()) as usize % SHARED;
        let (outcome, full_at) = measure(kept.shared[slot])?;
        kept.shared[slot] = Some(full_at);
        Ok(outcome)
    }
}

impl<K: Stored> ShrinkableKeyedStateStore<K> for Store<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        let mut kept = self.kept();
        kept.own.retain(|_, full_at| *full_at > drop_below);
        let left = kept.own.len();
        if kept.own.capacity() > 8 * left.max(FEW) {
            kept.own.shrink_to(2 * left);
        }
    }

    fn len(&self) -> usize {
        self.kept().own.len()
    }

    fn is_empty(&self) -> bool {
        self.kept().own.is_empty()
    }
}
