//! `assize deploy`.

mod apply;
mod approve;
pub(super) mod check;
mod plan;
mod text;

use clap::Subcommand;

use crate::output::Outcome;
use assize_service::DataDir;

/// Commands of deployers.
#[derive(Debug, Subcommand)]
pub enum DeployCommand {
    Plan(plan::PlanArgs),
    Apply(apply::ApplyArgs),
    Check(check::CheckArgs),
    Approve(approve::ApproveArgs),
}

pub(super) async fn run(command: &DeployCommand, data: &DataDir) -> eyre::Result<Outcome> {
    match command {
        DeployCommand::Plan(args) => plan::run(args).await,
        DeployCommand::Apply(args) => apply::run(args, data).await,
        DeployCommand::Check(args) => check::run(args, data).await,
        DeployCommand::Approve(args) => approve::run(args, data).await,
    }
}
