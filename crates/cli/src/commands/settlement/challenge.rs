//! `assize settle challenge`.

use assize_chain::{SettlementId, Status};
use assize_verify::{Fraud, read_settlement};
use clap::Args;
use eyre::ensure;
use serde_json::json;

use super::connect::{Network, PATIENCE};
use super::evidence::Inputs;
use super::key::signer;
use crate::args::{KeyArgs, OnlineArgs};
use crate::output::{self, Outcome};

/// Void a pending settlement by proof that it rewards a measurement that nobody was drawn for. Anyone may; the contract
/// recomputes committee and task, and the proof decides.
///
/// Looks for such a measurement in the settlement's document. Exits with 1 if there is none; other faults, which
/// `assize verify settlement` finds, only the guardian's veto can stop.
#[derive(Debug, Args)]
pub(crate) struct ChallengeArgs {
    #[command(flatten)]
    online: OnlineArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Settlement, in its challenge window.
    settlement: u64,
    /// Look, but send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &ChallengeArgs) -> eyre::Result<Outcome> {
    let id = SettlementId(args.settlement);
    let inputs = Inputs::online(&args.online, async |network| {
        Ok(read_settlement(&network.rounds, &network.rewards, id).await?)
    })
    .await?;
    let status = inputs.facts.settlements[&id].status;
    ensure!(
        status == Status::Pending,
        "settlement {id} is {status}: only one in its challenge window can be challenged"
    );
    let Some(fraud) = inputs.evidence(&|_| {}).find_fraud(id)? else {
        let report = json!({"settlement": id, "fraud": null});
        output::either(args.json, &report, || {
            format!("every measurement that settlement {id} rewards was drawn: nothing to challenge")
        })?;
        return Ok(Outcome::CheckFailed);
    };
    let accepted = fraud.accepted();
    let fault = match &fraud {
        Fraud::Misplaced(misplaced) => format!(
            "station {} sits on seat {}, which is not in committee {}",
            misplaced.entry.station, misplaced.seat, accepted.committee
        ),
        Fraud::Impossible(_) => "there is no such round, station, committee or task in what it covers".into(),
    };
    let mut report = json!({"settlement": id, "fraud": accepted, "fault": fault});
    let what = format!(
        "round {}, station {}, committee {}, task {}: {fault}",
        accepted.round, accepted.station, accepted.committee, accepted.k
    );
    if args.dry_run {
        output::either(args.json, &report, || format!("settlement {id} rewards {what}"))?;
        return Ok(Outcome::Done);
    }
    let network = Network::connect(&args.online.chain).await?;
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
    output::either(args.json, &report, || {
        format!(
            "settlement {id} is void: it rewarded {what}\n  {} ({} gas)",
            receipt.hash, receipt.gas_used
        )
    })?;
    Ok(Outcome::Done)
}
