//! `assize operator claim`.

mod pass;
mod watch;

use std::time::Duration;

use assize_outbox::{Finality, Policy};
use assize_protocol::{Address, AttoFil, address::parse_operator};
use clap::Args;

use self::pass::Claimer;
use super::shared::AllocationCache;
use crate::args::duration::positive_duration;
use crate::args::operators::OperatorsFile;
use crate::args::{ChainArgs, FormatArgs, KeyArgs, SourceArgs};
use crate::connect::Network;
use crate::output::{self, Outcome};
use crate::signer::signer;
use assize_service::DataDir;

/// Pay operators what they earned and were not paid; any key can, the money goes to the operators.
#[derive(Debug, Args)]
pub struct ClaimArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    source: SourceArgs,
    /// Operator, a 0x or f410 address; repeatable.
    #[arg(long = "operator", value_name = "ADDRESS", value_parser = parse_operator)]
    named: Vec<Address>,
    #[command(flatten)]
    file: OperatorsFile,
    /// Settlement [default: the newest active one].
    #[arg(long, conflicts_with = "watch")]
    settlement: Option<u64>,
    /// Least amount to claim for an operator.
    #[arg(long, value_name = "FIL", default_value = "0")]
    min: AttoFil,
    /// Do not ask for confirmation.
    #[arg(long, short)]
    yes: bool,
    /// Keep running, and claim whenever a settlement becomes active.
    #[arg(long)]
    watch: bool,
    /// Pause between two looks at the chain, with --watch.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = positive_duration)]
    poll: Duration,
    /// Confirmations to wait for, 0 for none [default: until the node's `finalized` block].
    #[arg(long, value_name = "BLOCKS")]
    finality: Option<u64>,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: &ClaimArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let operators = args.file.with(&args.named)?;
    let network = Network::connect_to_send(&args.chain, data).await?;
    let mut policy = Policy::for_chain(network.deployment.chain_id);
    if let Some(blocks) = args.finality {
        policy.finality = Finality::Blocks(blocks);
    }
    let mut claimer = Claimer {
        signer: signer(&args.key).await?,
        cache: AllocationCache::open(&args.source, data)?,
        network,
        policy,
        operators,
        // A larger amount is more than exists.
        min: args.min.atto().saturating_to(),
        settlement: args.settlement,
        refused: Default::default(),
    };
    if args.watch {
        return watch::run(&mut claimer, args).await;
    }
    let plan = claimer.plan().await?;
    if plan.batches.is_empty() {
        let report = plan.report(&[]);
        args.format.print(&report, || plan.nothing_text())?;
        return Ok(Outcome::Done);
    }
    for sentence in plan.nothing.iter().map(|nothing| &nothing.sentence) {
        output::say(sentence);
    }
    output::say(plan.text(claimer.signer.address()));
    let gas = plan.gas().at_most;
    claimer.network.client.expect_funds(&claimer.signer, gas).await?;
    if !output::ask(&plan.question(), args.yes)? {
        output::say("nothing was claimed");
        return Ok(Outcome::CheckFailed);
    }
    let mut done = Vec::new();
    let mut outcome = Ok(());
    for (batch, _) in &plan.batches {
        match claimer.send(plan.id(), batch).await {
            Ok(sent) => done.push(sent),
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
    }
    // Payments are reported even if a later one failed.
    if outcome.is_ok() || !done.is_empty() {
        args.format.print(&plan.report(&done), || pass::text_of(&done))?;
    }
    outcome?;
    Ok(match done.iter().all(|sent| sent.refused.is_empty()) {
        true => Outcome::Done,
        false => Outcome::CheckFailed,
    })
}
