//! `assize evaluate`.

use std::path::PathBuf;

use alloy_primitives::U256;
use assize_chain::Fil;
use assize_drand::{BeaconSource, Verified};
use assize_evaluate::{RoundEvaluation, RoundFacts};
use assize_facts::ChainFacts;
use assize_protocol::RoundNumber;
use assize_store::Source;
use assize_verify::{EvaluatedRange, Evidence, read_next_settlement};
use clap::Args;
use eyre::{WrapErr, eyre};
use serde_json::json;

use super::connect::{Network, beacons, store};
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
    /// Last round to settle; by default the newest whose commit window is over.
    #[arg(long, value_name = "ROUND")]
    to: Option<u64>,
    /// Where to write the document; it also goes to the store.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Add the rounds' retrieval success rates to this catalog, for `assize rsr`; their files go to the store.
    #[arg(long, value_name = "FILE")]
    rsr: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &EvaluateArgs) -> eyre::Result<Outcome> {
    let network = Network::connect(&args.chain).await?;
    let store = store(&args.store)?;
    let beacons = beacons(&args.beacons)?;
    let (chain, evaluated) = evaluate_next(&network, &*store, &beacons, args.to.map(RoundNumber)).await?;
    let document = &evaluated.document;
    let bytes = document.to_bytes();
    std::fs::write(&args.out, &bytes).wrap_err_with(|| format!("cannot write {}", args.out.display()))?;
    let cid = store.put(&bytes)?;
    if let Some(catalog) = &args.rsr {
        super::rsr::add(catalog, &*store, &chain, &evaluated)?;
    }
    let measurements = measurements(&evaluated.rounds);
    let report = json!({
        "document": args.out,
        "cid": cid,
        "firstRound": document.first_round,
        "lastRound": document.last_round,
        "root": document.root,
        "acceptedRoot": document.accepted_root,
        "cumulativeTotal": document.cumulative_total.to_string(),
        "measurements": measurements,
    });
    output::either(args.json, &report, || {
        format!(
            "rounds {} to {}: {} measurements, {} granted in all\n  document {} ({cid})\n  root {}",
            document.first_round,
            document.last_round,
            output::grouped(measurements),
            Fil(U256::from(document.cumulative_total)),
            args.out.display(),
            document.root
        )
    })?;
    Ok(Outcome::Done)
}

/// Recomputes all rounds since the last settlement, up to `last`; returns also what the chain says of them.
pub(crate) async fn evaluate_next<B: BeaconSource + Sync>(
    network: &Network,
    store: &dyn Source,
    beacons: &Verified<B>,
    last: Option<RoundNumber>,
) -> eyre::Result<(ChainFacts, EvaluatedRange)> {
    let (chain, range) = read_next_settlement(&network.rounds, &network.rewards, last).await?;
    let range = range.ok_or_else(|| {
        eyre!("there is nothing to settle: every round whose commit window is over is settled; wait for the next")
    })?;
    let evidence = Evidence {
        chain: &chain,
        store,
        beacons,
        progress: &|_| {},
    };
    let evaluated = evidence.evaluate_range(range.first, range.last, range.parent)?;
    Ok((chain, evaluated))
}

/// Measurements of some rounds, whatever their label.
pub(crate) fn measurements(rounds: &[(RoundFacts, RoundEvaluation)]) -> u64 {
    rounds
        .iter()
        .map(|(_, evaluation)| evaluation.labels.total())
        .sum()
}
