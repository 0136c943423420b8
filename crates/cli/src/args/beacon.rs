//! Which drand chain, and where its beacons come from.

use std::path::PathBuf;

use clap::Args;

/// Which drand chain.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Beacons")]
pub(crate) struct DrandArgs {
    /// drand chain by name.
    #[arg(long = "drand", value_name = "NAME", default_value = "quicknet", value_parser = ["quicknet", "default", "evmnet"])]
    pub name: String,
    /// Another drand chain: a file with the answer of its relay's /info.
    #[arg(long = "drand-info", value_name = "FILE", conflicts_with = "name")]
    pub info: Option<PathBuf>,
}

/// Where beacons come from; every beacon is verified.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Beacons")]
pub(crate) struct BeaconArgs {
    #[command(flatten)]
    pub drand: DrandArgs,
    /// File of beacons (JSON array in drand's form) instead of relays.
    #[arg(long, value_name = "FILE")]
    pub beacons: Option<PathBuf>,
    /// drand relay [default: the public ones]; repeatable, asked in order.
    #[arg(long = "relay", value_name = "URL", conflicts_with = "beacons")]
    pub relays: Vec<String>,
    /// Directory in which fetched beacons are kept.
    #[arg(long, value_name = "DIR", conflicts_with = "beacons")]
    pub beacon_cache: Option<PathBuf>,
}
