//! `assize address`.

use clap::Args;
use serde_json::json;

use super::key::signer;
use crate::args::KeyArgs;
use crate::output::{self, Outcome};

/// Print the address of a key, to be sent FIL or named in a role. Nothing is signed.
#[derive(Debug, Args)]
pub(crate) struct AddressArgs {
    #[command(flatten)]
    key: KeyArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &AddressArgs) -> eyre::Result<Outcome> {
    let address = signer(&args.key).await?.address();
    output::either(args.json, &json!({"address": address}), || address.to_string())?;
    Ok(Outcome::Done)
}
