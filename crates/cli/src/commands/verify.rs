//! `assize verify`.

use assize_chain::{Settlement, SettlementId, Status};
use assize_evaluate::{RoundEvaluation, RoundFacts};
use assize_facts::Mismatch;
use assize_verify::{Conclusion, measurements, read_settlement};
use clap::{Args, Subcommand};
use serde_json::json;

use super::deploy;
use crate::args::{EvidenceArgs, FormatArgs};
use crate::evidence::{Inputs, advance};
use crate::output::{self, Outcome};
use assize_service::{DataDir, counted, date_and_time, plural};

#[derive(Debug, Subcommand)]
pub enum VerifyCommand {
    Round(RoundArgs),
    Settlement(SettlementArgs),
    Deployment(deploy::check::CheckArgs),
}

/// Recompute a round from its inputs: seed, committees, tasks, labels, verdicts, rewards.
#[derive(Debug, Args)]
pub struct RoundArgs {
    /// Round [default: the latest, or the first of the bundle].
    round: Option<u64>,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    evidence: EvidenceArgs,
}

/// Recompute every round of a settlement; print MATCH or the first difference.
#[derive(Debug, Args)]
pub struct SettlementArgs {
    /// Settlement.
    settlement: u64,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    evidence: EvidenceArgs,
}

pub(crate) async fn run(command: &VerifyCommand, data: &DataDir) -> eyre::Result<Outcome> {
    match command {
        VerifyCommand::Round(args) => round(args, data).await,
        VerifyCommand::Settlement(args) => settlement(args, data).await,
        VerifyCommand::Deployment(args) => deploy::check::run(args, data).await,
    }
}

async fn round(args: &RoundArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let (inputs, number) = Inputs::of_round(&args.evidence, data, args.round).await?;
    let bar = inputs.bar([number].into_iter());
    let conclusion = inputs.evidence(&|step| advance(&bar, step)).verify_round(number);
    bar.finish_and_clear();
    let (facts, evaluation) = match conclusion.map_err(|error| inputs.explain(error))? {
        Conclusion::Match(recomputed) => recomputed,
        Conclusion::Mismatch(mismatch) => return report_mismatch(args.format, &mismatch, None),
    };
    let Some(draw) = facts.draw else {
        let verdict = match facts.dropped_lists.is_empty() {
            true => "NOT_REVEALED",
            false => "LIST_DROPPED",
        };
        let report = json!({"verdict": verdict, "round": number, "droppedLists": facts.dropped_lists});
        args.format.print(&report, || {
            let text = format!("{}: nothing to recompute", why_not_drawn(&facts));
            match inputs.offline {
                true => text + &taken_on_trust(&inputs),
                false => text,
            }
        })?;
        return Ok(Outcome::Done);
    };
    let measurements = evaluation.labels.total();
    let report = json!({
        "verdict": "MATCH",
        "round": number,
        "seed": draw.seed,
        "batches": evaluation.batches.len(),
        "ownReports": evaluation.own.len(),
        "measurements": measurements,
        "labels": evaluation.labels,
        "verdicts": evaluation.verdicts,
        "rewardEach": evaluation.reward.each,
        "offline": inputs.offline,
        "contracts": inputs.facts.contracts,
        "roster": facts.roster,
        "tasks": facts.tasks,
    });
    args.format.print(&report, || {
        let mut text = format!(
            "MATCH  round {number}: {} {} of {} recomputed{}",
            output::grouped(measurements),
            plural(measurements, "measurement"),
            committed(&evaluation),
            why_none(&evaluation)
        );
        if inputs.offline {
            text.push_str(&taken_on_trust(&inputs));
            text.push_str(&format!(
                "\n  round {number}: seed {}, roster root {}, task root {}, {}",
                draw.seed,
                facts.roster.root,
                facts.tasks.root,
                committed(&evaluation)
            ));
        }
        text
    })?;
    Ok(Outcome::Done)
}

async fn settlement(args: &SettlementArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let id = SettlementId(args.settlement);
    let inputs = Inputs::gather(&args.evidence, data, async |network| {
        Ok(read_settlement(&network.rounds, &network.rewards, id).await?)
    })
    .await?;
    let bar = inputs.bar(inputs.facts.rounds.keys().copied());
    let conclusion = inputs.evidence(&|step| advance(&bar, step)).verify_settlement(id);
    bar.finish_and_clear();
    let verified = match conclusion.map_err(|error| inputs.explain(error))? {
        Conclusion::Match(verified) => verified,
        Conclusion::Mismatch(mismatch) => {
            let settlement = inputs.facts.settlements.get(&id);
            return report_mismatch(args.format, &mismatch, settlement);
        }
    };
    let measurements = measurements(&verified.rounds);
    let report = json!({
        "verdict": "MATCH",
        "settlement": id,
        "status": verified.settlement.status,
        "rounds": verified.rounds.len(),
        "measurements": measurements,
        "root": verified.settlement.proposal.root,
        "drops": verified.settlement.proposal.drops,
        "cid": verified.settlement.proposal.cid,
        "offline": inputs.offline,
        "contracts": inputs.facts.contracts,
    });
    args.format.print(&report, || {
        let text = format!(
            "MATCH  settlement {id} ({}): {}, {} {}, root {}",
            verified.settlement.status,
            counted(verified.rounds.len() as u64, "round"),
            output::grouped(measurements),
            plural(measurements, "measurement"),
            verified.settlement.proposal.root
        ) + &empty_rounds(&verified.rounds);
        match inputs.offline {
            true => text + &taken_on_trust(&inputs),
            false => text,
        }
    })?;
    Ok(Outcome::Done)
}

/// Why nothing was drawn in a round.
pub(super) fn why_not_drawn(facts: &RoundFacts) -> String {
    let round = facts.round;
    let dropped: Vec<_> = facts.dropped_lists.iter().map(ToString::to_string).collect();
    match dropped.is_empty() {
        true => format!("round {round} was not revealed"),
        false => format!(
            "round {round} pays nothing: evaluators dropped its {}",
            dropped.join(" and its ")
        ),
    }
}

/// What was committed to a round, in words.
fn committed(evaluation: &RoundEvaluation) -> String {
    let dropped = evaluation.batches.iter().filter(|batch| batch.dropped).count() as u64;
    let batches = counted(evaluation.batches.len() as u64 - dropped, "batch");
    let batches = match dropped {
        0 => batches,
        dropped => format!("{batches} ({dropped} more dropped)"),
    };
    match evaluation.own.len() as u64 {
        0 => batches,
        own => format!("{batches} and {}", counted(own, "own report")),
    }
}

/// Why a round has no measurements, if it has none: a match of nothing must not look like one of everything.
fn why_none(evaluation: &RoundEvaluation) -> &'static str {
    if evaluation.committees == 0 {
        "; no committee was drawn, since the roster or the task list is empty"
    } else if evaluation.batches.is_empty() && evaluation.own.is_empty() {
        "; nothing was committed, so whatever checkers submitted was lost, and the round pays nobody"
    } else if evaluation.labels.total() == 0 {
        "; what was committed contains no valid measurement, so the round pays nobody"
    } else {
        ""
    }
}

/// The rounds without measurements, and why, a line each.
fn empty_rounds(rounds: &[(RoundFacts, RoundEvaluation)]) -> String {
    rounds
        .iter()
        .filter(|(facts, _)| facts.draw.is_some())
        .filter_map(|(facts, evaluation)| match why_none(evaluation) {
            "" => None,
            why => Some(format!("\n  round {}{why}", facts.round)),
        })
        .collect()
}

/// A note on what a bundle does not prove.
fn taken_on_trust(inputs: &Inputs) -> String {
    let contracts = inputs.facts.contracts;
    format!(
        "\n  The chain's data was taken from the bundle. To be certain, compare it with a block explorer:\n  Rounds {} and \
         Rewards {} on chain {}",
        contracts.rounds, contracts.rewards, contracts.chain_id
    )
}

/// A mismatch is a result, not an error.
fn report_mismatch(
    format: FormatArgs,
    mismatch: &Mismatch,
    settlement: Option<&Settlement>,
) -> eyre::Result<Outcome> {
    let Mismatch { path, ours, theirs } = mismatch;
    let mut report = json!({"verdict": "MISMATCH", "path": path, "ours": ours, "theirs": theirs});
    if let Some(settlement) = settlement {
        report["status"] = json!(settlement.status);
        report["activeAt"] = json!(settlement.active_at);
    }
    format.print(&report, || {
        let text = format!("MISMATCH  {path}\n  recomputed  {ours}\n  posted      {theirs}");
        match settlement.map(|settlement| (settlement.id, settlement.status, settlement.active_at)) {
            Some((id, Status::Pending, active_at)) => format!(
                "{text}\n  settlement {id} is pending until {}: until then the guardian can veto it, and anyone can challenge it",
                date_and_time(active_at)
            ),
            Some((id, status, _)) => format!("{text}\n  settlement {id} is {status}"),
            None => text,
        }
    })?;
    Ok(Outcome::CheckFailed)
}
