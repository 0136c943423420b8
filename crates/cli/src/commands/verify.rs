//! `assize verify`.

use assize_chain::SettlementId;
use assize_verify::{ChainFacts, Conclusion, Evidence, Mismatch};
use clap::{Args, Subcommand};
use serde_json::json;

use super::connect::{Network, beacons, store};
use super::evaluate::measurements;
use super::round::or_latest;
use crate::args::{BeaconArgs, ChainArgs, StoreArgs};
use crate::output::{self, Outcome};

#[derive(Debug, Subcommand)]
pub(crate) enum VerifyCommand {
    Round(RoundArgs),
    Settlement(SettlementArgs),
}

/// Recompute a round from its inputs: seed, committees, tasks, labels, majorities, rewards.
///
/// MATCH: its seed follows from the genuine beacon, and the committed roots from roster and task list.
#[derive(Debug, Args)]
pub(crate) struct RoundArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    beacons: BeaconArgs,
    /// Round; the latest if not given.
    round: Option<u64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Recompute every round of a settlement and compare each figure and both roots with it.
///
/// Prints MATCH, or names the first thing that differs and exits with 1.
#[derive(Debug, Args)]
pub(crate) struct SettlementArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    beacons: BeaconArgs,
    /// Settlement.
    settlement: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(command: &VerifyCommand) -> eyre::Result<Outcome> {
    match command {
        VerifyCommand::Round(args) => round(args).await,
        VerifyCommand::Settlement(args) => settlement(args).await,
    }
}

async fn round(args: &RoundArgs) -> eyre::Result<Outcome> {
    let network = Network::connect(&args.chain).await?;
    let store = store(&args.store)?;
    let beacons = beacons(&args.beacons)?;
    let number = or_latest(&network, args.round).await?;
    let chain = ChainFacts::of_rounds(&network.rounds, &network.rewards, number, number).await?;
    let evidence = Evidence {
        chain: &chain,
        store: &store,
        beacons: &beacons,
    };
    let (facts, evaluation) = match evidence.verify_round(number)? {
        Conclusion::Match(recomputed) => recomputed,
        Conclusion::Mismatch(mismatch) => return report_mismatch(args.json, &mismatch),
    };
    let Some(draw) = facts.draw else {
        let report = json!({"verdict": "NOT_REVEALED", "round": number});
        output::either(args.json, &report, || {
            format!("round {number} was never revealed: nothing to recompute")
        })?;
        return Ok(Outcome::Done);
    };
    let measurements = evaluation.labels.total();
    let report = json!({
        "verdict": "MATCH",
        "round": number,
        "seed": draw.seed,
        "measurements": measurements,
        "labels": evaluation.labels,
        "verdicts": evaluation.verdicts,
        "rewardEach": evaluation.reward.each.to_string(),
    });
    output::either(args.json, &report, || {
        format!(
            "MATCH  round {number}: {} measurements recomputed",
            output::grouped(measurements)
        )
    })?;
    Ok(Outcome::Done)
}

async fn settlement(args: &SettlementArgs) -> eyre::Result<Outcome> {
    let network = Network::connect(&args.chain).await?;
    let store = store(&args.store)?;
    let beacons = beacons(&args.beacons)?;
    let id = SettlementId(args.settlement);
    let chain = ChainFacts::of_settlement(&network.rounds, &network.rewards, id).await?;
    let evidence = Evidence {
        chain: &chain,
        store: &store,
        beacons: &beacons,
    };
    let verified = match evidence.verify_settlement(id)? {
        Conclusion::Match(verified) => verified,
        Conclusion::Mismatch(mismatch) => return report_mismatch(args.json, &mismatch),
    };
    let measurements = measurements(&verified.rounds);
    let report = json!({
        "verdict": "MATCH",
        "settlement": id,
        "status": verified.settlement.status,
        "rounds": verified.rounds.len(),
        "measurements": measurements,
        "root": verified.settlement.proposal.root,
        "acceptedRoot": verified.settlement.proposal.accepted_root,
        "cid": verified.settlement.proposal.cid,
    });
    output::either(args.json, &report, || {
        format!(
            "MATCH  settlement {id} ({}): {} rounds, {} measurements, root {}",
            verified.settlement.status,
            verified.rounds.len(),
            output::grouped(measurements),
            verified.settlement.proposal.root
        )
    })?;
    Ok(Outcome::Done)
}

/// A statement that does not hold is a finding, not an error.
fn report_mismatch(as_json: bool, mismatch: &Mismatch) -> eyre::Result<Outcome> {
    let Mismatch { path, ours, theirs } = mismatch;
    let report = json!({"verdict": "MISMATCH", "path": path, "ours": ours, "theirs": theirs});
    output::either(as_json, &report, || {
        format!("MISMATCH  {path}\n  recomputed  {ours}\n  posted      {theirs}")
    })?;
    Ok(Outcome::CheckFailed)
}
