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
use crate::signer::signer;
use assize_service::DataDir;

/// Void a pending settlement by proving that it rewards a measurement that was not drawn.
#[derive(Debug, Args)]
pub struct ChallengeArgs {
    /// Settlement in its challenge window.
    settlement: u64,
    /// Look for a proof, but send nothing.
    #[arg(long)]
    dry_run: bool,
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
            format!("every measurement that settlement {id} rewards was drawn: nothing to challenge")
        })?;
        return Ok(Outcome::CheckFailed);
    };
    let accepted = fraud.measurement();
    let fault = match &fraud {
        Fraud::Misplaced(misplaced) => format!(
            "station {} has seat {}, which is not in committee {}",
            misplaced.entry.station, misplaced.seat, accepted.committee
        ),
        Fraud::Impossible(_) => "its round, station, committee or task does not exist".into(),
    };
    let named = [accepted.station, accepted.committee, accepted.k].map(|index| match u64::try_from(index) {
        Ok(index) => json!(index),
        Err(_) => json!(index.to_string()),
    });
    let [station, committee, k] = named;
    let mut report =
        json!({"settlement": id, "fraud": [accepted.round, station, committee, k], "fault": fault});
    let what = format!(
        "round {}, station {}, committee {}, task {}: {fault}",
        accepted.round, accepted.station, accepted.committee, accepted.k
    );
    if args.dry_run {
        args.format
            .print(&report, || format!("settlement {id} rewards {what}"))?;
        return Ok(Outcome::Done);
    }
    let network = Network::connect_to_send(&args.online.chain, data).await?;
    let draft = match &fraud {
        Fraud::Misplaced(misplaced) => network.rewards.challenge_membership(id, misplaced),
        Fraud::Impossible(proven) => network.rewards.challenge_existence(id, proven),
    };
    let receipt = network
        .client
        .transact(&signer(&args.key).await?, &draft, PATIENCE)
        .await?;
    report["transaction"] = json!(receipt.hash);
    report["gas"] = json!(receipt.gas_used);
    args.format.print(&report, || {
        format!(
            "settlement {id} is void: it rewarded {what}\n  {} ({} gas)",
            receipt.hash, receipt.gas_used
        )
    })?;
    Ok(Outcome::Done)
}
