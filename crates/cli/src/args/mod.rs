//! The command line, and the arguments that many commands share.

use std::num::ParseIntError;
use std::path::PathBuf;
use std::time::Duration;

use assize_chain::{Fil, LedgerPath};
use assize_outbox::{Depth, Finality, Policy};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::demo::DemoArgs;
use crate::up::UpArgs;

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
    Up(UpArgs),
    /// drand beacons.
    #[command(subcommand)]
    Beacon(commands::beacon::BeaconCommand),
    Check(commands::check::CheckArgs),
    Checker(commands::checker::CheckerArgs),
    Committees(commands::committees::CommitteesArgs),
    Tasks(commands::committees::TasksArgs),
    Shuffle(commands::committees::ShuffleArgs),
    Address(commands::address::AddressArgs),
    Deploy(commands::deploy::DeployArgs),
    /// Compare a deployment with the source and with its file.
    #[command(subcommand)]
    Deployment(commands::deployment::DeploymentCommand),
    Deposit(commands::deposit::DepositArgs),
    /// Open, reveal and look at rounds.
    #[command(subcommand)]
    Round(commands::round::RoundCommand),
    Coordinator(commands::coordinator::CoordinatorArgs),
    Publish(commands::publish::PublishArgs),
    Evaluate(commands::evaluate::EvaluateArgs),
    Evaluator(commands::evaluator::EvaluatorArgs),
    /// Sign and post settlements.
    #[command(subcommand)]
    Settle(commands::settle::SettleCommand),
    /// What an operator can prove with the receipts of the ingest.
    #[command(subcommand)]
    Receipt(commands::receipt::ReceiptCommand),
    Gateway(commands::gateway::GatewayArgs),
    Payout(commands::payout::PayoutArgs),
    Balance(commands::balance::BalanceArgs),
    Claim(commands::claim::ClaimArgs),
    /// Look at or set where an operator's rewards go.
    #[command(subcommand)]
    PayoutAddress(commands::payout_address::PayoutAddressCommand),
    /// Recompute what the chain says, believing nobody.
    #[command(subcommand)]
    Verify(commands::verify::VerifyCommand),
    Rsr(commands::rsr::RsrArgs),
    Simulate(commands::simulate::SimulateArgs),
    /// Replay rounds of Spark, the predecessor, by its own rules.
    #[command(subcommand)]
    Spark(commands::spark::SparkCommand),
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
    /// The contracts' addresses: the file that `assize deploy` writes.
    #[arg(long, env = "ASSIZE_DEPLOYMENT", value_name = "FILE")]
    pub deployment: PathBuf,
}

/// Where the secret key is. Keys are never taken from an argument.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Key")]
pub(crate) struct KeyArgs {
    // No `env` of clap's here: what is given as an argument counts, whatever the environment holds.
    /// Encrypted keystore file, as `cast wallet` and geth write it [env: ASSIZE_KEYSTORE]. If no key is named, the one
    /// in ASSIZE_PRIVATE_KEY is used.
    #[arg(long, value_name = "FILE")]
    pub keystore: Option<PathBuf>,
    /// File with the keystore's password. Without it, the password comes from ASSIZE_KEYSTORE_PASSWORD or is asked for
    /// on the terminal.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ledger", "aws_kms"])]
    pub password_file: Option<PathBuf>,
    /// A key on the Ledger that is plugged in: an account as Ledger Live counts them, from 0 (the default); `legacy:` and
    /// a number; or a path such as m/44'/60'/0'/0/0.
    #[arg(
        long,
        value_name = "ACCOUNT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "0",
        conflicts_with = "keystore"
    )]
    pub ledger: Option<LedgerPath>,
    /// A key in AWS KMS: its id, ARN or alias/NAME [env: ASSIZE_AWS_KMS_KEY]. Region, credentials and endpoint come from
    /// AWS_* in the environment.
    #[arg(
        long,
        value_name = "KEY_ID",
        value_parser = NonEmptyStringValueParser::new(),
        conflicts_with_all = ["keystore", "ledger"]
    )]
    pub aws_kms: Option<String>,
}

/// How patient and how generous the transaction queue is. What is not given depends on the chain.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Transactions")]
pub(crate) struct QueueArgs {
    /// Blocks on top of a transaction's own before it counts.
    #[arg(long, value_name = "BLOCKS")]
    pub confirmations: Option<u64>,
    /// Blocks on top of a transaction's own before it is final; the node's `finalized` block decides if not given.
    #[arg(long, value_name = "BLOCKS")]
    pub finality: Option<u64>,
    /// Most that a unit of gas may cost, attoFIL; above it, transactions wait.
    #[arg(long, value_name = "ATTOFIL")]
    pub max_gas_price: Option<u128>,
    /// Most that one transaction may cost in fees, with all its replacements.
    #[arg(long, value_name = "FIL")]
    pub max_fee: Option<Fil>,
    /// Most that may be spent in one day (UTC), at the transactions' highest possible price.
    #[arg(long, value_name = "FIL")]
    pub daily_cap: Option<Fil>,
    /// Seconds without a receipt after which a transaction is sent again; after twice as long it is replaced at a higher
    /// price.
    #[arg(long, value_name = "SECONDS")]
    pub resend_after: Option<u64>,
    /// Milliseconds between two looks at the chain.
    #[arg(long, value_name = "MILLISECONDS", value_parser = milliseconds)]
    pub poll: Option<Duration>,
}

impl QueueArgs {
    /// The chain's policy, with what was given.
    pub(crate) fn policy(&self, chain_id: u64) -> Policy {
        let mut policy = Policy::for_chain(chain_id);
        if let Some(blocks) = self.confirmations {
            policy.commit = Depth::Blocks(blocks);
            policy.payout = Depth::Blocks(blocks);
        }
        if let Some(blocks) = self.finality {
            policy.finality = Finality::Blocks(blocks);
        }
        if let Some(seconds) = self.resend_after {
            policy.resend_after = seconds;
            policy.bump_after = seconds.saturating_mul(2);
        }
        policy.poll = self.poll.unwrap_or(policy.poll);
        policy.caps.gas_price = self.max_gas_price.unwrap_or(policy.caps.gas_price);
        policy.caps.intent = self.max_fee.map_or(policy.caps.intent, |Fil(atto)| atto);
        policy.caps.daily = self.daily_cap.map_or(policy.caps.daily, |Fil(atto)| atto);
        policy
    }
}

fn milliseconds(text: &str) -> Result<Duration, ParseIntError> {
    text.parse().map(Duration::from_millis)
}

/// Where batches and documents are.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArgs {
    /// A directory; s3://bucket/prefix (credentials from AWS_* in the environment); or kubo:http://127.0.0.1:5001.
    #[arg(long, env = "ASSIZE_STORE", value_name = "STORE", default_value = "store")]
    pub store: String,
}

/// Where batches and documents can be read.
#[derive(Debug, Clone, Args)]
pub(crate) struct SourceArgs {
    /// A directory, s3://bucket/prefix or kubo:URL; the directory `store` if there is no --gateway either.
    #[arg(long, env = "ASSIZE_STORE", value_name = "STORE")]
    pub store: Option<String>,
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
    /// The contracts' addresses: the file that `assize deploy` writes.
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
