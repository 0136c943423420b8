//! Cuts rosters, opens rounds and reveals their beacons.
