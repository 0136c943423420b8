//! `assize settlement challenge`.

use assize_chain::{SettlementId, Status};
use assize_verify::{Fraud, read_settlement};
use clap::Args;
use eyre::ensure;
use serde_json::json;

use crate::args::{FormatArgs, KeyArgs, OnlineArgs};
use crate::connect::{Network, PATIENCE};
use crate::evidence::Inputs;
use crate::output::Outcome;
use crate::send::ConfirmArgs;
use crate::signer::signer;
use assize_service::DataDir;

/// Void a pending settlement that breaks what was promised before; 1 if it does not.
#[derive(Debug, Args)]
pub struct ChallengeArgs {
    /// Settlement in its challenge window.
    settlement: u64,
    /// Look for a proof, but send nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    online: OnlineArgs,
    #[command(flatten)]
    key: KeyArgs,
}

pub(crate) async fn run(args: &ChallengeArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let id = SettlementId(args.settlement);
    let inputs = Inputs::online(&args.online, data, async |network| {
        Ok(read_settlement(&network.rounds, &network.rewards, id).await?)
    })
    .await?;
    let status = inputs.facts.settlements[&id].status;
    ensure!(
        status == Status::Pending,
        "settlement {id} is {status}: only settlements in their challenge window can be challenged"
    );
    let Some(fraud) = inputs.evidence(&|_| {}).find_fraud(id)? else {
        let report = json!({"settlement": id, "fraud": null});
        args.format.print(&report, || {
            format!("settlement {id} keeps what was promised before: nothing to challenge")
        })?;
        return Ok(Outcome::CheckFailed);
    };
    let fault = match &fraud {
        Fraud::Order {
            lower,
            upper: Some(_),
        } => format!(
            "its allocations {} and {} are out of order, or their sums are wrong",
            lower.index,
            lower.index + 1
        ),
        Fraud::Order { lower, upper: None } => format!(
            "its allocation {}, the last, does not add up to its total",
            lower.index
        ),
        Fraud::Growth { operator, .. } => {
            format!("{operator} does not have what its parent promised it plus what it adds")
        }
    };
    let mut report = json!({"settlement": id, "fraud": fault});
    if args.dry_run {
        args.format
            .print(&report, || format!("settlement {id} can be voided: {fault}"))?;
        return Ok(Outcome::Done);
    }
    let network = Network::connect_to_send(&args.online.chain, data).await?;
    let draft = match &fraud {
        Fraud::Order { lower, upper } => {
            let upper = upper.as_ref().map(|(allocation, proof)| (allocation, &proof[..]));
            network.court.challenge_order(id, lower, upper)?
        }
        Fraud::Growth {
            operator,
            here,
            before,
        } => network.court.challenge_growth(id, *operator, here, before)?,
    };
    let signer = signer(&args.key).await?;
    let effect = format!("settlement {id} and all later ones built on it are void: {fault}");
    if !args.confirm.confirm(&network, &signer, &draft, &effect).await? {
        return Ok(Outcome::CheckFailed);
    }
    let receipt = network.client.transact(&signer, &draft, PATIENCE).await?;
    report["transaction"] = json!(receipt.hash);
    report["gas"] = json!(receipt.gas_used);
    args.format.print(&report, || {
        format!(
            "settlement {id} is void: {fault}\n  {} ({} gas)",
            receipt.hash, receipt.gas_used
        )
    })?;
    Ok(Outcome::Done)
}
