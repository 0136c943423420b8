//! `assize deposit`.

use assize_chain::Fil;
use clap::Args;
use eyre::ensure;
use serde_json::json;

use super::connect::{Network, PATIENCE};
use super::key::signer;
use crate::args::{ChainArgs, KeyArgs};
use crate::output::{self, Outcome};

/// Add FIL to the pool that rewards come from. Nobody can take it out but operators, through settlements.
#[derive(Debug, Args)]
pub(crate) struct DepositArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Amount, up to 18 decimals.
    #[arg(long, value_name = "FIL")]
    fil: Fil,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &DepositArgs) -> eyre::Result<Outcome> {
    let Fil(amount) = args.fil;
    ensure!(
        !amount.is_zero(),
        "--fil 0 would deposit nothing, which the contract refuses: give an amount such as 0.1"
    );
    let network = Network::connect(&args.chain).await?;
    let signer = signer(&args.key).await?;
    let receipt = network
        .client
        .transact(&signer, &network.rewards.deposit(amount), PATIENCE)
        .await?;
    let total = network.rewards.total_deposited().await?;
    let report = json!({
        "transaction": receipt.hash,
        "deposited": amount.to_string(),
        "totalDeposited": total.to_string(),
    });
    output::either(args.json, &report, || {
        format!(
            "deposited {}, {} in all (transaction {})",
            args.fil,
            Fil(total),
            receipt.hash
        )
    })?;
    Ok(Outcome::Done)
}
