//! `assize evaluate`.

use std::path::PathBuf;

use alloy_primitives::U256;
use assize_chain::Fil;
use assize_store::Store;
use assize_verify::evaluate_range;
use clap::Args;
use eyre::WrapErr;
use serde_json::json;

use super::connect::{Network, beacons, store};
use super::round::or_latest;
use crate::args::{BeaconArgs, ChainArgs, StoreArgs};
use crate::output::{self, Outcome};

/// Recompute all rounds since the last settlement, and write the next settlement's document.
///
/// Reads batches, roster and tasks from the store, and verifies every beacon; signs and sends nothing.
#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    beacons: BeaconArgs,
    /// Last round to settle; the latest if not given. Its commit window must be over.
    #[arg(long, value_name = "ROUND")]
    to: Option<u64>,
    /// Where to write the document; it also goes to the store.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &EvaluateArgs) -> eyre::Result<Outcome> {
    let network = Network::connect(&args.chain).await?;
    let store = store(&args.store)?;
    let beacons = beacons(&args.beacons)?;
    let last = or_latest(&network, args.to).await?;
    let evaluated = evaluate_range(&network.rounds, &network.rewards, &store, &beacons, last).await?;
    let bytes = evaluated.document.to_bytes();
    std::fs::write(&args.out, &bytes).wrap_err_with(|| format!("cannot write {}", args.out.display()))?;
    let cid = store.put(&bytes)?;
    let proposal = evaluated.proposal();
    let report = json!({
        "document": args.out,
        "cid": cid,
        "firstRound": proposal.first_round,
        "lastRound": proposal.last_round,
        "root": proposal.root,
        "acceptedRoot": proposal.accepted_root,
        "cumulativeTotal": proposal.cumulative_total.to_string(),
        "measurements": evaluated.measurements(),
    });
    output::either(args.json, &report, || {
        format!(
            "rounds {} to {}: {} measurements, {} granted in all\n  document {} ({cid})\n  root {}",
            proposal.first_round,
            proposal.last_round,
            output::grouped(evaluated.measurements()),
            Fil(U256::from(proposal.cumulative_total)),
            args.out.display(),
            proposal.root
        )
    })?;
    Ok(Outcome::Done)
}
