//! `assize claim`.

mod pass;
mod watch;

use assize_chain::Fil;
use assize_outbox::{Finality, Policy};
use assize_protocol::{Address, address::parse_operator};
use clap::Args;
use clap::value_parser;

use self::pass::Claimer;
use super::connect::Network;
use super::key::signer;
use super::operators::{Books, OperatorsFile};
use crate::args::{ChainArgs, KeyArgs, SourceArgs};
use crate::output::{self, Outcome};

/// Pay operators what they earned and have not had: what the newest active settlement grants, less what was paid.
///
/// Anyone may call, with any key that can pay for gas; the money always goes to the operator, or to the payout address that
/// it has set. The settlement's document is read by CID, and its allocations checked against the root on chain. Asks before it
/// sends, and waits until nothing can undo the payment.
#[derive(Debug, Args)]
pub(crate) struct ClaimArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    source: SourceArgs,
    /// 0x or f410 address of an operator; can be given several times.
    #[arg(long = "operator", value_name = "ADDRESS", value_parser = parse_operator)]
    named: Vec<Address>,
    #[command(flatten)]
    file: OperatorsFile,
    /// Settlement; the newest active one if not given.
    #[arg(long, conflicts_with = "watch")]
    settlement: Option<u64>,
    /// Least amount that is worth a claim; operators who have less to claim wait.
    #[arg(long, value_name = "FIL", default_value = "0")]
    min: Fil,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Stay, and claim whenever a new settlement becomes active, until told to end (SIGTERM, SIGINT).
    #[arg(long)]
    watch: bool,
    /// Seconds between two looks at the chain with --watch.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = value_parser!(u64).range(1..))]
    every: u64,
    /// Blocks on top of a claim's own after which it is final; the node's `finalized` block decides if not given. 0 does not
    /// wait.
    #[arg(long, value_name = "BLOCKS")]
    finality: Option<u64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &ClaimArgs) -> eyre::Result<Outcome> {
    let operators = args.file.with(&args.named)?;
    let network = Network::connect(&args.chain).await?;
    let mut policy = Policy::for_chain(network.deployment.chain_id);
    if let Some(blocks) = args.finality {
        policy.finality = Finality::Blocks(blocks);
    }
    let mut claimer = Claimer {
        signer: signer(&args.key).await?,
        books: Books::open(&args.source)?,
        network,
        policy,
        operators,
        // More than fits is more than anybody has.
        min: args.min.0.saturating_to(),
        settlement: args.settlement,
        refused: Default::default(),
    };
    if args.watch {
        return watch::run(&mut claimer, args).await;
    }
    let plan = claimer.plan().await?;
    if plan.batches.is_empty() {
        let report = plan.report(&[]);
        output::either(args.json, &report, || plan.nothing_text())?;
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
    // What was paid is told even if something failed after it.
    if outcome.is_ok() || !done.is_empty() {
        output::either(args.json, &plan.report(&done), || pass::text_of(&done))?;
    }
    outcome?;
    Ok(match done.iter().all(|sent| sent.refused.is_empty()) {
        true => Outcome::Done,
        false => Outcome::CheckFailed,
    })
}
