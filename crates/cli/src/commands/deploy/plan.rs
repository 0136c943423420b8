//! `assize deploy plan`.

use std::path::PathBuf;

use assize_chain::{Address, ChainClient, RpcUrl};
use assize_deployment::{DeployParams, chain_name};
use assize_keys::SignerError;
use clap::Args;
use serde_json::json;

use super::text;
use crate::args::{FormatArgs, KeyArgs};
use crate::output::Outcome;
use crate::signer::signer;

/// Show parameters, roles, transactions and cost of a deployment; send nothing.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// JSON-RPC endpoint.
    #[arg(long, env = "ASSIZE_RPC_URL", value_name = "URL", hide_env_values = true)]
    rpc_url: String,
    /// Parameters (JSON or TOML); examples in docs/params.
    #[arg(long, value_name = "FILE")]
    params: PathBuf,
    /// Deployer, if no key is given [default: the owner].
    #[arg(long, value_name = "ADDRESS")]
    from: Option<Address>,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    key: KeyArgs,
}

pub(super) async fn run(args: &PlanArgs) -> eyre::Result<Outcome> {
    let params = DeployParams::read(&args.params)?;
    let url: RpcUrl = args.rpc_url.parse()?;
    let deployer = match (args.from, signer(&args.key).await) {
        (Some(address), _) => address,
        (None, Ok(signer)) => signer.address(),
        (None, Err(error)) => match error.downcast_ref::<SignerError>() {
            Some(SignerError::NoKey) => params.owner,
            _ => return Err(error),
        },
    };
    let client = ChainClient::connect_to(&url, params.chain_id).await?;
    let plan = assize_deployment::plan(&client, &params, deployer).await?;
    let report = json!({
        "dryRun": true,
        "chain": chain_name(params.chain_id),
        "params": params.with_key_for_evm()?,
        "roles": text::roles(&params),
        "plan": plan,
        "gas": plan.gas(),
    });
    args.format.print(&report, || text::plan(&params, &plan))?;
    plan.expect_allowed()?;
    Ok(Outcome::Done)
}
