//! `assize run evaluator`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use assize_evaluator::{Board, Evaluator, EvaluatorDaemon, Parts, Pass, Peer, Plan, catalog_router, metrics};
use assize_outbox::Outbox;
use assize_service::{Audience, ConnectionLimits, Status, Stop, counted, serve};
use assize_stats::add_rounds;
use assize_store::LocalStore;
use assize_verify::measurements;
use clap::{Args, value_parser};
use serde_json::{Value, json};

use crate::args::duration::seconds;
use crate::args::{BeaconArgs, ChainArgs, FormatArgs, KeyArgs, QueueArgs, StoreArgs};
use crate::connect::{Network, backed_store, beacons, store, store_directory};
use crate::output::{self, Outcome};
use crate::preflight::{Duty, Preflight};
use crate::signer::signer;
use assize_service::DataDir;

/// Recompute finished rounds, sign their settlements, and post them.
///
/// With FIL on its key it also objects to files that nobody serves, and answers the Court, whether it posts or not.
#[derive(Debug, Args)]
pub(crate) struct EvaluatorArgs {
    /// Rounds in a settlement, at most 512, the same for all evaluators.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 72,
        value_parser = value_parser!(u64).range(1..=512),
        help_heading = "Tuning"
    )]
    rounds_per_settlement: u64,
    /// Time to wait after the last commit window, for reorganisations.
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "15m",
        value_parser = seconds,
        help_heading = "Tuning"
    )]
    delay: u64,
    /// URL of another evaluator's --listen, also to read files; repeatable.
    #[arg(long = "peer", value_name = "URL")]
    peers: Vec<Peer>,
    /// Also post settlements that enough evaluators signed; needs FIL.
    #[arg(long)]
    post: bool,
    /// Reveal and open rounds that the coordinator leaves alone; needs FIL.
    #[arg(long, conflicts_with = "once")]
    stand_in: bool,
    /// Catalog for `assize rsr` [default: DATA/rates.json].
    #[arg(long, value_name = "FILE")]
    rates: Option<PathBuf>,
    /// Do one pass and exit.
    #[arg(long)]
    once: bool,
    /// Address of /proposal, /plan (peers), /held (checkers), /ipfs, /rates.json.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "once")]
    listen: Option<SocketAddr>,
    /// Address of /healthz and /metrics.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "once")]
    metrics: Option<SocketAddr>,
    /// Trustless IPFS gateway, for what the store lacks; repeatable.
    #[arg(long = "gateway", value_name = "URL")]
    gateways: Vec<String>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    beacons: BeaconArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    queue: QueueArgs,
}

impl EvaluatorArgs {
    /// Whether it runs until it is stopped.
    pub(super) fn is_daemon(&self) -> bool {
        !self.once
    }
}

pub(crate) async fn run(args: &EvaluatorArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect_to_send(&args.chain, data).await?;
    let beacons = beacons(&args.beacons)?;
    let signer = signer(&args.key).await?;
    let mut preflight = Preflight::new(&network, data).await?;
    preflight.store(&args.store, data, true);
    let served = preflight.bind(args.listen).await;
    let observed = preflight.bind(args.metrics).await;
    preflight.drand(beacons.chain()).await?;
    preflight.duty(Duty::Evaluator, signer.address()).await?;
    if args.post || args.stand_in {
        preflight.funds(&signer).await?;
    }
    preflight.gateways(&args.gateways)?;
    preflight.finish()?;
    data.create()?;
    let policy = args.queue.policy(network.deployment.chain_id);
    // A daemon may have to object to a file, or to answer the Court.
    let outbox = match args.post || !args.once {
        true => Some(Outbox::open(
            &data.evaluator_queue(),
            network.client.clone(),
            signer.clone(),
            policy,
        )?),
        false => None,
    };
    let board = Board::default();
    // Settlement documents are in the stores of those that have made them.
    let peers = args.peers.iter().map(ToString::to_string);
    let gateways: Vec<_> = args.gateways.iter().cloned().chain(peers).collect();
    let parts = Parts {
        rounds: network.rounds.clone(),
        rewards: network.rewards.clone(),
        court: network.court.clone(),
        signer,
        store: backed_store(&args.store, &gateways, data)?,
        beacons,
        peers: args.peers.clone(),
        outbox,
        posts: args.post,
        stands_in: args.stand_in,
        plan: Plan {
            every: args.rounds_per_settlement,
            delay: args.delay,
        },
    };
    let mut evaluator = Evaluator::new(parts, board.clone());
    if args.once {
        let pass = evaluator.pass().await?;
        add_rates(args, data, &pass)?;
        args.format.print(&report(&pass), || as_text(&pass))?;
        return Ok(match pass.disagreeing.is_empty() && pass.missing.is_empty() {
            true => Outcome::Done,
            false => Outcome::CheckFailed,
        });
    }
    let pause = policy.poll;
    let status = Status::new(metrics(), 600 + 10 * pause.as_secs());
    status.watch_disk(data.path());
    let stop = Stop::default();
    let mut ready = json!({"roundsPerSettlement": args.rounds_per_settlement});
    if let Some((listener, url)) = served {
        let limits = ConnectionLimits::default();
        let catalog = args.rates.clone().unwrap_or_else(|| data.rates());
        let mut router = board.router().merge(catalog_router(catalog));
        if let Some(directory) = store_directory(&args.store, data) {
            router = router.merge(assize_store::serve::router(LocalStore::open(&directory)?));
        }
        tokio::spawn(serve(listener, router, limits, Audience::Anyone, stop.clone()));
        ready["url"] = url.into();
    }
    if let Some((listener, url)) = observed {
        status.serve(listener, &stop);
        ready["metrics"] = url.into();
    }
    output::json(&ready)?;
    stop.set_on_signal();
    let watch = |pass: &Pass| {
        if let Err(error) = add_rates(args, data, pass) {
            tracing::error!(%error, "failed to write the success rates");
        }
    };
    let mut daemon = EvaluatorDaemon::new(evaluator, watch);
    let pause = pause.max(Duration::from_millis(100));
    assize_service::run(&mut daemon, pause, &status, &stop).await?;
    Ok(Outcome::Done)
}

fn add_rates(args: &EvaluatorArgs, data: &DataDir, pass: &Pass) -> eyre::Result<()> {
    let Some((chain, evaluated)) = &pass.evaluated else {
        return Ok(());
    };
    let catalog = args.rates.clone().unwrap_or_else(|| data.rates());
    Ok(add_rounds(
        &catalog,
        &*store(&args.store, data)?,
        chain,
        &evaluated.rounds,
    )?)
}

fn report(pass: &Pass) -> Value {
    json!({
        "settlement": pass.head,
        "settledRound": pass.settled,
        "measurements": pass.evaluated.as_ref().map(|(_, evaluated)| measurements(&evaluated.rounds)),
        "firstRound": pass.waiting.map(|(first, _)| first),
        "lastRound": pass.waiting.map(|(_, last)| last),
        "signatures": pass.signatures,
        "threshold": pass.threshold,
        "silentPeers": pass.silent,
        "missing": pass.missing.iter().map(|missing| json!({"file": missing.file, "name": missing.file.to_string(), "reason": missing.reason})).collect::<Vec<_>>(),
        "disagreeing": pass.disagreeing.iter().map(|(evaluator, digest)| json!({"evaluator": evaluator, "digest": digest})).collect::<Vec<_>>(),
    })
}

fn as_text(pass: &Pass) -> String {
    let mut text = match pass.waiting {
        None if !pass.missing.is_empty() => format!(
            "nothing was signed: rounds up to {} are settled, and {} of the next cannot be read",
            pass.settled,
            counted(pass.missing.len() as u64, "file")
        ),
        None => format!(
            "nothing to sign: rounds up to {} are settled, the next are not over",
            pass.settled
        ),
        Some((first, last)) => format!(
            "rounds {first} to {last} recomputed and signed; {} of {}",
            pass.signatures,
            counted(pass.threshold, "signature")
        ),
    };
    for missing in &pass.missing {
        text.push_str(&format!("\n  {}: {}", missing.file, missing.reason));
    }
    for (evaluator, digest) in &pass.disagreeing {
        text.push_str(&format!(
            "\n  {evaluator} signed a different settlement of the same rounds, {digest}: one of the two is wrong"
        ));
    }
    text
}
