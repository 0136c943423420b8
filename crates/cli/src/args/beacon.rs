//! drand chain, and sources of its beacons.

use std::path::PathBuf;

use clap::Args;

/// Which drand chain.
#[derive(Debug, Clone, Args)]
pub(crate) struct DrandArgs {
    /// drand chain: quicknet, default or evmnet.
    #[arg(
        long = "drand",
        value_name = "NAME",
        default_value = "quicknet",
        value_parser = ["quicknet", "default", "evmnet"],
        hide_possible_values = true
    )]
    pub name: String,
    /// Another drand chain: a file with its relay's response to /info.
    #[arg(long = "drand-info", value_name = "FILE", conflicts_with = "name")]
    pub info: Option<PathBuf>,
}

/// Sources of beacons; every beacon is verified.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Beacons")]
pub(crate) struct BeaconArgs {
    /// File of beacons (JSON array in drand's format) instead of relays.
    #[arg(long, value_name = "FILE")]
    pub beacons: Option<PathBuf>,
    /// drand relay; repeatable, queried in order [default: the public ones].
    #[arg(long = "relay", value_name = "URL", conflicts_with = "beacons")]
    pub relays: Vec<String>,
    /// Directory in which fetched beacons are kept.
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "beacons",
        help_heading = "Tuning (beacons)"
    )]
    pub beacon_cache: Option<PathBuf>,
    #[command(flatten, next_help_heading = "Tuning (beacons)")]
    pub drand: DrandArgs,
}
