//! Where batches and documents are.

use clap::Args;

/// Where batches and documents are written and read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct StoreArgs {
    /// Directory, s3://bucket/prefix or kubo:URL [default: DATA/store].
    #[arg(long, env = "ASSIZE_STORE", hide_env_values = true, value_name = "STORE")]
    pub store: Option<String>,
}

/// Where batches and documents can be read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct SourceArgs {
    /// Directory, s3://bucket/prefix or kubo:URL [default: DATA/store if there is no --gateway].
    #[arg(long, env = "ASSIZE_STORE", hide_env_values = true, value_name = "STORE")]
    pub store: Option<String>,
    /// Trustless IPFS gateway, asked after the store; repeatable.
    #[arg(long = "gateway", value_name = "URL")]
    pub gateways: Vec<String>,
}
