//! `assize deploy check` and `assize verify deployment`.

use std::path::PathBuf;

use assize_chain::{ChainClient, RpcUrl};
use assize_deployment::{DeployParams, DeploymentRecord, Verdict};
use clap::Args;
use eyre::bail;
use serde_json::json;

use crate::args::{ChainArgs, FormatArgs};
use crate::connect::{deployment_file, read_deployment};
use crate::output::Outcome;
use assize_service::DataDir;

/// Compare code, settings and roles on the chain with this build and the deployment file.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Parameter file [default: the parameters in the deployment file].
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// Show only differences.
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
}

/// Reads the deployment file, and connects to a node of its chain.
pub(super) async fn open(
    chain: &ChainArgs,
    data: &DataDir,
    params: Option<&PathBuf>,
) -> eyre::Result<(ChainClient, DeploymentRecord)> {
    let mut record: DeploymentRecord = read_deployment(chain, data)?;
    if let Some(path) = params {
        let params = DeployParams::read(path)?;
        if params.chain_id != record.deployment.chain_id {
            bail!(
                "{} is for chain {}, but {} is for chain {}",
                path.display(),
                params.chain_id,
                deployment_file(chain, data).display(),
                record.deployment.chain_id
            );
        }
        // The given parameters take precedence.
        if record.params.as_ref() != Some(&params) {
            record.state = None;
        }
        record.params = Some(params);
    }
    let url: RpcUrl = chain.rpc_url.parse()?;
    let client = ChainClient::connect_to(&url, record.deployment.chain_id).await?;
    Ok((client, record))
}

pub(in crate::commands) async fn run(args: &CheckArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let (client, record) = open(&args.chain, data, args.params.as_ref()).await?;
    let findings = assize_deployment::check(&client, &record).await?;
    let differing = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Differs)
        .count();
    let report = json!({
        "chainId": client.chain_id(),
        "deployment": deployment_file(&args.chain, data),
        "holds": differing == 0,
        "findings": findings,
    });
    args.format.print(&report, || {
        let shown = findings
            .iter()
            .filter(|finding| !args.quiet || finding.verdict != Verdict::Ok);
        let mut lines: Vec<_> = shown.map(ToString::to_string).collect();
        lines.push(match differing {
            0 => format!("{} checked, nothing differs", findings.len()),
            _ => format!("{differing} of {} DIFFER", findings.len()),
        });
        lines.join("\n")
    })?;
    Ok(match differing {
        0 => Outcome::Done,
        _ => Outcome::CheckFailed,
    })
}
