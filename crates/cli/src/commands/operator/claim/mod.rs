//! `assize operator claim`.

mod watch;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use assize_chain::SettlementId;
use assize_outbox::{Finality, Policy};
use assize_payout::{ClaimBatch, ClaimPlan, Claimer, Distance, Documents, PayoutError, SentClaims};
use assize_protocol::{Address, AttoFil, address::parse_operator};
use clap::Args;
use indicatif::ProgressBar;

use crate::args::duration::positive_duration;
use crate::args::operators::OperatorsFile;
use crate::args::{ChainArgs, FormatArgs, KeyArgs, SourceArgs};
use crate::connect::{Network, PATIENCE};
use crate::evidence::source;
use crate::output::{self, Outcome};
use crate::signer::signer;
use assize_service::DataDir;

/// Pay operators what they have earned; any key may send this.
#[derive(Debug, Args)]
pub struct ClaimArgs {
    /// Operator, a 0x or f410 address; repeatable.
    #[arg(long = "operator", value_name = "ADDRESS", value_parser = parse_operator)]
    named: Vec<Address>,
    /// Settlement [default: the newest active one].
    #[arg(long, value_name = "ID", conflicts_with = "watch")]
    settlement: Option<u64>,
    /// Minimum amount to claim for an operator.
    #[arg(long, value_name = "FIL", default_value = "0")]
    min: AttoFil,
    /// Do not ask for confirmation.
    #[arg(long, short)]
    yes: bool,
    /// Keep running, and claim whenever a settlement becomes active.
    #[arg(long)]
    watch: bool,
    /// Time between two polls of the chain, with --watch.
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "30s",
        value_parser = positive_duration,
        help_heading = "Tuning"
    )]
    poll: Duration,
    /// Confirmations to wait for, 0 for none [default: until the node's `finalized` block].
    #[arg(long, value_name = "BLOCKS", help_heading = "Tuning")]
    finality: Option<u64>,
    #[command(flatten)]
    file: OperatorsFile,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    key: KeyArgs,
}

pub(crate) async fn run(args: &ClaimArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let operators = args.file.with(&args.named)?;
    let network = Network::connect_to_send(&args.chain, data).await?;
    let mut policy = Policy::for_chain(network.deployment.chain_id);
    if let Some(blocks) = args.finality {
        policy.finality = Finality::Blocks(blocks);
    }
    let claimer = Claimer {
        rewards: network.rewards,
        signer: signer(&args.key).await?,
        documents: Documents::new(source(&args.source, data)?),
        policy,
        patience: PATIENCE,
        operators,
        min: args.min,
        settlement: args.settlement.map(SettlementId),
        refused: BTreeMap::new(),
    };
    match args.watch {
        true => watch::run(claimer, args).await,
        false => once(claimer, args).await,
    }
}

async fn once(mut claimer: Claimer, args: &ClaimArgs) -> eyre::Result<Outcome> {
    let plan = claimer.plan().await?;
    let unclaimed = words::all_unclaimed(&plan);
    if plan.batches.is_empty() {
        let report = words::report(&plan, &[]);
        args.format.print(&report, || unclaimed.join("\n"))?;
        return Ok(Outcome::Done);
    }
    for sentence in unclaimed {
        output::say(sentence);
    }
    output::say(words::plan(&plan, claimer.signer.address()));
    let gas = plan.gas().at_most;
    claimer
        .rewards
        .client()
        .expect_funds(&claimer.signer, gas)
        .await?;
    if !output::ask(&words::question(&plan), args.yes)? {
        output::say("nothing was claimed");
        return Ok(Outcome::CheckFailed);
    }
    let (mut done, mut failure) = (Vec::new(), None);
    for (batch, _) in &plan.batches {
        match send(&mut claimer, &plan, batch).await {
            Ok(sent) => done.push(sent),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    // Completed payments are reported even if a later one failed.
    if failure.is_none() || !done.is_empty() {
        args.format.print(&words::report(&plan, &done), || {
            done.iter().map(words::sent).collect::<Vec<_>>().join("\n")
        })?;
    }
    match failure {
        Some(error) => Err(error.into()),
        None if done.iter().all(|sent| sent.refused.is_empty()) => Ok(Outcome::Done),
        None => Ok(Outcome::CheckFailed),
    }
}

/// Sends a batch, and shows how it becomes final.
async fn send(
    claimer: &mut Claimer,
    plan: &ClaimPlan,
    batch: &ClaimBatch,
) -> Result<SentClaims, PayoutError> {
    // Hidden if stderr is not a terminal.
    let bar = ProgressBar::new_spinner();
    let mut reported = None;
    let mut tell = |distance: Distance| {
        let hash = distance.hash;
        let text = match distance.missing {
            true => format!("a reorganisation dropped transaction {hash}; waiting for it to be mined again"),
            false => format!("transaction {hash} is mined; waiting for finality"),
        };
        if reported.replace(distance.missing) != Some(distance.missing) {
            bar.suspend(|| output::say(&text));
        }
        bar.set_message(format!(
            "{} confirmations, at most {} needed",
            distance.on_top, distance.enough
        ));
        bar.tick();
    };
    let settlement = plan.settlement().unwrap_or(SettlementId(0));
    let sent = claimer.send(settlement, batch, &mut tell).await;
    bar.finish_and_clear();
    let sent = sent?;
    if sent.receipt.block_number != sent.mined_in {
        output::say(format!(
            "a reorganisation has moved it from block {} to {}",
            sent.mined_in, sent.receipt.block_number
        ));
    }
    Ok(sent)
}
