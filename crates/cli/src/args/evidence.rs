//! Inputs of a recomputation: chain, files and beacons, or a bundle of all three.

use std::path::{Path, PathBuf};

use assize_protocol::B256;
use clap::Args;

use super::beacon::BeaconArgs;
use super::chain::ChainArgs;
use super::store::SourceArgs;

/// A chain, and the sources of its files and beacons.
#[derive(Debug, Clone, Args)]
pub(crate) struct OnlineArgs {
    #[command(flatten)]
    pub chain: ChainArgs,
    #[command(flatten)]
    pub source: SourceArgs,
    #[command(flatten)]
    pub beacons: BeaconArgs,
}

/// A chain with its files and beacons, or a bundle of all three.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Chain")]
pub(crate) struct EvidenceArgs {
    /// Bundle instead of chain, store and beacons; uses no network.
    #[arg(long, value_name = "BUNDLE", conflicts_with_all = ["gateways", "beacons", "relays", "beacon_cache"])]
    pub offline: Option<PathBuf>,
    /// Accept a bundle whose beacons are of this drand chain, which you trust [default: that of --drand].
    #[arg(
        long,
        value_name = "HASH",
        requires = "offline",
        conflicts_with = "info",
        help_heading = "Tuning (beacons)"
    )]
    pub drand_hash: Option<B256>,
    // As in `ChainArgs`, but optional, since a bundle can replace it.
    /// JSON-RPC endpoint.
    #[arg(long, env = "ASSIZE_RPC_URL", value_name = "URL", hide_env_values = true)]
    rpc_url: Option<String>,
    /// Deployment file [default: DATA/deployment.json].
    #[arg(long, env = "ASSIZE_DEPLOYMENT", hide_env_values = true, value_name = "FILE")]
    deployment: Option<PathBuf>,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    pub beacons: BeaconArgs,
}

impl OnlineArgs {
    /// Files that they name.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let files = [self.chain.deployment.as_deref(), self.beacons.beacons.as_deref()];
        files.into_iter().flatten()
    }
}

impl EvidenceArgs {
    /// Files that they name.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let files = [
            self.offline.as_deref(),
            self.deployment.as_deref(),
            self.beacons.beacons.as_deref(),
        ];
        files.into_iter().flatten()
    }

    /// The chain and its sources, if no bundle was given.
    pub(crate) fn online(&self) -> Option<OnlineArgs> {
        Some(OnlineArgs {
            chain: ChainArgs {
                rpc_url: self.rpc_url.clone()?,
                deployment: self.deployment.clone(),
            },
            source: self.source.clone(),
            beacons: self.beacons.clone(),
        })
    }
}
