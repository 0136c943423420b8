//! `assize beacon`.

mod get;
mod info;
mod verify;

use clap::Subcommand;

use crate::args::DrandArgs;
use crate::output::Outcome;

#[derive(Debug, Subcommand)]
pub enum BeaconCommand {
    Get(get::GetArgs),
    Verify(verify::VerifyArgs),
    Info(info::InfoArgs),
}

pub(crate) fn run(command: &BeaconCommand) -> eyre::Result<Outcome> {
    match command {
        BeaconCommand::Get(args) => get::run(args),
        BeaconCommand::Verify(args) => verify::run(args),
        BeaconCommand::Info(args) => info::run(args),
    }
}

/// The name of a chain in output.
fn name_of(args: &DrandArgs) -> String {
    match &args.info {
        Some(path) => path.display().to_string(),
        None => args.name.clone(),
    }
}
