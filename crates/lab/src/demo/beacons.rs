//! The recorded beacons.

use assize_drand::{Beacon, BeaconSource, RecordedBeacons, Verified};
use assize_protocol::BeaconRound;
use eyre::eyre;

/// Recorded, and verified all the same.
pub(super) type Beacons = Verified<RecordedBeacons>;

pub(super) fn beacon(beacons: &Beacons, round: BeaconRound) -> eyre::Result<Beacon> {
    Ok(beacons.beacon(round)?)
}

pub(super) fn compressed(beacon: &Beacon) -> eyre::Result<&[u8; 48]> {
    beacon
        .signature
        .as_slice()
        .try_into()
        .map_err(|_| eyre!("beacon {} is not of quicknet", beacon.round))
}
