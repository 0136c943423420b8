//! `assize deploy`.

use std::path::PathBuf;

use assize_chain::{ChainClient, DeployParams, RpcUrl, deploy};
use clap::Args;

use super::key::signer;
use crate::args::KeyArgs;
use crate::output::{self, Outcome};

/// Put the contracts on a chain; prints their addresses as JSON, the deployment file of all other commands.
#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// JSON-RPC endpoint.
    #[arg(long, env = "ASSIZE_RPC_URL", value_name = "URL", hide_env_values = true)]
    rpc_url: String,
    /// Parameters (JSON or TOML; examples in docs/).
    #[arg(long, value_name = "FILE")]
    params: PathBuf,
    #[command(flatten)]
    key: KeyArgs,
    /// JSON is the only form; accepted for uniformity.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &DeployArgs) -> eyre::Result<Outcome> {
    let params = DeployParams::read(&args.params)?;
    params.validate()?;
    let url: RpcUrl = args.rpc_url.parse()?;
    let signer = signer(&args.key).await?;
    let client = ChainClient::connect_to(&url, params.chain_id).await?;
    output::json_pretty(&deploy(&client, &signer, &params).await?)?;
    Ok(Outcome::Done)
}
