//! `assize bundle`.

use std::path::{Path, PathBuf};

use assize_chain::SettlementId;
use assize_protocol::RoundNumber;
use assize_verify::{read_rounds, read_settlement};
use clap::{Args, Subcommand};
use eyre::WrapErr;
use serde_json::json;

use crate::args::{FormatArgs, OnlineArgs};
use crate::evidence::Inputs;
use crate::output::{self, Outcome};
use assize_service::{DataDir, counted};

#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    Round(RoundArgs),
    Settlement(SettlementArgs),
}

/// Pack a round: its state on chain, beacons, roster, task list and batches.
#[derive(Debug, Args)]
pub struct RoundArgs {
    /// Round.
    round: u64,
    /// Bundle to write, a CAR file.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    online: OnlineArgs,
}

/// Pack a settlement: its document, its parent's, and all of its rounds.
#[derive(Debug, Args)]
pub struct SettlementArgs {
    /// Settlement.
    settlement: u64,
    /// Bundle to write, a CAR file.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    online: OnlineArgs,
}

pub(crate) async fn run(command: &BundleCommand, data: &DataDir) -> eyre::Result<Outcome> {
    match command {
        BundleCommand::Round(args) => {
            output::expect_no_input("--out", &args.out, args.online.files())?;
            let number = RoundNumber(args.round);
            let inputs = Inputs::online(&args.online, data, async |network| {
                Ok(read_rounds(&network.rounds, &network.rewards, number, number).await?)
            })
            .await?;
            write(&inputs, &args.out, args.format)
        }
        BundleCommand::Settlement(args) => {
            output::expect_no_input("--out", &args.out, args.online.files())?;
            let id = SettlementId(args.settlement);
            let inputs = Inputs::online(&args.online, data, async |network| {
                Ok(read_settlement(&network.rounds, &network.rewards, id).await?)
            })
            .await?;
            write(&inputs, &args.out, args.format)
        }
    }
}

fn write(inputs: &Inputs, path: &Path, format: FormatArgs) -> eyre::Result<Outcome> {
    let bundle = inputs.evidence(&|_| {}).bundle()?;
    let (root, packed) = bundle.to_car();
    std::fs::write(path, &packed).wrap_err_with(|| format!("cannot write {}", path.display()))?;
    let files: Vec<_> = bundle
        .files()
        .iter()
        .map(|file| json!({"name": file.name, "cid": file.cid, "size": file.content.len()}))
        .collect();
    let report = json!({"bundle": path, "root": root, "size": packed.len(), "files": files});
    format.print(&report, || {
        format!(
            "{}: {}, {} bytes\n  root {root}\n  verify it anywhere: assize verify {} --offline {}{}",
            path.display(),
            counted(files.len() as u64, "file"),
            output::grouped(packed.len() as u64),
            what_for(inputs),
            path.display(),
            inputs.drand_hash_argument()
        )
    })?;
    Ok(Outcome::Done)
}

/// The argument of `assize verify` for this bundle.
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
