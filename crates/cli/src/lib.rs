//! The command line of Assize: arguments, commands and output.
//!
//! The binary `assize` only calls it; `assize-lab` adds the commands that run test networks.
//! Data goes to stdout, messages and logs to stderr.

mod args;
mod commands;
mod config;
pub mod connect;
mod evidence;
mod help;
pub mod output;
mod preflight;
mod send;
mod signer;
mod telemetry;
mod text_file;
mod variable;

use std::process::ExitCode;

pub use assize_service::DataDir;
use assize_service::date_and_time;
use clap::Parser;

pub use self::args::duration::positive_seconds;
pub use self::args::{FormatArgs, GlobalArgs};
pub use self::commands::{Command, run, wait_for};
pub use self::help::{Help, command_line, parse};
use self::output::Outcome;
pub use self::telemetry::Logs;

/// Pay operators to check that data on Filecoin can be retrieved; anyone can recompute who earned what.
#[derive(Debug, Parser)]
#[command(
    name = "assize",
    version,
    // The texts are short enough for lines of their own; wrapping depends on a feature that other crates may enable.
    term_width = 0,
    after_help = "Exit codes: 0 done, 1 a check failed, 2 error. Data goes to stdout, messages to stderr."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: GlobalArgs,
}

/// Runs `assize` with this process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli: Cli = parse();
    let data = DataDir::new(&cli.global.data);
    let mut logs = cli.command.logs();
    logs.steps |= cli.global.verbose;
    execute(logs, || {
        run(&cli.command, &data, || command_line::<Cli>(Help::All))
    })
}

/// Runs a command with logs, prints its error, and returns its exit code.
#[must_use]
pub fn execute(logs: Logs, command: impl FnOnce() -> eyre::Result<Outcome>) -> ExitCode {
    assize_chain::show_times_as(date_and_time);
    // Dropped at the end, which sends the last traces.
    let outcome = telemetry::begin(logs).and_then(|_telemetry| command());
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::CheckFailed) => ExitCode::from(1),
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::print_error(&error);
            ExitCode::from(2)
        }
    }
}
