//! `assize run`: services, which run until SIGTERM or SIGINT.

mod beacon;
mod checker;
mod coordinator;
mod evaluator;
mod gateway;
mod guardian;
mod payout;
mod publisher;

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use eyre::ensure;

use crate::connect::is_transient;
use crate::output::{Outcome, with_causes};
use crate::telemetry::Logs;
use assize_service::{DataDir, printable};

/// Pause before the next try to start; it doubles up to [`LONGEST_RETRY`].
const RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

#[derive(Debug, Subcommand)]
pub(crate) enum RunCommand {
    Coordinator(Box<coordinator::CoordinatorArgs>),
    Publisher(publisher::PublisherArgs),
    Evaluator(evaluator::EvaluatorArgs),
    Guardian(Box<guardian::GuardianArgs>),
    Payout(payout::PayoutArgs),
    Checker(checker::CheckerArgs),
    Gateway(gateway::GatewayArgs),
    Beacon(beacon::BeaconArgs),
}

/// Run a service: coordinator, publisher, evaluator, guardian, payout, checker…
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(subcommand)]
    command: RunCommand,
    /// text or json; a checker's default on a terminal is screen.
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        hide_possible_values = true,
        help_heading = "Global"
    )]
    log: Option<LogFormat>,
}

/// The form of a service's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
    Screen,
}

impl RunCommand {
    /// Whether it runs until it is stopped.
    fn is_daemon(&self) -> bool {
        match self {
            Self::Publisher(service) => service.is_daemon(),
            Self::Evaluator(service) => service.is_daemon(),
            Self::Guardian(service) => service.is_daemon(),
            Self::Payout(service) => service.is_daemon(),
            Self::Coordinator(_) | Self::Checker(_) | Self::Gateway(_) | Self::Beacon(_) => true,
        }
    }
}

impl RunArgs {
    /// How it logs: each step, but for a checker, which has its own screen and its own lines.
    pub(super) fn logs(&self) -> Logs {
        Logs {
            steps: !matches!(self.command, RunCommand::Checker(_)),
            json: self.log == Some(LogFormat::Json),
        }
    }
}

pub(super) async fn run(args: &RunArgs, data: &DataDir) -> eyre::Result<Outcome> {
    ensure!(
        args.log != Some(LogFormat::Screen) || matches!(args.command, RunCommand::Checker(_)),
        "--log screen is for checkers; give text or json"
    );
    let mut pause = RETRY;
    loop {
        match start(args, data).await {
            // Exit code 2 means a faulty setup, after which supervisors do not restart. An unreachable node is not one.
            Err(error) if args.command.is_daemon() && is_transient(&error) => {
                let error = printable(&with_causes(&error, ": "));
                tracing::warn!(error, "cannot start yet; retrying");
                tokio::time::sleep(pause).await;
                pause = (2 * pause).min(LONGEST_RETRY);
            }
            outcome => return outcome,
        }
    }
}

async fn start(args: &RunArgs, data: &DataDir) -> eyre::Result<Outcome> {
    match &args.command {
        RunCommand::Coordinator(service) => coordinator::run(service, data).await,
        RunCommand::Publisher(service) => publisher::run(service, data).await,
        RunCommand::Evaluator(service) => evaluator::run(service, data).await,
        RunCommand::Guardian(service) => guardian::run(service, data).await,
        RunCommand::Payout(service) => payout::run(service, data).await,
        RunCommand::Checker(service) => checker::run(service, args.log, data).await,
        RunCommand::Gateway(service) => gateway::run(service, data).await,
        RunCommand::Beacon(service) => beacon::run(service, data).await,
    }
}
