//! drand beacons: verification, relays, offline bundles.
