//! Stores and gateways of batches and documents.

use clap::Args;

/// The store to write and read batches and documents.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArgs {
    /// Directory, s3:// or kubo: URL [default: DATA/store].
    #[arg(long, env = "ASSIZE_STORE", hide_env_values = true, value_name = "STORE")]
    pub store: Option<String>,
}

/// The store and the gateways to read batches and documents.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct SourceArgs {
    /// Directory, s3:// or kubo: URL [default: DATA/store].
    #[arg(long, env = "ASSIZE_STORE", hide_env_values = true, value_name = "STORE")]
    pub store: Option<String>,
    /// Trustless IPFS gateway, queried after --store, if set; repeatable.
    #[arg(long = "gateway", value_name = "URL")]
    pub gateways: Vec<String>,
}
