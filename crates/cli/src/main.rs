//! The `assize` binary: parses arguments, calls the crates above it, prints.
//!
//! Data goes to stdout, talk to stderr. Exit codes: 0 done, 1 a check failed, 2 bad input or usage.

mod args;
mod commands;
mod demo;
mod output;
mod telemetry;
mod up;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::output::Outcome;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Dropped at the end: then the last traces are sent.
    let _telemetry = match telemetry::begin(cli.verbose) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            output::print_error(&error);
            return ExitCode::from(2);
        }
    };
    match commands::run(cli) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::CheckFailed) => ExitCode::from(1),
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::print_error(&error);
            ExitCode::from(2)
        }
    }
}
