//! What can be said of stations, clients and floods.

use std::num::NonZeroU32;
use std::path::PathBuf;

use assize_api::ApiConfig;
use assize_guard::{Addresses, BucketsConfig, ConnectionLimits, ForwardingHeader, Proxies, Rate};
use assize_wire::Version;
use clap::{Args, ValueEnum, value_parser};

/// Who may be drawn.
#[derive(Debug, Args)]
#[command(next_help_heading = "Stations")]
pub(super) struct StationArgs {
    /// Seconds for which a station counts as live after a heartbeat.
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, value_parser = value_parser!(u64).range(1..))]
    pub live_for: u64,
    /// Seconds between heartbeats.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = value_parser!(u64).range(1..))]
    pub heartbeat_interval: u64,
    /// Stations that must be live; with fewer, no round is opened.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = value_parser!(u32).range(1..))]
    pub min_stations: u32,
    /// Most stations of one subnet (/24, /48) in a roster: those that were seen first.
    #[arg(long, value_name = "COUNT", default_value_t = 16, value_parser = value_parser!(u32).range(1..))]
    pub max_per_subnet: u32,
    /// Oldest version of checkers that is drawn, and whose measurements are taken.
    #[arg(long, value_name = "VERSION", default_value = "0.1.0")]
    pub minimum_version: Version,
}

/// Who may come in, and how much.
#[derive(Debug, Args)]
#[command(next_help_heading = "Clients")]
pub(super) struct ClientArgs {
    /// Secret that the tags of subnets are made with; made if the file is not there. All instances need the same.
    #[arg(long, value_name = "FILE", default_value = "subnet.secret")]
    pub subnet_secret: PathBuf,
    /// Proxy that is believed when it says for whom it asks: an address, or a network such as 10.0.0.0/8. May be given
    /// more than once.
    #[arg(long = "trusted-proxy", value_name = "CIDR")]
    trusted_proxies: Vec<String>,
    /// The header that those proxies write.
    #[arg(long, value_enum, value_name = "HEADER", default_value_t = ProxyHeader::XForwardedFor, requires = "trusted_proxies")]
    proxy_header: ProxyHeader,
    /// Requests that an address may make: per second, and at once.
    #[arg(long, value_name = "RATE:BURST", default_value = "20:200", value_parser = rate)]
    address_rate: Rate,
    /// Requests that a subnet (/24, /48) may make: per second, and at once.
    #[arg(long, value_name = "RATE:BURST", default_value = "100:1000", value_parser = rate)]
    subnet_rate: Rate,
    /// Most connections at a time, over all; the limit of open files (`ulimit -n`) must be higher.
    #[arg(long, value_name = "COUNT", default_value_t = 8_192, value_parser = value_parser!(u32).range(1..))]
    connections: u32,
    /// Most connections of an address at a time; proxies are exempt.
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = value_parser!(u32).range(1..))]
    connections_per_address: u32,
    /// Most bytes of measurements that are taken in one day (UTC), over all instances; 10 GiB if not given.
    #[arg(long, value_name = "BYTES", default_value_t = 10 << 30)]
    pub daily_storage: u64,
}

/// Headers that proxies write.
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

/// The api's settings.
pub(super) fn config(stations: &StationArgs, clients: &ClientArgs) -> eyre::Result<ApiConfig> {
    let addresses = Addresses {
        proxies: Proxies::parse(&clients.trusted_proxies)?,
        header: clients.proxy_header.into(),
    };
    let buckets = BucketsConfig {
        host: clients.address_rate,
        subnet: clients.subnet_rate,
        ..BucketsConfig::default()
    };
    let connections = ConnectionLimits {
        total: clients.connections as usize,
        per_host: clients.connections_per_address as usize,
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
    parse().ok_or_else(|| {
        "give two whole numbers, as in 20:200: requests per second, and requests at once".into()
    })
}
