//! `assize run`: services, which run until SIGTERM or SIGINT.

mod beacon;
mod checker;
mod coordinator;
mod evaluator;
mod gateway;
mod payout;
mod publisher;

use clap::Subcommand;

use crate::output::Outcome;
use assize_service::DataDir;

#[derive(Debug, Subcommand)]
pub enum RunCommand {
    Coordinator(Box<coordinator::CoordinatorArgs>),
    Publisher(publisher::PublisherArgs),
    Evaluator(evaluator::EvaluatorArgs),
    Payout(payout::PayoutArgs),
    Checker(checker::CheckerArgs),
    Gateway(gateway::GatewayArgs),
    Beacon(beacon::BeaconArgs),
}

pub(super) async fn run(command: &RunCommand, data: &DataDir) -> eyre::Result<Outcome> {
    match command {
        RunCommand::Coordinator(args) => coordinator::run(args, data).await,
        RunCommand::Publisher(args) => publisher::run(args, data).await,
        RunCommand::Evaluator(args) => evaluator::run(args, data).await,
        RunCommand::Payout(args) => payout::run(args, data).await,
        RunCommand::Checker(args) => checker::run(args, data).await,
        RunCommand::Gateway(args) => gateway::run(args, data).await,
        RunCommand::Beacon(args) => beacon::run(args, data).await,
    }
}
