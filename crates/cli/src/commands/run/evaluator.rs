//! `assize evaluator`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use assize_evaluator::{Board, Evaluator, EvaluatorDaemon, Metrics, Parts, Pass, Peer, Plan};
use assize_outbox::Outbox;
use assize_service::{Status, Stop};
use clap::{Args, value_parser};
use serde_json::{Value, json};

use super::connect::{Network, beacons, store};
use super::evaluate::measurements;
use super::key::signer;
use crate::args::{BeaconArgs, ChainArgs, KeyArgs, QueueArgs, StoreArgs};
use crate::output::{self, Outcome};

/// Recompute rounds as they end, sign their settlements, and post them once enough evaluators have signed.
///
/// Runs until it is told to end (SIGTERM, SIGINT), or does one pass with --once. Each evaluator recomputes everything by
/// itself; of its peers it takes signatures alone, and only those of exactly what it computed. Can be killed at any moment.
#[derive(Debug, Args)]
pub(crate) struct EvaluatorArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    beacons: BeaconArgs,
    /// Rounds of a settlement, the same for all evaluators; 72 are a day's.
    #[arg(long, value_name = "ROUNDS", default_value_t = 72, value_parser = value_parser!(u64).range(1..=10_000))]
    every: u64,
    /// Seconds to wait after the last round's commit window, since a reorganisation may still move commitments.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    delay: u64,
    /// Another evaluator, where it listens; give one for each.
    #[arg(long = "peer", value_name = "URL")]
    peers: Vec<Peer>,
    /// Post settlements that enough evaluators have signed; needs FIL for gas. Several may: the contract takes one.
    #[arg(long)]
    post: bool,
    /// Database of the transaction queue, with --post: one for each key.
    #[arg(long, value_name = "FILE", default_value = "evaluator.sqlite")]
    state: PathBuf,
    /// Add the rounds' retrieval success rates to this catalog, for `assize rsr`; their files go to the store.
    #[arg(long, value_name = "FILE")]
    rsr: Option<PathBuf>,
    /// Do one pass and end.
    #[arg(long)]
    once: bool,
    /// Address for /proposal (what this evaluator signed, for its peers), /healthz and /metrics; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    queue: QueueArgs,
}

pub(crate) async fn run(args: &EvaluatorArgs) -> eyre::Result<Outcome> {
    let network = Network::connect(&args.chain).await?;
    let signer = signer(&args.key).await?;
    let policy = args.queue.policy(network.deployment.chain_id);
    let outbox = match args.post {
        true => Some(Outbox::open(
            &args.state,
            network.client.clone(),
            signer.clone(),
            policy,
        )?),
        false => None,
    };
    let board = Board::default();
    let parts = Parts {
        rounds: network.rounds.clone(),
        rewards: network.rewards.clone(),
        signer,
        store: store(&args.store)?,
        beacons: beacons(&args.beacons)?,
        peers: args.peers.clone(),
        outbox,
        plan: Plan {
            every: args.every,
            delay: args.delay,
        },
    };
    let mut evaluator = Evaluator::new(parts, board.clone());
    if args.once {
        let pass = evaluator.pass().await?;
        add_rates(args, &pass)?;
        output::either(args.json, &report(&pass), || in_words(&pass))?;
        return Ok(match pass.disagreeing.is_empty() {
            true => Outcome::Done,
            false => Outcome::CheckFailed,
        });
    }
    let pause = policy.poll;
    let status = Status::new(Metrics::new(), 600 + 10 * pause.as_secs());
    let stop = Stop::default();
    let mut ready = json!({"every": args.every});
    if let Some(address) = args.listen {
        ready["url"] = status.listen_with(address, board.router(), &stop).await?.into();
    }
    output::json(&ready)?;
    stop.set_on_signal();
    let watch = |pass: &Pass| {
        if let Err(error) = add_rates(args, pass) {
            tracing::error!(%error, "the success rates are not written");
        }
    };
    let mut daemon = EvaluatorDaemon::new(evaluator, watch);
    let pause = pause.max(Duration::from_millis(100));
    assize_service::run(&mut daemon, pause, &status, &stop).await?;
    Ok(Outcome::Done)
}

fn add_rates(args: &EvaluatorArgs, pass: &Pass) -> eyre::Result<()> {
    let (Some(catalog), Some((chain, evaluated))) = (&args.rsr, &pass.evaluated) else {
        return Ok(());
    };
    super::rsr::add(catalog, &*store(&args.store)?, chain, evaluated).map(drop)
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
        "disagreeing": pass.disagreeing.iter().map(|(evaluator, digest)| json!({"evaluator": evaluator, "digest": digest})).collect::<Vec<_>>(),
    })
}

fn in_words(pass: &Pass) -> String {
    let mut text = match pass.waiting {
        None => format!(
            "nothing to sign: rounds up to {} are settled, and the next are not over",
            pass.settled
        ),
        Some((first, last)) => format!(
            "rounds {first} to {last} recomputed and signed; {} of {} signatures",
            pass.signatures, pass.threshold
        ),
    };
    for (evaluator, digest) in &pass.disagreeing {
        text.push_str(&format!(
            "\n  {evaluator} signed another settlement of the same rounds, {digest}: one of you is wrong"
        ));
    }
    text
}
