//! `assize payout`.

use std::path::PathBuf;

use alloy_primitives::{U256, utils::parse_ether};
use assize_chain::{Fil, Payment};
use assize_outbox::Outbox;
use assize_payout::{Limits, Scheduler};
use clap::Args;
use serde_json::json;

use super::connect::{Network, store};
use super::key::signer;
use super::settle::{allocations, which_settlement};
use crate::args::{ChainArgs, KeyArgs, QueueArgs, StoreArgs};
use crate::output::{self, Outcome};

/// Pay all operators that an active settlement owes at least the threshold, in batches.
///
/// Running it again pays nobody twice: what was paid is what the chain says.
#[derive(Debug, Args)]
pub(crate) struct PayoutArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    store: StoreArgs,
    /// Do one pass and end.
    #[arg(long, required = true)]
    once: bool,
    /// Only say who would be paid; needs no key.
    #[arg(long)]
    dry_run: bool,
    /// Settlement; the newest active one if not given.
    #[arg(long)]
    settlement: Option<u64>,
    /// Least amount that is worth a payment.
    #[arg(long, value_name = "FIL", default_value = "0.1", value_parser = parse_ether)]
    threshold: U256,
    /// Database of the transaction queue.
    #[arg(long, value_name = "FILE", default_value = "scheduler.sqlite")]
    state: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    queue: QueueArgs,
}

pub(crate) async fn run(args: &PayoutArgs) -> eyre::Result<Outcome> {
    let network = Network::connect(&args.chain).await?;
    let settlement = which_settlement(&network, args.settlement).await?;
    let allocations = allocations(&settlement, &*store(&args.store)?)?;
    let scheduler = Scheduler {
        rewards: &network.rewards,
        threshold: args.threshold.saturating_to(),
        limits: Limits::default(),
    };
    let plan = scheduler.plan(&settlement, &allocations).await?;
    let amount = |atto_fil: u128| Fil(U256::from(atto_fil));
    if args.dry_run {
        let payouts: Vec<_> = plan.batches.iter().flat_map(|batch| &batch.payouts).collect();
        let report = json!({
            "settlement": settlement.id,
            "batches": plan.batches.len(),
            "due": payouts.iter().map(|payout| json!({"operator": payout.operator, "amount": payout.due.to_string()})).collect::<Vec<_>>(),
            "belowThreshold": plan.below_threshold.len(),
            "settled": plan.settled,
        });
        output::either(args.json, &report, || {
            let mut text = format!(
                "settlement {}: {} operators would be paid in {} batches; {} below the threshold, {} paid already",
                settlement.id,
                payouts.len(),
                plan.batches.len(),
                plan.below_threshold.len(),
                plan.settled
            );
            for payout in &payouts {
                text.push_str(&format!("\n  {}  {}", payout.operator, amount(payout.due)));
            }
            text
        })?;
        return Ok(Outcome::Done);
    }
    let signer = signer(&args.key).await?;
    let mut outbox = Outbox::open(
        &args.state,
        network.client.clone(),
        signer,
        args.queue.policy(network.deployment.chain_id),
    )?;
    let paid = scheduler.run_once(&mut outbox, &settlement, &allocations).await?;
    let one = |payment: &Payment| json!({"operator": payment.operator, "amount": payment.amount.to_string()});
    let report = json!({
        "settlement": settlement.id,
        "paid": paid.paid.iter().map(one).collect::<Vec<_>>(),
        "refused": paid.refused.iter().map(one).collect::<Vec<_>>(),
        "belowThreshold": paid.below_threshold.len(),
        "transactions": paid.batches.iter().map(|batch| batch.hash).collect::<Vec<_>>(),
    });
    output::either(args.json, &report, || {
        let total: U256 = paid.paid.iter().map(|payment| payment.amount).sum();
        let mut text = format!(
            "settlement {}: {} operators paid {} in {} batches; {} below the threshold",
            settlement.id,
            paid.paid.len(),
            Fil(total),
            paid.batches.len(),
            paid.below_threshold.len()
        );
        for payment in &paid.refused {
            text.push_str(&format!(
                "\n  {} refused {}: it stays its own; the operator can set a payout address",
                payment.operator,
                Fil(payment.amount)
            ));
        }
        text
    })?;
    Ok(Outcome::Done)
}
