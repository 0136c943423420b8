//! The command line, and the arguments that many commands share.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::demo::DemoArgs;

/// Pays people to check whether data on Filecoin can be retrieved, and lets anyone recompute who earned what.
///
/// Exit codes: 0 done, 1 a check failed, 2 bad input or usage. Data goes to stdout, logs to stderr (RUST_LOG).
#[derive(Debug, Parser)]
#[command(name = "assize", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Log what is done, on stderr.
    #[arg(long, short, global = true)]
    pub verbose: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(DemoArgs),
    /// drand beacons.
    #[command(subcommand)]
    Beacon(commands::beacon::BeaconCommand),
    Committees(commands::committees::CommitteesArgs),
    Tasks(commands::committees::TasksArgs),
    Shuffle(commands::committees::ShuffleArgs),
    Deploy(commands::deploy::DeployArgs),
    Deposit(commands::deposit::DepositArgs),
    /// Open, reveal and look at rounds.
    #[command(subcommand)]
    Round(commands::round::RoundCommand),
    Publish(commands::publish::PublishArgs),
    Evaluate(commands::evaluate::EvaluateArgs),
    /// Sign and post settlements.
    #[command(subcommand)]
    Settle(commands::settle::SettleCommand),
    Payout(commands::payout::PayoutArgs),
    Claim(commands::claim::ClaimArgs),
    /// Recompute what the chain says, believing nobody.
    #[command(subcommand)]
    Verify(commands::verify::VerifyCommand),
    /// Pack all that recomputing needs into one file, for use without any network.
    #[command(subcommand)]
    Bundle(commands::bundle::BundleCommand),
}

/// Which chain, and where the contracts are.
#[derive(Debug, Clone, Args)]
pub(crate) struct ChainArgs {
    /// JSON-RPC endpoint.
    #[arg(long, env = "ASSIZE_RPC_URL", value_name = "URL", hide_env_values = true)]
    pub rpc_url: String,
    /// The contracts' addresses: the file that `assize deploy` prints.
    #[arg(long, env = "ASSIZE_DEPLOYMENT", value_name = "FILE")]
    pub deployment: PathBuf,
}

/// Where the secret key is. Keys are never taken from an argument.
#[derive(Debug, Clone, Args)]
pub(crate) struct KeyArgs {
    /// Encrypted keystore file; its password comes from ASSIZE_KEYSTORE_PASSWORD. Without it, the key is read from
    /// ASSIZE_PRIVATE_KEY.
    #[arg(long, env = "ASSIZE_KEYSTORE", value_name = "FILE")]
    pub keystore: Option<PathBuf>,
}

/// Where batches and documents are.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArgs {
    /// Directory of the local store.
    #[arg(long, env = "ASSIZE_STORE", value_name = "DIR", default_value = "store")]
    pub store: PathBuf,
}

/// Where batches and documents can be read.
#[derive(Debug, Clone, Args)]
pub(crate) struct SourceArgs {
    /// Directory of the local store; `store` if there is no --gateway either.
    #[arg(long, env = "ASSIZE_STORE", value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Trustless IPFS gateways, asked in this order after the local store.
    #[arg(long = "gateway", value_name = "URL")]
    pub gateways: Vec<String>,
}

/// A chain, and where the files and beacons that it names can be read.
#[derive(Debug, Clone, Args)]
pub(crate) struct OnlineArgs {
    #[command(flatten)]
    pub chain: ChainArgs,
    #[command(flatten)]
    pub source: SourceArgs,
    #[command(flatten)]
    pub beacons: BeaconArgs,
}

/// What there is to recompute from: chain, files and beacons, or a bundle of all three.
#[derive(Debug, Clone, Args)]
pub(crate) struct EvidenceArgs {
    /// A bundle of `assize bundle`, instead of chain, store and beacons: no network is used.
    #[arg(long, value_name = "BUNDLE", conflicts_with_all = ["gateways", "beacons", "relays", "beacon_cache"])]
    pub offline: Option<PathBuf>,
    // As in `ChainArgs`, but a bundle can stand in for them.
    /// JSON-RPC endpoint.
    #[arg(
        long,
        env = "ASSIZE_RPC_URL",
        value_name = "URL",
        hide_env_values = true,
        required_unless_present = "offline"
    )]
    rpc_url: Option<String>,
    /// The contracts' addresses: the file that `assize deploy` prints.
    #[arg(
        long,
        env = "ASSIZE_DEPLOYMENT",
        value_name = "FILE",
        required_unless_present = "offline"
    )]
    deployment: Option<PathBuf>,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    pub beacons: BeaconArgs,
}

impl EvidenceArgs {
    /// What was given instead of a bundle.
    pub(crate) fn online(&self) -> Option<OnlineArgs> {
        Some(OnlineArgs {
            chain: ChainArgs {
                rpc_url: self.rpc_url.clone()?,
                deployment: self.deployment.clone()?,
            },
            source: self.source.clone(),
            beacons: self.beacons.clone(),
        })
    }
}

/// Which drand chain.
#[derive(Debug, Clone, Args)]
pub(crate) struct DrandArgs {
    /// drand chain, by name.
    #[arg(long = "drand", value_name = "NAME", default_value = "quicknet", value_parser = ["quicknet", "default", "evmnet"])]
    pub name: String,
    /// Another drand chain, such as a devnet's: a file with what its relay's /info says.
    #[arg(long = "drand-info", value_name = "FILE", conflicts_with = "name")]
    pub info: Option<PathBuf>,
}

/// Where beacons come from; they are verified wherever they come from.
#[derive(Debug, Clone, Args)]
pub(crate) struct BeaconArgs {
    #[command(flatten)]
    pub drand: DrandArgs,
    /// A file of beacons (JSON array in drand's form), instead of the network.
    #[arg(long, value_name = "FILE")]
    pub beacons: Option<PathBuf>,
    /// drand relays, asked in this order.
    #[arg(long = "relay", value_name = "URL", conflicts_with = "beacons")]
    pub relays: Vec<String>,
    /// Keep beacons that were fetched in this directory.
    #[arg(long, value_name = "DIR", conflicts_with = "beacons")]
    pub beacon_cache: Option<PathBuf>,
}
