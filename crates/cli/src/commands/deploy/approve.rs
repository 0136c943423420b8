//! `assize deploy approve`.

use std::path::PathBuf;

use assize_chain::Address;
use clap::Args;
use eyre::WrapErr;

use super::check::open;
use crate::args::{ChainArgs, FormatArgs};
use crate::connect::deployment_file;
use crate::output::Outcome;
use assize_service::DataDir;

/// Write the roles and settings now on the chain into the deployment file.
#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// Parameter file [default: the parameters in the deployment file].
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// Publisher registered since the deployment; repeatable.
    #[arg(long = "publisher", value_name = "ADDRESS")]
    publishers: Vec<Address>,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
}

pub(super) async fn run(args: &ApproveArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let file = deployment_file(&args.chain, data);
    let (client, mut record) = open(&args.chain, data, args.params.as_ref()).await?;
    let changes = assize_deployment::approve(&client, &mut record, &args.publishers).await?;
    record.write(&file).wrap_err("nothing approved")?;
    args.format.print(&changes, || {
        let mut lines: Vec<_> = changes
            .iter()
            .map(|change| format!("{}: {}, before {}", change.subject, change.now, change.before))
            .collect();
        lines.push(format!(
            "{} changes approved in {}",
            changes.len(),
            file.display()
        ));
        lines.join("\n")
    })?;
    Ok(Outcome::Done)
}
