//! The interface of beacon sources.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use assize_protocol::{BeaconRound, Randomness};

use crate::{Beacon, BeaconError, Chain};

/// A source of beacons. Its responses are not trusted: see [`Verified`].
pub trait BeaconSource {
    /// The beacon of a round.
    ///
    /// # Errors
    /// [`BeaconError`] if it is unavailable. [`BeaconError::is_retryable`] tells whether a later retry may succeed.
    fn beacon(&self, round: BeaconRound) -> Result<Beacon, BeaconError>;
}

impl<S: BeaconSource + ?Sized> BeaconSource for &S {
    fn beacon(&self, round: BeaconRound) -> Result<Beacon, BeaconError> {
        (**self).beacon(round)
    }
}

impl<S: BeaconSource + ?Sized> BeaconSource for Box<S> {
    fn beacon(&self, round: BeaconRound) -> Result<Beacon, BeaconError> {
        (**self).beacon(round)
    }
}

/// Verifies every response of a source: it must be the requested round, signed by the chain's key. Genuine beacons are
/// cached, so that each round is fetched and verified once.
#[derive(Debug)]
pub struct Verified<S> {
    chain: Chain,
    source: S,
    genuine: Mutex<BTreeMap<BeaconRound, Beacon>>,
}

impl<S: BeaconSource> Verified<S> {
    /// Verifies the responses of `source` against `chain`.
    pub fn new(chain: Chain, source: S) -> Self {
        Self {
            chain,
            source,
            genuine: Mutex::default(),
        }
    }

    /// The chain of the beacons.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The randomness of a round.
    ///
    /// # Errors
    /// As [`BeaconSource::beacon`].
    pub fn randomness(&self, round: BeaconRound) -> Result<Randomness, BeaconError> {
        self.beacon(round).map(|beacon| beacon.randomness())
    }

    fn genuine(&self) -> MutexGuard<'_, BTreeMap<BeaconRound, Beacon>> {
        // A thread that panicked elsewhere cannot have stored a forged beacon here.
        self.genuine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: BeaconSource> BeaconSource for Verified<S> {
    fn beacon(&self, round: BeaconRound) -> Result<Beacon, BeaconError> {
        if let Some(beacon) = self.genuine().get(&round) {
            return Ok(beacon.clone());
        }
        let beacon = self.source.beacon(round)?;
        check(&self.chain, round, &beacon)?;
        self.genuine().insert(round, beacon.clone());
        Ok(beacon)
    }
}

/// Checks that a response is the genuine beacon of the requested round.
pub(crate) fn check(chain: &Chain, asked: BeaconRound, beacon: &Beacon) -> Result<(), BeaconError> {
    if beacon.round != asked {
        return Err(BeaconError::WrongRound {
            asked,
            got: beacon.round,
        });
    }
    chain.verify(beacon).map(drop)
}
