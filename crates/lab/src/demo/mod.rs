//! `assize-lab demo`: a whole network on a local chain.

mod actors;
mod aftermath;
mod play;
mod report;
mod round;
mod schedule;
mod settlement;
mod stage;
mod summary;
mod tally;
mod text;

use std::path::PathBuf;

use assize_drand::{RecordedBeacons, Verified};
use clap::{Args, value_parser};
use eyre::WrapErr;

use assize_cli::output::{self, Outcome};
use assize_cli::{FormatArgs, wait_for};

/// Recorded, and verified all the same.
type Beacons = Verified<RecordedBeacons>;

/// Run a simulated network end to end on a local chain, and report what happened.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Stations in the roster.
    #[arg(long, default_value_t = 300, value_parser = value_parser!(u32).range(100..=2_000))]
    stations: u32,
    /// Rounds; there are recorded beacons for 15.
    #[arg(long, default_value_t = 3, value_parser = value_parser!(u8).range(1..=15))]
    rounds: u8,
    /// Seed of the simulation; the same seed gives the same report.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep chain state, store, databases and files in this directory, which must be empty or new.
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
    let report = wait_for(play::play(args, &directory))?;
    args.format.print(&report, || text::render(&report))?;
    if !args.format.is_json() {
        output::line(text::what_next(args.keep.as_deref()))?;
    }
    match report.verification.verdict.as_str() {
        "MATCH" => Ok(Outcome::Done),
        _ => Ok(Outcome::CheckFailed),
    }
}
