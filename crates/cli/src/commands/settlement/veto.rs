//! `assize settlement veto`.

use assize_chain::{SettlementId, Status};
use assize_service::DataDir;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use eyre::ensure;

use crate::args::{ChainArgs, FormatArgs, KeyArgs};
use crate::connect::Network;
use crate::output::Outcome;
use crate::send::{Action, Role, SendArgs};

/// Void a pending settlement and those built on it, as the guardian.
#[derive(Debug, Args)]
pub struct VetoArgs {
    /// Settlement in its challenge window.
    settlement: u64,
    /// Why, in words; it is recorded on chain.
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    send: SendArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
}

pub(crate) async fn run(args: &VetoArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect_to_send(&args.chain, data).await?;
    let id = SettlementId(args.settlement);
    let settlement = network.rewards.settlement(id).await?;
    ensure!(
        settlement.status == Status::Pending,
        "settlement {id} is {}: only one in its challenge window can be vetoed",
        settlement.status
    );
    let draft = network.rewards.veto(id, &args.reason);
    let effect = format!(
        "settlement {id} and all later ones built on it are void: {}",
        args.reason
    );
    let action = Action::new(Role::Guardian, draft, effect);
    action.run(&network, &args.key, &args.send, args.format).await
}
