//! The binary `assize-lab`: local networks for demos and tests, and every command of `assize`.
//!
//! The processes of a network are this binary's own commands, so that one build is enough.

mod demo;
mod devnet;
mod settings;
mod simulate;
#[cfg(test)]
mod tests;
mod up;

use std::process::ExitCode;

use assize_cli::{DataDir, GlobalArgs, Help, Logs, command_line};
use clap::{Parser, Subcommand};

/// Try Assize on this machine: a demo, a network of processes, simulated adversaries.
#[derive(Debug, Parser)]
#[command(
    name = "assize-lab",
    version,
    // The texts are short enough for lines of their own; wrapping depends on a feature that other crates may enable.
    term_width = 0,
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
    Devnet(devnet::DevnetArgs),
    Simulate(simulate::SimulateArgs),
    #[command(flatten)]
    Production(assize_cli::Command),
}

fn main() -> ExitCode {
    let cli: Cli = assize_cli::parse();
    let data = DataDir::new(&cli.global.data);
    let mut logs = match &cli.command {
        LabCommand::Production(command) => command.logs(),
        _ => Logs::default(),
    };
    logs.steps |= cli.global.verbose;
    assize_cli::execute(logs, || match &cli.command {
        LabCommand::Demo(args) => demo::run(args),
        LabCommand::Up(args) => up::run(args),
        LabCommand::Devnet(args) => devnet::run(args),
        LabCommand::Simulate(args) => simulate::run(args),
        LabCommand::Production(command) => assize_cli::run(command, &data, || command_line::<Cli>(Help::All)),
    })
}
