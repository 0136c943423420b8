//! Where beacons come from.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use assize_protocol::{BeaconRound, Randomness};

use crate::{Beacon, BeaconError, Chain};

/// Something that can be asked for the beacon of a round. What it answers is not to be believed: see [`Verified`].
pub trait BeaconSource {
    /// The beacon of a round.
    ///
    /// # Errors
    /// [`BeaconError`] if there is none to be had; [`BeaconError::is_retryable`] tells whether asking later may help.
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

/// A source whose every answer is checked: it is the round asked for, and the chain's key signed it. Genuine beacons
/// are remembered, so that a round is asked for and checked once.
#[derive(Debug)]
pub struct Verified<S> {
    chain: Chain,
    source: S,
    genuine: Mutex<BTreeMap<BeaconRound, Beacon>>,
}

impl<S: BeaconSource> Verified<S> {
    /// Checks what `source` says against `chain`.
    pub fn new(chain: Chain, source: S) -> Self {
        Self {
            chain,
            source,
            genuine: Mutex::default(),
        }
    }

    /// The chain that the beacons are of.
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
        // A thread that panicked elsewhere cannot have left a false beacon here.
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

/// Whether an answer is the genuine beacon of the round asked for.
pub(crate) fn check(chain: &Chain, asked: BeaconRound, beacon: &Beacon) -> Result<(), BeaconError> {
    if beacon.round != asked {
        return Err(BeaconError::WrongRound {
            asked,
            got: beacon.round,
        });
    }
    chain.verify(beacon).map(drop)
}
