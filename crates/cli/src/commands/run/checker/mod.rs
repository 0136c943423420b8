//! `assize checker`.

pub(crate) mod retrieval;
mod show;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use assize_chain::ChainError;
use assize_checker::{Checker, Config, Metrics, Parts, Plain};
use assize_protocol::Address;
use assize_protocol::address::{AddressError, parse_operator, parse_station};
use assize_retrieve::Url;
use assize_service::{Status, Stop};
use clap::{Args, value_parser};

use self::retrieval::RetrievalArgs;
use self::show::{LogForm, Show};
use super::connect::{Network, beacons};
use crate::args::{BeaconArgs, ChainArgs};
use crate::output::{self, Outcome};

/// Without a good heartbeat for so long, a checker is not healthy, seconds.
const PATIENCE: u64 = 600;
/// Pause before a node that does not answer is asked again.
const RETRY: Duration = Duration::from_secs(5);

/// Check, round by round, whether providers serve what they promised, and earn for it.
///
/// Makes a key at its first start, says every minute that it lives, and does the tasks that each round's beacon draws for it.
/// What the coordinator says of a round is derived anew from chain and beacon; where it differs, nothing is done in that
/// round. Runs until it is told to end (SIGTERM, SIGINT). Can be killed at any moment: no task is done twice, and nothing
/// that was measured is lost. With --rounds or --once, exits with 1 if it had to refuse a round.
#[derive(Debug, Args)]
pub(crate) struct CheckerArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    beacons: BeaconArgs,
    /// The coordinator.
    #[arg(long, env = "ASSIZE_COORDINATOR", value_name = "URL")]
    coordinator: Url,
    /// Who earns: a 0x or f410 address. Several checkers may have the same.
    #[arg(long, env = "ASSIZE_OPERATOR", value_name = "ADDRESS", value_parser = operator)]
    operator: Address,
    /// Directory of its key (station.key), of what is not handed in yet (spool.sqlite), and of its receipts
    /// (receipts/round-N.ndjson, kept for 30 days); made if need be. One for each checker.
    #[arg(
        long,
        env = "ASSIZE_CHECKER_STATE",
        value_name = "DIR",
        default_value = "checker"
    )]
    state: PathBuf,
    /// Ingest key whose receipts are believed, instead of the first one seen.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_station)]
    ingest: Option<Address>,
    /// Retrievals at a time.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = value_parser!(u8).range(1..=16))]
    concurrency: u8,
    /// Do the tasks of a round within so many seconds, instead of spreading them over the round. For networks on one machine.
    #[arg(long, value_name = "SECONDS")]
    spread: Option<u64>,
    /// End after so many rounds in which it had a part.
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u64).range(1..))]
    rounds: Option<u64>,
    /// End after one round in which it had a part.
    #[arg(long, conflicts_with = "rounds")]
    once: bool,
    /// What it tells, and how; a screen on a terminal, else text.
    #[arg(long, value_name = "FORM")]
    log: Option<LogForm>,
    /// Address that requests to the coordinator come from, on a machine with several.
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<IpAddr>,
    /// Address for /healthz and /metrics; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    retrieval: RetrievalArgs,
}

/// Reads an operator's address, and says what to do with one that cannot be it.
fn operator(text: &str) -> Result<Address, String> {
    parse_operator(text).map_err(|error| match error {
        AddressError::NotDelegated { .. } => format!(
            "{error}; give an f410 or 0x address of yours, and let its rewards go to {text} with `assize payout-address set`"
        ),
        error => error.to_string(),
    })
}

pub(crate) async fn run(args: &CheckerArgs) -> eyre::Result<Outcome> {
    let stop = Stop::default();
    stop.set_on_signal();
    let Some(network) = connect(args, &stop).await? else {
        return Ok(Outcome::Done);
    };
    let status = Status::new(Metrics::new(), PATIENCE);
    let url = match args.listen {
        Some(address) => Some(status.listen(address, &stop).await?),
        None => None,
    };
    let show = Show::open(args.log);
    let parts = Parts {
        rounds: network.rounds.clone(),
        rewards: network.rewards.clone(),
        beacons: Arc::new(beacons(&args.beacons)?),
        retriever: args
            .retrieval
            .retriever(&args.chain.rpc_url, network.deployment.chain_id)?,
        listener: show.listener(),
        status,
    };
    let mut config = Config::new(args.coordinator.clone(), args.operator, args.state.clone());
    config.bind = args.bind;
    config.ingest = args.ingest;
    config.concurrency = args.concurrency.into();
    config.rounds = if args.once { Some(1) } else { args.rounds };
    config.spread = args.spread.map(Duration::from_secs);
    config.url = url;
    let summary = Checker::open(config, parts)?.run(&stop).await;
    show.close();
    Ok(match summary?.refused {
        0 => Outcome::Done,
        _ if args.once || args.rounds.is_some() => Outcome::CheckFailed,
        _ => Outcome::Done,
    })
}

/// The node and the contracts; waits for a node that does not answer. None if it is told to end meanwhile.
async fn connect(args: &CheckerArgs, stop: &Stop) -> eyre::Result<Option<Network>> {
    while !stop.is_set() {
        match Network::connect(&args.chain).await {
            Ok(network) => return Ok(Some(network)),
            Err(error)
                if error
                    .downcast_ref::<ChainError>()
                    .is_some_and(ChainError::is_transient) =>
            {
                output::say(format!("{}; trying again", Plain(&error.to_string())));
                stop.wait(RETRY).await;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
