//! Chain and contracts.

use std::path::PathBuf;

use clap::Args;

/// Which chain, and where the contracts are.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Chain")]
pub(crate) struct ChainArgs {
    /// JSON-RPC endpoint.
    #[arg(long, env = "ASSIZE_RPC_URL", value_name = "URL", hide_env_values = true)]
    pub rpc_url: String,
    /// Deployment file [default: DATA/deployment.json].
    #[arg(long, env = "ASSIZE_DEPLOYMENT", hide_env_values = true, value_name = "FILE")]
    pub deployment: Option<PathBuf>,
}
