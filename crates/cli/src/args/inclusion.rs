//! The key that pays for a station's own reports.

use std::path::PathBuf;

use assize_protocol::AttoFil;
use clap::Args;

/// The variable with that key.
pub(crate) const INCLUSION_VARIABLE: &str = "ASSIZE_INCLUSION_PRIVATE_KEY";
/// The flags that name it.
pub(crate) const INCLUSION_FLAGS: [&str; 2] = ["inclusion-keystore", "inclusion-password-file"];

/// The key that pays for a station's own reports: any with FIL for gas, but not the station's.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Own reports, if it is left out (key else ASSIZE_INCLUSION_PRIVATE_KEY)")]
pub(crate) struct InclusionArgs {
    /// Keystore of the key that pays for own reports.
    #[arg(long, value_name = "FILE")]
    pub inclusion_keystore: Option<PathBuf>,
    /// Its password, else ASSIZE_KEYSTORE_PASSWORD or a prompt.
    #[arg(long, value_name = "FILE", requires = "inclusion_keystore")]
    pub inclusion_password_file: Option<PathBuf>,
    /// Maximum fee of one report [default: no maximum].
    #[arg(long, value_name = "FIL")]
    pub inclusion_max_fee: Option<AttoFil>,
}
