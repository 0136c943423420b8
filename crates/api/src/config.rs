//! The api's settings.

use std::time::Duration;

use assize_guard::{Addresses, BodyLimits, BucketsConfig, ConnectionLimits, GateParams, ShareLimits};
use assize_wire::Version;

/// Settings of the api. The defaults suit a public network.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Oldest checker version whose measurements are accepted.
    pub minimum_version: Version,
    /// Seconds between heartbeats.
    pub heartbeat_interval: u64,
    /// Seconds for which a station counts as live after a heartbeat.
    pub live_for: u64,
    /// Seconds after the last heartbeat until a station is removed from the database.
    pub forget_after: u64,
    /// Maximum number of stations of one subnet in a roster: the coordinator's rule, reported by `GET /network`.
    pub max_per_subnet: u32,
    /// Maximum difference between a station's clock and the api's, seconds.
    pub max_clock_skew: u64,
    /// Interval between polls of the chain.
    pub poll: Duration,
    /// How long the chain may be unreachable before the api reports that it is not ready.
    pub patience: Duration,
    /// Maximum size of a body with several measurements, bytes.
    pub max_body: usize,
    /// Maximum number of measurements in one request.
    pub max_lines: usize,
    /// Maximum number of signatures waiting for verification. Further ones are rejected and counted by the gate.
    pub max_checking: usize,
    /// Proxies whose headers are trusted for a client's address.
    pub addresses: Addresses,
    /// Request limits per address and per subnet.
    pub buckets: BucketsConfig,
    /// The load-shedding gate for measurements.
    pub gate: GateParams,
    /// Limits on connections.
    pub connections: ConnectionLimits,
    /// Limits on bodies.
    pub bodies: BodyLimits,
    /// Maximum number of rosters and task lists being sent at once.
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
            poll: Duration::from_secs(5),
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
