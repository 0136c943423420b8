//! `assize deployment`.

use std::path::PathBuf;

use assize_chain::{
    Address, ChainClient, DeployParams, DeploymentRecord, Finding, NetworkState, RpcUrl, Verdict,
    check_deployment,
};
use clap::{Args, Subcommand};
use eyre::{Context, bail, eyre};
use serde_json::json;

use super::connect::read_deployment;
use super::deploy::write_record;
use crate::args::ChainArgs;
use crate::output::{self, Outcome};

#[derive(Debug, Subcommand)]
pub(crate) enum DeploymentCommand {
    /// Compare what is on the chain with the source that this program was built from, and with the deployment file: code,
    /// immutables, constructor arguments, roles, settings. Exit code 1 if anything differs.
    Check(CheckArgs),
    /// Approve the roles and settings that are on the chain now: writes them into the deployment file, for later checks to
    /// compare with. The code must be the source's.
    Approve(ApproveArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// The parameter file, if the deployment file has no parameters, or others are expected.
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// Only what is not as it should be.
    #[arg(long)]
    quiet: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// The parameter file, if the deployment file has no parameters.
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// A publisher that was registered since; the contract keeps no list.
    #[arg(long = "publisher", value_name = "ADDRESS")]
    publishers: Vec<Address>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(command: &DeploymentCommand) -> eyre::Result<Outcome> {
    match command {
        DeploymentCommand::Check(args) => check(args).await,
        DeploymentCommand::Approve(args) => approve(args).await,
    }
}

/// The deployment file, and a node of its chain.
async fn open(chain: &ChainArgs, params: Option<&PathBuf>) -> eyre::Result<(ChainClient, DeploymentRecord)> {
    let mut record: DeploymentRecord = read_deployment(&chain.deployment)?;
    if let Some(path) = params {
        let params = DeployParams::read(path)?;
        if params.chain_id != record.deployment.chain_id {
            bail!(
                "{} is for chain {}, but {} is of chain {}",
                path.display(),
                params.chain_id,
                chain.deployment.display(),
                record.deployment.chain_id
            );
        }
        // What was given last counts.
        if record.params.as_ref() != Some(&params) {
            record.state = None;
        }
        record.params = Some(params);
    }
    let url: RpcUrl = chain.rpc_url.parse()?;
    let client = ChainClient::connect_to(&url, record.deployment.chain_id).await?;
    Ok((client, record))
}

async fn check(args: &CheckArgs) -> eyre::Result<Outcome> {
    let (client, record) = open(&args.chain, args.params.as_ref()).await?;
    let findings = check_deployment(&client, &record).await?;
    let differing = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Differs)
        .count();
    let report = json!({
        "chainId": client.chain_id(),
        "deployment": args.chain.deployment,
        "holds": differing == 0,
        "findings": findings,
    });
    output::either(args.json, &report, || {
        let shown = findings
            .iter()
            .filter(|finding| !args.quiet || finding.verdict != Verdict::Ok);
        let mut lines: Vec<_> = shown.map(line).collect();
        lines.push(match differing {
            0 => format!("nothing differs, of {}", findings.len()),
            _ => format!("{differing} of {} DIFFER", findings.len()),
        });
        lines.join("\n")
    })?;
    Ok(match differing {
        0 => Outcome::Done,
        _ => Outcome::CheckFailed,
    })
}

fn line(finding: &Finding) -> String {
    let Finding {
        subject,
        verdict,
        expected,
        found,
    } = finding;
    match verdict {
        Verdict::Ok => format!("ok       {subject}: {}", shortened(found)),
        Verdict::Differs => format!("DIFFERS  {subject}: expected {expected}, found {found}"),
        Verdict::Unknown => format!("unknown  {subject}: {}", shortened(found)),
    }
}

/// Long hex is there to be compared, not to be read.
fn shortened(text: &str) -> String {
    const MOST: usize = 140;
    match text.get(..MOST) {
        Some(front) if text.strip_prefix("0x").is_some_and(is_hex) => {
            format!("{front}… ({} bytes)", (text.len() - 2) / 2)
        }
        _ => text.to_owned(),
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

async fn approve(args: &ApproveArgs) -> eyre::Result<Outcome> {
    let (client, mut record) = open(&args.chain, args.params.as_ref()).await?;
    let findings = check_deployment(&client, &record).await?;
    let before = record.expected_state().ok_or_else(|| {
        eyre!("the deployment file has no parameters: give the parameter file with --params")
    })?;
    // Roles and settings may differ, since they are what is approved; nothing else may.
    let names: Vec<_> = before.lines().into_iter().map(|(name, _)| name).collect();
    let wrong: Vec<_> = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Differs && !names.contains(&finding.subject.as_str()))
        .map(line)
        .collect();
    if !wrong.is_empty() {
        bail!(
            "nothing is approved, since more than roles and settings differs:\n  {}",
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
    write_record(&args.chain.deployment, &record).wrap_err("nothing is approved")?;
    let report: Vec<_> = changes
        .iter()
        .map(|(name, before, now)| json!({"subject": name, "before": before, "now": now}))
        .collect();
    output::either(args.json, &report, || {
        let mut lines: Vec<_> = changes
            .iter()
            .map(|(name, before, now)| format!("{name}: {now}, before {before}"))
            .collect();
        lines.push(format!(
            "{} changes approved in {}",
            changes.len(),
            args.chain.deployment.display()
        ));
        lines.join("\n")
    })?;
    Ok(Outcome::Done)
}
