//! One module for each group of commands; they parse, call and print.

mod admin;
mod beacon;
mod bundle;
mod check;
mod config;
mod deploy;
mod deposit;
mod derive;
mod key;
mod measurements;
mod operator;
mod reference;
mod round;
mod rsr;
mod run;
mod settlement;
mod spark;
mod tasks;
mod verify;
mod version;

use std::future::Future;

use clap::Subcommand;
use eyre::WrapErr;

use crate::output::Outcome;
use crate::telemetry::Logs;
use assize_service::DataDir;

/// The commands of `assize`.
#[derive(Debug, Subcommand)]
#[allow(
    missing_docs,
    reason = "a variant without a comment takes the help of its arguments"
)]
pub enum Command {
    Run(run::RunArgs),
    /// Check a task list.
    #[command(subcommand)]
    Tasks(tasks::TasksCommand),
    Check(check::CheckArgs),
    /// Rewards of operators: balance, claim, payout address, receipts.
    #[command(subcommand)]
    Operator(operator::OperatorCommand),
    /// Recompute a round, settlement or deployment, and compare it with the chain.
    #[command(subcommand)]
    Verify(verify::VerifyCommand),
    /// Pack a round or settlement into one file, to verify it offline.
    #[command(subcommand)]
    Bundle(bundle::BundleCommand),
    Rsr(rsr::RsrArgs),
    Measurements(measurements::MeasurementsArgs),
    /// Show, open and reveal rounds.
    #[command(subcommand)]
    Round(round::RoundCommand),
    /// Evaluate, sign, post, challenge and veto settlements.
    #[command(subcommand)]
    Settlement(settlement::SettlementCommand),
    /// Deploy the contracts: plan, apply, check, approve.
    #[command(subcommand)]
    Deploy(deploy::DeployCommand),
    Deposit(deposit::DepositArgs),
    Admin(admin::AdminArgs),
    /// Derive committees, tasks and shuffles from a seed.
    #[command(subcommand)]
    Derive(derive::DeriveCommand),
    /// Get, verify and describe drand beacons.
    #[command(subcommand)]
    Beacon(beacon::BeaconCommand),
    /// Show the address of a key.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Replay rounds of Spark, the predecessor, by its rules.
    #[command(subcommand)]
    Spark(spark::SparkCommand),
    /// Check and show the configuration file.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    Version(version::VersionArgs),
    Completions(reference::CompletionsArgs),
    Man(reference::ManArgs),
}

impl Command {
    /// How it logs by default.
    #[must_use]
    pub fn logs(&self) -> Logs {
        match self {
            Self::Run(args) => args.logs(),
            _ => Logs::default(),
        }
    }
}

/// Runs a command. `definition` is the whole command line, for completions and man pages.
///
/// # Errors
/// Invalid input, or the command failed.
pub fn run(command: &Command, data: &DataDir, definition: fn() -> clap::Command) -> eyre::Result<Outcome> {
    match command {
        Command::Run(args) => wait_for(run::run(args, data)),
        Command::Tasks(command) => tasks::run(command),
        Command::Check(args) => wait_for(check::run(args)),
        Command::Operator(command) => wait_for(operator::run(command, data)),
        Command::Verify(command) => wait_for(verify::run(command, data)),
        Command::Bundle(command) => wait_for(bundle::run(command, data)),
        Command::Rsr(args) => rsr::run(args, data),
        Command::Measurements(args) => wait_for(measurements::run(args, data)),
        Command::Round(command) => wait_for(round::run(command, data)),
        Command::Settlement(command) => wait_for(settlement::run(command, data)),
        Command::Deploy(command) => wait_for(deploy::run(command, data)),
        Command::Deposit(args) => wait_for(deposit::run(args, data)),
        Command::Admin(args) => wait_for(admin::run(args, data)),
        Command::Derive(command) => derive::run(command),
        Command::Beacon(command) => beacon::run(command),
        Command::Key(command) => wait_for(key::run(command)),
        Command::Spark(command) => spark::run(command),
        Command::Config(command) => config::run(command, &definition()),
        Command::Version(args) => version::run(args),
        Command::Completions(args) => reference::completions(args, definition()),
        Command::Man(args) => reference::man(args, definition()),
    }
}

/// Runs a command that talks to a node.
///
/// # Errors
/// `work` fails, or the runtime does not start.
pub fn wait_for<T>(work: impl Future<Output = eyre::Result<T>>) -> eyre::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .wrap_err("failed to start the async runtime")?
        .block_on(work)
}
