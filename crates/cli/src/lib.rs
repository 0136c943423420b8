//! The command line of Assize: arguments, commands and output.
//!
//! The binary `assize` is a thin shell around it; `assize-lab` adds the commands that play networks.
//! Data goes to stdout, messages and logs to stderr.

mod args;
mod commands;
pub mod connect;
mod evidence;
pub mod output;
mod send;
mod signer;
mod telemetry;

use std::process::ExitCode;

pub use assize_service::DataDir;
use clap::{CommandFactory, Parser};

pub use self::args::duration::positive_seconds;
pub use self::args::{FormatArgs, GlobalArgs};
pub use self::commands::{Command, run, wait_for};
use self::output::Outcome;

/// Pays people to check whether data on Filecoin can be retrieved; anyone can recompute who earned what.
#[derive(Debug, Parser)]
#[command(
    name = "assize",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 done, 1 a check failed, 2 bad input or failure. Data goes to stdout, messages to stderr."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: GlobalArgs,
}

/// What `assize` does with its arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let data = DataDir::new(&cli.global.data);
    execute(&cli.global, || run(&cli.command, &data, Cli::command))
}

/// Runs a command with logs, prints its error, and returns its exit code.
#[must_use]
pub fn execute(global: &GlobalArgs, command: impl FnOnce() -> eyre::Result<Outcome>) -> ExitCode {
    // Dropped at the end: then the last traces are sent.
    let outcome = telemetry::begin(global.verbose).and_then(|_telemetry| command());
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest help of a command, in lines; a service has more options.
    const SCREEN: usize = 42;
    const SERVICE: usize = 90;

    fn walk(command: &mut clap::Command, path: &str, see: &mut dyn FnMut(&str, &str)) {
        see(path, &command.render_help().to_string());
        for inner in command.get_subcommands_mut() {
            let path = format!("{path} {}", inner.get_name());
            walk(inner, &path, see);
        }
    }

    #[test]
    fn every_help_fits_a_screen_and_is_in_the_snapshots() {
        let snapshots = include_str!("../../../tests/cli/help.trycmd");
        let mut command = Cli::command();
        command.build();
        walk(&mut command, "assize", &mut |path, help| {
            let most = if path.starts_with("assize run") {
                SERVICE
            } else {
                SCREEN
            };
            let lines = help.lines().count();
            assert!(lines <= most, "`{path} --help` has {lines} lines:\n{help}");
            let case = format!("$ {path} --help\n");
            assert!(
                path.contains(" help") || snapshots.contains(&case),
                "tests/cli/help.trycmd lacks `{path} --help`"
            );
        });
    }
}
