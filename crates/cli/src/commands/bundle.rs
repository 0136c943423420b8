//! `assize bundle`.

use std::path::{Path, PathBuf};

use assize_chain::SettlementId;
use assize_protocol::RoundNumber;
use assize_verify::{read_rounds, read_settlement};
use clap::{Args, Subcommand};
use eyre::WrapErr;
use serde_json::json;

use super::evidence::Inputs;
use crate::args::OnlineArgs;
use crate::output::{self, Outcome};

#[derive(Debug, Subcommand)]
pub(crate) enum BundleCommand {
    Round(RoundArgs),
    Settlement(SettlementArgs),
}

/// Pack what recomputing a round needs: what the chain says of it, beacons, roster, tasks, batches.
///
/// `assize verify round --offline FILE` and `scripts/verify_round.py FILE` recompute it without any network.
#[derive(Debug, Args)]
pub(crate) struct RoundArgs {
    #[command(flatten)]
    online: OnlineArgs,
    /// Round.
    round: u64,
    /// Where to write the bundle, a CAR file.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Pack what recomputing a settlement needs: its document and its parent's, and all of its rounds.
#[derive(Debug, Args)]
pub(crate) struct SettlementArgs {
    #[command(flatten)]
    online: OnlineArgs,
    /// Settlement.
    settlement: u64,
    /// Where to write the bundle, a CAR file.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(command: &BundleCommand) -> eyre::Result<Outcome> {
    match command {
        BundleCommand::Round(args) => {
            let number = RoundNumber(args.round);
            let inputs = Inputs::online(&args.online, async |network| {
                Ok(read_rounds(&network.rounds, &network.rewards, number, number).await?)
            })
            .await?;
            write(&inputs, &args.out, args.json)
        }
        BundleCommand::Settlement(args) => {
            let id = SettlementId(args.settlement);
            let inputs = Inputs::online(&args.online, async |network| {
                Ok(read_settlement(&network.rounds, &network.rewards, id).await?)
            })
            .await?;
            write(&inputs, &args.out, args.json)
        }
    }
}

fn write(inputs: &Inputs, path: &Path, as_json: bool) -> eyre::Result<Outcome> {
    let bundle = inputs.evidence(&|_| {}).bundle()?;
    let (root, packed) = bundle.to_car();
    std::fs::write(path, &packed).wrap_err_with(|| format!("cannot write {}", path.display()))?;
    let files: Vec<_> = bundle
        .files()
        .iter()
        .map(|file| json!({"name": file.name, "cid": file.cid, "size": file.content.len()}))
        .collect();
    let report = json!({"bundle": path, "root": root, "size": packed.len(), "files": files});
    output::either(as_json, &report, || {
        format!(
            "{}: {} files, {} bytes\n  root {root}\n  recompute it anywhere: assize verify {} --offline {}",
            path.display(),
            files.len(),
            output::grouped(packed.len() as u64),
            what_for(inputs),
            path.display()
        )
    })?;
    Ok(Outcome::Done)
}

/// What to ask `assize verify` for.
fn what_for(inputs: &Inputs) -> String {
    match (
        inputs.facts.settlements.keys().next_back(),
        inputs.facts.rounds.keys().next(),
    ) {
        (Some(id), _) => format!("settlement {id}"),
        (None, Some(round)) => format!("round {round}"),
        (None, None) => String::new(),
    }
}
