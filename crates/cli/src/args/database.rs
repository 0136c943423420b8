//! The database of stations and measurements that coordinator and publisher share.

use assize_ingest::Location;
use assize_service::DataDir;
use clap::Args;

/// The database of stations and measurements.
#[derive(Debug, Clone, Args)]
pub(crate) struct DatabaseArgs {
    /// Database [default: DATA/ingest.sqlite].
    #[arg(
        long,
        env = "ASSIZE_DATABASE",
        value_name = "FILE|URL",
        hide_env_values = true
    )]
    pub database: Option<Location>,
}

impl DatabaseArgs {
    /// The given database, or the file in the data directory.
    pub(crate) fn location(&self, data: &DataDir) -> Location {
        self.database
            .clone()
            .unwrap_or_else(|| Location::File(data.ingest()))
    }
}
