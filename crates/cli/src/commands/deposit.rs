//! `assize deposit`.

use assize_protocol::AttoFil;
use assize_service::DataDir;
use clap::Args;
use eyre::ensure;

use crate::args::{ChainArgs, FormatArgs, KeyArgs};
use crate::connect::Network;
use crate::output::Outcome;
use crate::send::{Action, Role, SendArgs};

/// Add FIL to the reward pool; it is paid only to operators, by settlements.
#[derive(Debug, Args)]
pub struct DepositArgs {
    /// Amount, such as 12.5.
    #[arg(value_name = "FIL")]
    amount: AttoFil,
    #[command(flatten)]
    how: SendArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
}

pub(super) async fn run(args: &DepositArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let amount = args.amount;
    ensure!(
        !amount.is_zero(),
        "cannot deposit 0 FIL: give an amount such as 0.1"
    );
    let network = Network::connect_to_send(&args.chain, data).await?;
    let before = network.rewards.total_deposited().await?;
    let action = Action::new(
        Role::Anyone,
        network.rewards.deposit(amount),
        format!("the pool receives {amount}, after {before} so far; a deposit cannot be taken back"),
    );
    action.run(&network, &args.key, &args.how, args.format).await
}
