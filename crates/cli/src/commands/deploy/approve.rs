//! `assize deploy approve`.

use std::path::PathBuf;

use assize_chain::Address;
use clap::Args;
use eyre::WrapErr;

use super::check::open;
use crate::args::{ChainArgs, FormatArgs};
use crate::connect::deployment_file;
use crate::output::{self, Outcome};
use assize_service::{DataDir, counted};

/// Write the roles and settings now on the chain into the deployment file.
#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// Parameter file [default: the parameters in the deployment file].
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// Publisher admitted or announced since the deployment; repeatable.
    #[arg(long = "publisher", value_name = "ADDRESS")]
    publishers: Vec<Address>,
    /// Do not ask for confirmation.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
}

pub(super) async fn run(args: &ApproveArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let file = deployment_file(&args.chain, data);
    let (client, mut record) = open(&args.chain, data, args.params.as_ref()).await?;
    let changes = assize_deployment::approve(&client, &mut record, &args.publishers).await?;
    let lines: Vec<_> = changes.iter().map(ToString::to_string).collect();
    let question = format!("{}\nApprove these changes?", lines.join("\n"));
    if !changes.is_empty() && !output::ask_on_terminal(&question, args.yes)? {
        output::say("nothing approved");
        return Ok(Outcome::CheckFailed);
    }
    record.write(&file).wrap_err("nothing approved")?;
    args.format.print(&changes, || {
        let count = counted(changes.len() as u64, "change");
        let done = format!("{count} approved in {}", file.display());
        let shown = lines.iter().chain(std::iter::once(&done));
        shown.map(String::as_str).collect::<Vec<_>>().join("\n")
    })?;
    Ok(Outcome::Done)
}
