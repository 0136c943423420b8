//! The table of stations and measurements that coordinator and publisher share.

use clap::Args;

/// The ingest database.
#[derive(Debug, Clone, Args)]
pub(crate) struct DatabaseArgs {
    /// Stations and measurements: SQLite file or postgres:// URL [default: DATA/ingest.sqlite].
    #[arg(
        long,
        env = "ASSIZE_DATABASE",
        value_name = "FILE|URL",
        hide_env_values = true
    )]
    pub database: Option<String>,
}
