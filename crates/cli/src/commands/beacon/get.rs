//! `assize beacon get`.

use std::str::FromStr;
use std::time::Duration;

use assize_drand::{BeaconSource, Clock, SystemClock, wait_for};
use assize_protocol::BeaconRound;
use assize_service::date_and_time;
use clap::Args;
use eyre::OptionExt;

use crate::args::{BeaconArgs, FormatArgs};
use crate::connect::beacons;
use crate::output::Outcome;

/// How late a round may be.
const PATIENCE: Duration = Duration::from_secs(60);

/// Get a beacon from relays, a file or the cache, and verify it.
#[derive(Debug, Args)]
#[command(mut_arg("name", |drand| drand.help_heading("Beacons")))]
pub struct GetArgs {
    /// drand round, or `latest`.
    round: Which,
    /// Wait until the round is published.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    beacons: BeaconArgs,
}

#[derive(Debug, Clone, Copy)]
enum Which {
    Latest,
    Round(BeaconRound),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "latest" => Ok(Self::Latest),
            number => number
                .parse()
                .map(Self::Round)
                .map_err(|_| "give the number of a drand round, or `latest`".into()),
        }
    }
}

pub(crate) fn run(args: &GetArgs) -> eyre::Result<Outcome> {
    let source = beacons(&args.beacons)?;
    let schedule = source.chain().schedule();
    let round = match args.round {
        Which::Round(round) => round,
        Which::Latest => schedule
            .round_at(SystemClock.now().as_secs())
            .ok_or_eyre("this drand chain has not started yet")?,
    };
    let beacon = match args.wait {
        true => wait_for(&source, source.chain(), round, PATIENCE, &SystemClock)?,
        false => source.beacon(round)?,
    };
    args.format.print(&beacon, || {
        format!(
            "round {}, published at {}\n  randomness {}\n  signature  {}",
            beacon.round,
            date_and_time(schedule.time_of(round).unwrap_or_default()),
            alloy_primitives::hex::encode(beacon.randomness().0),
            alloy_primitives::hex::encode(&beacon.signature)
        )
    })?;
    Ok(Outcome::Done)
}
