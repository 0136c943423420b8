//! What an operator of the api chooses.

use std::time::Duration;

use assize_guard::{Addresses, BodyLimits, BucketsConfig, ConnectionLimits, GateParams, ShareLimits};
use assize_wire::Version;

/// Settings of the api. The defaults are for a public network.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Oldest version of checkers whose measurements are taken.
    pub minimum_version: Version,
    /// Seconds between heartbeats.
    pub heartbeat_interval: u64,
    /// Seconds for which a station counts as live after a heartbeat.
    pub live_for: u64,
    /// Seconds after the last heartbeat at which a station is struck out of the book: it begins anew then.
    pub forget_after: u64,
    /// Most stations of one subnet in a roster: the coordinator's rule, told by `GET /network`.
    pub max_per_subnet: u32,
    /// Seconds by which a station's clock may differ from the api's.
    pub max_clock_skew: u64,
    /// How often the chain is looked at.
    pub poll: Duration,
    /// How long the chain may be out of reach before the api calls itself not ready.
    pub patience: Duration,
    /// Longest body of several measurements, bytes.
    pub max_body: usize,
    /// Most measurements in one request.
    pub max_lines: usize,
    /// Signatures that may wait to be checked; more are refused, and the gate told.
    pub max_checking: usize,
    /// Whose word is taken for a client's address.
    pub addresses: Addresses,
    /// Requests that an address and a subnet may make.
    pub buckets: BucketsConfig,
    /// The gate before what is sent in.
    pub gate: GateParams,
    /// What connections may cost.
    pub connections: ConnectionLimits,
    /// What bodies may cost.
    pub bodies: BodyLimits,
    /// Rosters and task lists that may be on their way at once.
    pub lists: ShareLimits,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            minimum_version: Version(0, 1, 0),
            heartbeat_interval: 60,
            live_for: 3_600,
            forget_after: 7 * 86_400,
            max_per_subnet: 16,
            max_clock_skew: 300,
            poll: Duration::from_secs(3),
            patience: Duration::from_secs(120),
            max_body: 1 << 20,
            max_lines: 100,
            max_checking: 4_000,
            addresses: Addresses::default(),
            buckets: BucketsConfig::default(),
            gate: GateParams::default(),
            connections: ConnectionLimits::default(),
            bodies: BodyLimits::default(),
            lists: ShareLimits {
                total: 64,
                per_subnet: 8,
                per_host: 4,
            },
        }
    }
}
