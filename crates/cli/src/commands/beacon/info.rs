//! `assize beacon info`.

use assize_protocol::BeaconRound;
use assize_service::{date_and_time, duration};
use clap::Args;
use serde_json::json;

use super::name_of;
use crate::args::{DrandArgs, FormatArgs};
use crate::connect::drand_chain;
use crate::output::Outcome;

/// Describe a drand chain, and convert between its rounds and Unix time.
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// Show when this round is published.
    #[arg(long, value_name = "R")]
    round: Option<BeaconRound>,
    /// Show the newest round at this Unix time, and the next.
    #[arg(long, value_name = "SECONDS")]
    at: Option<u64>,
    #[command(flatten)]
    drand: DrandArgs,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) fn run(args: &InfoArgs) -> eyre::Result<Outcome> {
    let chain = drand_chain(&args.drand)?;
    let schedule = chain.schedule();
    let info = chain.info();
    let time = args.round.map(|round| (round, schedule.time_of(round)));
    let rounds = args
        .at
        .map(|at| (schedule.round_at(at), schedule.round_after(at)));
    let mut report = json!({
        "chain": name_of(&args.drand),
        "hash": alloy_primitives::hex::encode(info.hash),
        "scheme": info.scheme.name(),
        "publicKey": alloy_primitives::hex::encode_prefixed(&info.public_key),
        "genesis": info.genesis_time,
        "period": info.period,
    });
    if let Some((round, time)) = time {
        report["round"] = json!(round);
        report["time"] = json!(time);
    }
    if let Some((newest, next)) = rounds {
        report["roundAt"] = json!(newest);
        report["roundAfter"] = json!(next);
    }
    args.format.print(&report, || {
        let mut text = format!(
            "{}: {}\n  hash       {}\n  public key {}\n  round 1    {}, then every {}",
            name_of(&args.drand),
            info.scheme.name(),
            alloy_primitives::hex::encode(info.hash),
            alloy_primitives::hex::encode(&info.public_key),
            both(info.genesis_time),
            duration(info.period)
        );
        if let Some((round, time)) = time {
            let when = time.map_or("never published".into(), |time| {
                format!("published at {}", both(time))
            });
            text.push_str(&format!("\n  round {round}: {when}"));
        }
        if let (Some(at), Some((newest, next))) = (args.at, rounds) {
            let newest = newest.map_or("none".into(), |round| round.to_string());
            text.push_str(&format!(
                "\n  at {at}: the newest round is {newest}, the next {next}"
            ));
        }
        text
    })?;
    Ok(Outcome::Done)
}

/// A time in both forms, because this command converts them.
fn both(at: u64) -> String {
    format!("{} (Unix time {at})", date_and_time(at))
}
