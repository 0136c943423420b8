//! Where the secret key is. Keys are never taken from an argument.

use std::path::PathBuf;

use assize_keys::LedgerPath;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

/// Where the secret key is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Key (else ASSIZE_PRIVATE_KEY)")]
pub(crate) struct KeyArgs {
    // No `env` of clap's here: an argument wins over whatever the environment holds.
    /// Encrypted keystore file, as `cast wallet` and geth write it [env: ASSIZE_KEYSTORE].
    #[arg(long, value_name = "FILE")]
    pub keystore: Option<PathBuf>,
    /// File with the keystore's password; else ASSIZE_KEYSTORE_PASSWORD or a prompt.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ledger", "aws_kms"])]
    pub password_file: Option<PathBuf>,
    /// Account on a Ledger: Ledger Live's number, `legacy:` and a number, or a path.
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
