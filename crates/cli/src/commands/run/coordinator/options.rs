//! Options for stations and for clients of the API.

use std::num::NonZeroU32;
use std::path::PathBuf;

use crate::args::duration::positive_seconds;
use assize_api::ApiConfig;
use assize_guard::{Addresses, BucketsConfig, ConnectionLimits, ForwardingHeader, Proxies, Rate};
use assize_wire::Version;
use clap::{Args, ValueEnum, value_parser};

/// Which stations may be drawn.
#[derive(Debug, Args)]
#[command(next_help_heading = "Tuning (stations)")]
pub(crate) struct StationArgs {
    /// Live stations needed to open a round.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 1,
        value_parser = value_parser!(u32).range(1..),
        help_heading = "Stations"
    )]
    pub min_stations: u32,
    /// How long a station is live after a heartbeat.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = positive_seconds)]
    pub live_for: u64,
    /// Time between heartbeats.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = positive_seconds)]
    pub heartbeat_interval: u64,
    /// Maximum stations of one subnet (/24, /48) in a roster, the oldest first.
    #[arg(long, value_name = "COUNT", default_value_t = 16, value_parser = value_parser!(u32).range(1..))]
    pub max_per_subnet: u32,
    /// Oldest accepted version of checkers.
    #[arg(long, value_name = "VERSION", default_value = "0.1.0")]
    pub minimum_version: Version,
}

/// Limits for clients of the API, and the reverse proxies in front of it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Clients")]
pub(crate) struct ClientArgs {
    /// Secret shared by all instances [default: DATA/subnet.secret].
    #[arg(long, value_name = "FILE")]
    pub subnet_secret: Option<PathBuf>,
    /// Reverse proxy: an address or network such as 10.0.0.0/8; repeatable.
    #[arg(long = "trusted-proxy", value_name = "CIDR")]
    trusted_proxies: Vec<String>,
    /// Header with the client's address.
    #[arg(
        long,
        value_enum,
        value_name = "HEADER",
        default_value_t = ProxyHeader::XForwardedFor,
        requires = "trusted_proxies",
        help_heading = "Tuning (clients)"
    )]
    proxy_header: ProxyHeader,
    #[command(flatten)]
    limits: LimitArgs,
}

/// Limits for clients of the API, and the reverse proxies in front of it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Tuning (clients)")]
pub(crate) struct LimitArgs {
    /// Requests of one address: per second, and in a burst.
    #[arg(long, value_name = "RATE:BURST", default_value = "20:200", value_parser = rate)]
    address_rate: Rate,
    /// Requests of one subnet (/24, /48): per second, and in a burst.
    #[arg(long, value_name = "RATE:BURST", default_value = "100:1000", value_parser = rate)]
    subnet_rate: Rate,
    /// Maximum open connections; `ulimit -n` must be higher.
    #[arg(long, value_name = "COUNT", default_value_t = 8_192, value_parser = value_parser!(u32).range(1..))]
    connections: u32,
    /// Maximum open connections of one address; proxies are exempt.
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = value_parser!(u32).range(1..))]
    connections_per_address: u32,
    /// Maximum bytes of measurements stored in one day (UTC), by all instances.
    #[arg(long, value_name = "BYTES", default_value_t = 10 << 30)]
    daily_storage: u64,
}

impl ClientArgs {
    /// Maximum bytes of measurements stored in one day (UTC).
    pub(super) fn daily_storage(&self) -> u64 {
        self.limits.daily_storage
    }
}

/// Headers with the client's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProxyHeader {
    Forwarded,
    XForwardedFor,
}

impl From<ProxyHeader> for ForwardingHeader {
    fn from(header: ProxyHeader) -> Self {
        match header {
            ProxyHeader::Forwarded => Self::Forwarded,
            ProxyHeader::XForwardedFor => Self::XForwardedFor,
        }
    }
}

/// The API's settings.
pub(super) fn config(stations: &StationArgs, clients: &ClientArgs) -> eyre::Result<ApiConfig> {
    let addresses = Addresses {
        proxies: Proxies::parse(&clients.trusted_proxies)?,
        header: clients.proxy_header.into(),
    };
    let limits = &clients.limits;
    let buckets = BucketsConfig {
        host: limits.address_rate,
        subnet: limits.subnet_rate,
        ..BucketsConfig::default()
    };
    let connections = ConnectionLimits {
        total: limits.connections as usize,
        per_host: limits.connections_per_address as usize,
        ..ConnectionLimits::default()
    };
    Ok(ApiConfig {
        minimum_version: stations.minimum_version,
        heartbeat_interval: stations.heartbeat_interval,
        live_for: stations.live_for,
        max_per_subnet: stations.max_per_subnet,
        addresses,
        buckets,
        connections,
        ..ApiConfig::default()
    })
}

fn rate(text: &str) -> Result<Rate, String> {
    let parse = || {
        let (per_second, burst) = text.split_once(':')?;
        Some(Rate {
            per_second: per_second.parse::<NonZeroU32>().ok()?,
            burst: burst.parse::<NonZeroU32>().ok()?,
        })
    };
    parse().ok_or_else(|| "give requests per second and in a burst, such as 20:200".into())
}
