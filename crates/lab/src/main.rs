//! The binary `assize-lab`: networks to try out and to test with, and every command of `assize`.
//!
//! The networks' processes are this binary's own commands, so that one build is enough.

mod demo;
mod simulate;
mod up;

use std::process::ExitCode;

use assize_cli::{DataDir, GlobalArgs};
use clap::{CommandFactory, Parser, Subcommand};

/// Try Assize on this machine: a demo, a network of processes, simulated adversaries.
#[derive(Debug, Parser)]
#[command(
    name = "assize-lab",
    version,
    max_term_width = 100,
    after_help = "Every command of `assize` works here, too."
)]
struct Cli {
    #[command(subcommand)]
    command: LabCommand,
    #[command(flatten)]
    global: GlobalArgs,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "parsed once")]
enum LabCommand {
    Demo(demo::DemoArgs),
    Up(up::UpArgs),
    Simulate(simulate::SimulateArgs),
    #[command(flatten)]
    Production(assize_cli::Command),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let data = DataDir::new(&cli.global.data);
    assize_cli::execute(&cli.global, || match &cli.command {
        LabCommand::Demo(args) => demo::run(args),
        LabCommand::Up(args) => up::run(args),
        LabCommand::Simulate(args) => simulate::run(args),
        LabCommand::Production(command) => assize_cli::run(command, &data, Cli::command),
    })
}
