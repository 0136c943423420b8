//! Sources of the secret key. A key is never an argument.

use std::path::PathBuf;

use assize_keys::LedgerPath;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

/// The variables that name a key.
pub(crate) const KEY_VARIABLES: [&str; 3] = ["ASSIZE_PRIVATE_KEY", KEYSTORE_VARIABLE, KMS_VARIABLE];
/// Names a keystore.
pub(crate) const KEYSTORE_VARIABLE: &str = "ASSIZE_KEYSTORE";
/// Names a key in AWS KMS.
pub(crate) const KMS_VARIABLE: &str = "ASSIZE_AWS_KMS_KEY";
/// The flags that name a key.
pub(crate) const KEY_FLAGS: [&str; 4] = ["keystore", "password-file", "ledger", "aws-kms"];

/// Source of the secret key.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Key (else ASSIZE_PRIVATE_KEY)")]
pub(crate) struct KeyArgs {
    // Without clap's `env`: any of these arguments overrides all variables.
    /// Keystore file of geth or `cast wallet` [env: ASSIZE_KEYSTORE].
    #[arg(long, value_name = "FILE")]
    pub keystore: Option<PathBuf>,
    /// File with its password, else ASSIZE_KEYSTORE_PASSWORD or a prompt.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ledger", "aws_kms"])]
    pub password_file: Option<PathBuf>,
    /// Ledger account: Ledger Live's number, `legacy:` with a number, or path.
    #[arg(
        long,
        value_name = "ACCOUNT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "0",
        conflicts_with = "keystore"
    )]
    pub ledger: Option<LedgerPath>,
    /// Key in AWS KMS: id, ARN or alias/NAME [env: ASSIZE_AWS_KMS_KEY].
    #[arg(
        long,
        value_name = "KEY_ID",
        value_parser = NonEmptyStringValueParser::new(),
        conflicts_with_all = ["keystore", "ledger"]
    )]
    pub aws_kms: Option<String>,
}
