//! `assize demo`: the whole way, for real, on a local chain.

mod actors;
mod aftermath;
mod beacons;
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

use clap::{Args, value_parser};
use eyre::WrapErr;

use crate::commands::wait_for;
use crate::output::{self, Outcome};

/// Play a network end to end on a local chain, and report what happened.
///
/// Starts anvil, deploys the contracts, and runs rounds on recorded real drand beacons and real deals: a roster of
/// honest and hostile stations measures providers of hidden quality; batches are stored and committed, fraud thrown
/// out, a settlement signed, operators paid; at last a process of its own recomputes all of it. The same seed gives
/// the same report.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Stations in the roster.
    #[arg(long, default_value_t = 300, value_parser = value_parser!(u32).range(100..=2_000))]
    stations: u32,
    /// Rounds to play; there are recorded beacons for 15.
    #[arg(long, default_value_t = 3, value_parser = value_parser!(u8).range(1..=15))]
    rounds: u8,
    /// Seed of the simulation: keys, characters, hidden truth, noise.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leave chain state, store, databases and files in this directory, which must be empty or not exist.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Print the report as one JSON document.
    #[arg(long)]
    json: bool,
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
    output::either(args.json, &report, || text::render(&report))?;
    if !args.json {
        output::line(text::what_next(args.keep.as_deref()))?;
    }
    match report.verification.verdict.as_str() {
        "MATCH" => Ok(Outcome::Done),
        _ => Ok(Outcome::CheckFailed),
    }
}
