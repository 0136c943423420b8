//! `assize verify`.

use assize_chain::SettlementId;
use assize_verify::{RoundFacts, VerifyError, recompute_round, verify_settlement};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::connect::{Network, beacons, store};
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
    let facts = RoundFacts::read(&network.rounds, number).await?;
    let recomputed = match recompute_round(facts, &store, &beacons) {
        Ok(recomputed) => recomputed,
        Err(error) => return mismatch(args.json, error),
    };
    let Some(outcome) = recomputed.outcome else {
        let report = json!({"verdict": "NOT_REVEALED", "round": number});
        output::either(args.json, &report, || format!("round {number} was never revealed: nothing to recompute"))?;
        return Ok(Outcome::Done);
    };
    let evaluation = &outcome.evaluation;
    let measurements: u64 = evaluation.labels.values().sum();
    let report = json!({
        "verdict": "MATCH",
        "round": number,
        "seed": recomputed.facts.round.seed,
        "measurements": measurements,
        "labels": evaluation.labels,
        "verdicts": evaluation.verdicts,
        "rewardEach": evaluation.reward_each.to_string(),
    });
    output::either(args.json, &report, || {
        format!("MATCH  round {number}: {} measurements recomputed", output::grouped(measurements))
    })?;
    Ok(Outcome::Done)
}

async fn settlement(args: &SettlementArgs) -> eyre::Result<Outcome> {
    let network = Network::connect(&args.chain).await?;
    let store = store(&args.store)?;
    let beacons = beacons(&args.beacons)?;
    let id = SettlementId(args.settlement);
    let verified = match verify_settlement(&network.rounds, &network.rewards, &store, &beacons, id).await {
        Ok(verified) => verified,
        Err(error) => return mismatch(args.json, error),
    };
    let report = json!({
        "verdict": "MATCH",
        "settlement": id,
        "status": verified.settlement.status,
        "rounds": verified.evaluated.rounds.len(),
        "measurements": verified.evaluated.measurements(),
        "root": verified.settlement.proposal.root,
        "acceptedRoot": verified.settlement.proposal.accepted_root,
        "cid": verified.settlement.proposal.cid,
    });
    output::either(args.json, &report, || {
        format!(
            "MATCH  settlement {id} ({}): {} rounds, {} measurements, root {}",
            verified.settlement.status,
            verified.evaluated.rounds.len(),
            output::grouped(verified.evaluated.measurements()),
            verified.settlement.proposal.root
        )
    })?;
    Ok(Outcome::Done)
}

/// A statement of the chain's that does not hold is a finding; anything else is an error.
fn mismatch(as_json: bool, error: VerifyError) -> eyre::Result<Outcome> {
    let VerifyError::Contradiction { what, ours, theirs } = &error else { return Err(error.into()) };
    let report: Value = json!({"verdict": "MISMATCH", "what": what, "ours": ours, "theirs": theirs});
    output::either(as_json, &report, || format!("MISMATCH  {error}"))?;
    Ok(Outcome::CheckFailed)
}
