//! `assize settlement evaluate`.

use std::path::PathBuf;

use assize_protocol::RoundNumber;
use assize_stats::add_rounds;
use assize_verify::{evaluate_next, measurements};
use clap::Args;
use eyre::WrapErr;
use serde_json::json;

use crate::args::{BeaconArgs, ChainArgs, FormatArgs, StoreArgs};
use crate::connect::{Network, beacons, existing_store};
use crate::output::{self, Outcome};
use assize_service::{DataDir, plural};

/// Recompute all rounds since the last settlement, and write the next document.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Last round to settle [default: the newest whose commit window is over].
    #[arg(long, value_name = "ROUND")]
    to: Option<u64>,
    /// Document to write; also written to the store.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Catalog of success rates, read by `assize rsr` [default: DATA/rates.json].
    #[arg(long, value_name = "FILE")]
    rates: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
    /// Trustless IPFS gateway, for what the store lacks; repeatable.
    #[arg(long = "gateway", value_name = "URL")]
    gateways: Vec<String>,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    beacons: BeaconArgs,
}

pub(crate) async fn run(args: &EvaluateArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect(&args.chain, data).await?;
    let store = existing_store(&args.store, &args.gateways, data)?;
    let beacons = beacons(&args.beacons)?;
    network.expect_drand(beacons.chain()).await?;
    let Network { rounds, rewards, .. } = &network;
    let last = args.to.map(RoundNumber);
    let (chain, evaluated) = evaluate_next(rounds, rewards, &*store, &|_, _| None, &beacons, last).await?;
    let document = &evaluated.document;
    let bytes = document.to_bytes();
    std::fs::write(&args.out, &bytes).wrap_err_with(|| format!("cannot write {}", args.out.display()))?;
    let cid = store.put(&bytes)?;
    data.create()?;
    let catalog = args.rates.clone().unwrap_or_else(|| data.rates());
    add_rounds(&catalog, &*store, &chain, &evaluated.rounds)?;
    let measurements = measurements(&evaluated.rounds);
    let report = json!({
        "document": args.out,
        "cid": cid,
        "firstRound": document.first_round,
        "lastRound": document.last_round,
        "root": document.root,
        "operators": document.allocations.len(),
        "drops": document.drops,
        "cumulativeTotal": document.cumulative_total,
        "measurements": measurements,
    });
    args.format.print(&report, || {
        format!(
            "rounds {} to {}: {} {}; {} granted since round 1, in this and all earlier settlements\n  document {} ({cid})\n  root {}",
            document.first_round,
            document.last_round,
            output::grouped(measurements),
            plural(measurements, "measurement"),
            document.cumulative_total,
            args.out.display(),
            document.root
        )
    })?;
    Ok(Outcome::Done)
}
