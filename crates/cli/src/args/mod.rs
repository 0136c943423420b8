//! Arguments shared by several commands.

pub(crate) mod beacon;
pub(crate) mod chain;
pub(crate) mod database;
pub(crate) mod duration;
pub(crate) mod evidence;
pub(crate) mod format;
pub(crate) mod inclusion;
pub(crate) mod key;
pub(crate) mod operators;
pub(crate) mod queue;
pub(crate) mod retrieval;
pub(crate) mod store;

use std::path::PathBuf;

use clap::Args;

pub(crate) use self::beacon::{BeaconArgs, DrandArgs};
pub(crate) use self::chain::ChainArgs;
pub(crate) use self::database::DatabaseArgs;
pub(crate) use self::evidence::{EvidenceArgs, OnlineArgs};
pub use self::format::FormatArgs;
pub(crate) use self::inclusion::InclusionArgs;
pub(crate) use self::key::KeyArgs;
pub(crate) use self::queue::QueueArgs;
pub(crate) use self::store::{SourceArgs, StoreArgs};

/// Arguments of every command.
#[derive(Debug, Clone, Args)]
pub struct GlobalArgs {
    /// Log each step to stderr; RUST_LOG sets levels by module.
    #[arg(long, short, global = true, help_heading = "Global")]
    pub verbose: bool,
    /// File with defaults for flags; see `assize config --help`.
    #[arg(
        long,
        global = true,
        env = "ASSIZE_CONFIG",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Global"
    )]
    pub config: Option<PathBuf>,
    /// Directory of files, called DATA.
    #[arg(
        long,
        global = true,
        env = "ASSIZE_DATA",
        hide_env_values = true,
        value_name = "DIR",
        default_value = "assize-data",
        help_heading = "Global"
    )]
    pub data: PathBuf,
}
