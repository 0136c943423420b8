//! `assize claim`.

use alloy_primitives::U256;
use assize_chain::Fil;
use assize_payout::claim_one;
use assize_protocol::{Address, address::parse_operator};
use clap::Args;
use serde_json::json;

use super::connect::{Network, PATIENCE, store};
use super::key::signer;
use super::settle::{allocations, which_settlement};
use crate::args::{ChainArgs, KeyArgs, StoreArgs};
use crate::output::{self, Outcome};

/// Pay one operator what an active settlement grants it. Anyone may call; the money goes to the operator, or to the
/// payout address that it has set.
#[derive(Debug, Args)]
pub(crate) struct ClaimArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    store: StoreArgs,
    /// 0x or f410 address of the operator.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_operator)]
    operator: Address,
    /// Settlement; the newest active one if not given.
    #[arg(long)]
    settlement: Option<u64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &ClaimArgs) -> eyre::Result<Outcome> {
    let network = Network::connect(&args.chain).await?;
    let signer = signer(&args.key).await?;
    let settlement = which_settlement(&network, args.settlement).await?;
    let allocations = allocations(&settlement, &*store(&args.store)?)?;
    let paid = claim_one(
        &network.rewards,
        &settlement,
        &allocations,
        args.operator,
        &signer,
        PATIENCE,
    )
    .await?;
    let report = json!({
        "settlement": settlement.id,
        "operator": args.operator,
        "amount": paid.amount.to_string(),
        "transaction": paid.receipt.hash,
    });
    output::either(args.json, &report, || {
        let amount = Fil(U256::from(paid.amount));
        format!(
            "paid {amount} of operator {} (transaction {})",
            args.operator, paid.receipt.hash
        )
    })?;
    Ok(Outcome::Done)
}
