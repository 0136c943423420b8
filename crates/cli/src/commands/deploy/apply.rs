//! `assize deploy apply`.

use std::path::PathBuf;

use assize_chain::{ChainClient, RpcUrl};
use assize_deployment::{DeployParams, Journal, Place, chain_name, deploy_with};
use clap::Args;

use super::text;
use crate::args::{FormatArgs, KeyArgs};
use crate::output::{self, Outcome};
use crate::signer::signer;
use assize_service::DataDir;

/// Deploy the contracts, and write the deployment file of all other commands.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// JSON-RPC endpoint.
    #[arg(long, env = "ASSIZE_RPC_URL", value_name = "URL", hide_env_values = true)]
    rpc_url: String,
    /// Parameters (JSON or TOML); examples in docs/params.
    #[arg(long, value_name = "FILE")]
    params: PathBuf,
    /// Deployment file to write [default: DATA/deployment.json].
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Continue an interrupted deployment.
    #[arg(long, conflicts_with = "force")]
    resume: bool,
    /// Overwrite the file of another deployment, and drop an interrupted one.
    #[arg(long)]
    force: bool,
    /// Do not ask for confirmation.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    key: KeyArgs,
}

pub(super) async fn run(args: &ApplyArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let params = &DeployParams::read(&args.params)?;
    let url: RpcUrl = args.rpc_url.parse()?;
    params.validate()?;
    let signer = &signer(&args.key).await?;
    let client = &ChainClient::connect_to(&url, params.chain_id).await?;
    let place = Place::new(args.out.clone().unwrap_or_else(|| data.deployment()))?;
    let earlier = place.begin(args.resume, args.force)?;
    if earlier.is_none() {
        // A resumed deployment was confirmed when it began.
        let plan = assize_deployment::plan(client, params, signer.address()).await?;
        plan.expect_allowed()?;
        if !args.yes {
            output::say(text::plan(params, &plan));
        }
        plan.warnings
            .iter()
            .for_each(|warning| output::say(format!("warning: {warning}")));
        let question = format!(
            "Deploy to {} (chain {}) for at most {}?",
            chain_name(params.chain_id),
            params.chain_id,
            plan.cost
        );
        if !output::ask(&question, args.yes)? {
            output::say("nothing was sent");
            return Ok(Outcome::CheckFailed);
        }
    }
    let mut keep = |journal: &Journal| {
        if let Some(step) = journal.steps.last() {
            output::say(text::step(step));
        }
        place.keep(journal)
    };
    let deployed = deploy_with(client, signer, params, earlier, &mut keep).await;
    let record = match deployed {
        Ok(record) => record,
        Err(error) => {
            let error = eyre::Report::from(error);
            return Err(match place.journal() {
                Some(journal) => error.wrap_err(format!(
                    "the deployment is incomplete; the transactions sent are in {}: run the same command with --resume",
                    journal.display()
                )),
                None => error,
            });
        }
    };
    place.finish(&record)?;
    args.format
        .print(&record, || text::deployed(&record, place.file()))?;
    Ok(Outcome::Done)
}
