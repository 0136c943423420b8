//! `assize deploy approve`.

use std::path::PathBuf;

use assize_chain::Address;
use assize_deployment::{NetworkState, Verdict};
use clap::Args;
use eyre::{WrapErr, bail, eyre};
use serde_json::json;

use super::check::{line, open};
use super::files::write_record;
use crate::args::{ChainArgs, FormatArgs};
use crate::connect::deployment_file;
use crate::output::Outcome;
use assize_service::DataDir;

/// Write the roles and settings now on the chain into the deployment file.
#[derive(Debug, Args)]
pub struct ApproveArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// Parameter file [default: the parameters in the deployment file].
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// Publisher registered since the deployment (the contract keeps no list); repeatable.
    #[arg(long = "publisher", value_name = "ADDRESS")]
    publishers: Vec<Address>,
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) async fn run(args: &ApproveArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let file = deployment_file(&args.chain, data);
    let (client, mut record) = open(&args.chain, data, args.params.as_ref()).await?;
    let findings = assize_deployment::check(&client, &record).await?;
    let before = record
        .expected_state()
        .ok_or_else(|| eyre!("the deployment file has no parameters: give them with --params FILE"))?;
    // Roles and settings may differ, since they are what is approved; nothing else may.
    let names: Vec<_> = before.lines().into_iter().map(|(name, _)| name).collect();
    let wrong: Vec<_> = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Differs && !names.contains(&finding.subject.as_str()))
        .map(line)
        .collect();
    if !wrong.is_empty() {
        bail!(
            "nothing approved: more than roles and settings differs:\n  {}",
            wrong.join("\n  ")
        );
    }

    let mut known = record.known_publishers();
    known.extend(&args.publishers);
    known.sort_unstable();
    known.dedup();
    let now = NetworkState::read(&client, &record.deployment, &known).await?;
    if let Some(missing) = args
        .publishers
        .iter()
        .find(|publisher| !now.publishers.contains(publisher))
    {
        bail!("--publisher {missing} is not registered on the chain");
    }
    let changes: Vec<_> = before
        .lines()
        .into_iter()
        .zip(now.lines())
        .filter(|(before, now)| before != now)
        .map(|((name, before), (_, now))| (name, before, now))
        .collect();
    record.state = Some(now);
    record.complete(&client).await?;
    write_record(&file, &record).wrap_err("nothing approved")?;
    let report: Vec<_> = changes
        .iter()
        .map(|(name, before, now)| json!({"subject": name, "before": before, "now": now}))
        .collect();
    args.format.print(&report, || {
        let mut lines: Vec<_> = changes
            .iter()
            .map(|(name, before, now)| format!("{name}: {now}, before {before}"))
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
