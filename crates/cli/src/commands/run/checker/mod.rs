//! `assize run checker`.

mod show;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use assize_checker::{Checker, Config, Inclusion, Metrics, Parts};
use assize_protocol::address::{AddressError, parse_operator, parse_station};
use assize_protocol::{Address, AttoFil};
use assize_retrieve::Url;
use assize_service::{Status, Stop};
use clap::{Args, value_parser};

use self::show::Show;
use super::LogFormat;
use crate::args::duration::seconds;
use crate::args::retrieval::RetrievalArgs;
use crate::args::{BeaconArgs, ChainArgs, InclusionArgs};
use crate::connect::{Network, beacons};
use crate::output::Outcome;
use crate::preflight::Preflight;
use crate::signer::inclusion_signer;
use assize_service::DataDir;

/// A checker is unhealthy after this many seconds without a successful heartbeat.
const PATIENCE: u64 = 600;

/// Check in each round whether providers serve what they promised, and earn rewards.
#[derive(Debug, Args)]
pub(crate) struct CheckerArgs {
    /// URL of the coordinator.
    #[arg(long, env = "ASSIZE_COORDINATOR", hide_env_values = true, value_name = "URL")]
    coordinator: Url,
    /// Evaluator that must hold a batch for it to count; repeatable.
    #[arg(long = "witness", value_name = "URL")]
    witnesses: Vec<Url>,
    /// Operator to pay: a 0x or f410 address.
    #[arg(long, env = "ASSIZE_OPERATOR", hide_env_values = true, value_name = "ADDRESS", value_parser = operator)]
    operator: Address,
    /// Ingest key of accepted receipts [default: the first one seen].
    #[arg(long, value_name = "ADDRESS", value_parser = parse_station)]
    ingest_address: Option<Address>,
    /// Exit after this many rounds with tasks; 1 after a disagreement.
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u64).range(1..))]
    rounds: Option<u64>,
    /// Same as --rounds 1.
    #[arg(long, conflicts_with = "rounds")]
    once: bool,
    /// Local address to connect from, on a machine with several addresses.
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<IpAddr>,
    /// Address of /healthz and /metrics.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    beacons: BeaconArgs,
    #[command(flatten)]
    inclusion: InclusionArgs,
    #[command(flatten)]
    pace: PaceArgs,
    #[command(flatten)]
    retrieval: RetrievalArgs,
}

/// How fast a round's tasks are done.
#[derive(Debug, Args)]
#[command(next_help_heading = "Tuning")]
struct PaceArgs {
    /// Concurrent retrievals.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = value_parser!(u8).range(1..=16))]
    concurrency: u8,
    /// Time over which a round's tasks are spread [default: the whole round].
    #[arg(long, value_name = "DURATION", value_parser = seconds)]
    spread: Option<u64>,
}

/// Parses an operator's address; the error for other kinds of addresses names the remedy.
fn operator(text: &str) -> Result<Address, String> {
    parse_operator(text).map_err(|error| match error {
        AddressError::NotDelegated { .. } => format!(
            "{error}; give your f410 or 0x address, and send its rewards to {text} with `assize operator payout-address set`"
        ),
        error => error.to_string(),
    })
}

pub(crate) async fn run(args: &CheckerArgs, log: Option<LogFormat>, data: &DataDir) -> eyre::Result<Outcome> {
    let beacons = beacons(&args.beacons)?;
    let inclusion = inclusion_signer(&args.inclusion)?.map(|signer| Inclusion {
        signer,
        max_fee: args.inclusion.inclusion_max_fee.unwrap_or(AttoFil::MAX),
    });
    let network = Network::connect(&args.chain, data).await?;
    let mut preflight = Preflight::new(&network, data).await?;
    preflight.drand(beacons.chain()).await?;
    let observed = preflight.bind(args.metrics).await;
    preflight.finish()?;
    let mut config = Config::new(args.coordinator.clone(), args.operator, data.checker());
    config.bind = args.bind;
    config.witnesses.clone_from(&args.witnesses);
    Checker::expect_network(&config, &network.rounds, beacons.chain()).await?;
    let stop = Stop::default();
    stop.set_on_signal();
    let status = Status::new(Metrics::new(), PATIENCE);
    let url = observed.map(|(listener, url)| {
        status.serve(listener, &stop);
        url
    });
    let show = Show::open(log);
    let parts = Parts {
        rounds: network.rounds.clone(),
        rewards: network.rewards.clone(),
        beacons: Arc::new(beacons),
        retriever: args
            .retrieval
            .retriever(&args.chain.rpc_url, network.deployment.chain_id)?,
        inclusion,
        listener: show.listener(),
        status,
    };
    config.ingest = args.ingest_address;
    config.concurrency = args.pace.concurrency.into();
    config.rounds = if args.once { Some(1) } else { args.rounds };
    config.spread = args.pace.spread.map(Duration::from_secs);
    config.url = url;
    let summary = Checker::open(config, parts)?.run(&stop).await;
    show.close();
    Ok(match summary?.refused {
        0 => Outcome::Done,
        _ if args.once || args.rounds.is_some() => Outcome::CheckFailed,
        _ => Outcome::Done,
    })
}
