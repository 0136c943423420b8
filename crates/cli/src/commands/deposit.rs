//! `assize deposit`.

use assize_protocol::AttoFil;
use clap::Args;
use eyre::ensure;
use serde_json::json;

use crate::args::{ChainArgs, FormatArgs, KeyArgs};
use crate::connect::{Network, PATIENCE};
use crate::output::Outcome;
use crate::signer::signer;
use assize_service::DataDir;

/// Add FIL to the reward pool; it is paid only to operators, by settlements.
#[derive(Debug, Args)]
pub struct DepositArgs {
    /// Amount, such as 12.5.
    #[arg(value_name = "FIL")]
    amount: AttoFil,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
}

pub(super) async fn run(args: &DepositArgs, data: &DataDir) -> eyre::Result<Outcome> {
    ensure!(
        !args.amount.is_zero(),
        "cannot deposit 0 FIL: give an amount such as 0.1"
    );
    let network = Network::connect_to_send(&args.chain, data).await?;
    let signer = signer(&args.key).await?;
    let receipt = network
        .client
        .transact(&signer, &network.rewards.deposit(args.amount), PATIENCE)
        .await?;
    let total = network.rewards.total_deposited().await?;
    let report = json!({
        "transaction": receipt.hash,
        "deposited": args.amount,
        "totalDeposited": total,
    });
    args.format.print(&report, || {
        format!(
            "deposited {}, {total} in total (transaction {})",
            args.amount, receipt.hash
        )
    })?;
    Ok(Outcome::Done)
}
