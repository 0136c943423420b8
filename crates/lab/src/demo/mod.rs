//! `assize-lab demo`: a simulated network on a local chain.

mod environment;
mod report;
mod roles;
mod round;
mod scenario;
mod schedule;
mod settlement;
mod summary;
mod tally;
mod text;
mod verify;

use std::path::PathBuf;

use assize_drand::{RecordedBeacons, Verified};
use clap::{Args, value_parser};
use eyre::WrapErr;

use assize_cli::output::{self, Outcome};
use assize_cli::{FormatArgs, wait_for};

/// Recorded beacons, each verified when it is read.
type Beacons = Verified<RecordedBeacons>;

/// Run a simulated network end to end on a local chain, and report what happened.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Stations in the roster.
    #[arg(long, default_value_t = 300, value_parser = value_parser!(u32).range(100..=2_000))]
    stations: u32,
    /// Rounds; beacons for 15 are recorded.
    #[arg(long, default_value_t = 3, value_parser = value_parser!(u8).range(1..=15))]
    rounds: u8,
    /// Seed; the same seed gives the same report.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep chain state, store and databases in this empty or new directory.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) fn run(args: &DemoArgs) -> eyre::Result<Outcome> {
    let temporary;
    let directory = match &args.keep {
        Some(directory) => output::empty_directory(directory)?,
        None => {
            temporary = tempfile::tempdir().wrap_err("cannot create a temporary directory")?;
            temporary.path().to_owned()
        }
    };
    let report = wait_for(scenario::run(args, &directory))?;
    args.format.print(&report, || text::render(&report))?;
    if !args.format.is_json() {
        output::line(text::what_next(args.keep.as_deref(), &std::env::current_exe()?))?;
    }
    match report.verification.verdict.as_str() {
        "MATCH" => Ok(Outcome::Done),
        _ => Ok(Outcome::CheckFailed),
    }
}
