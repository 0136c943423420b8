//! `assize key`.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::args::{FormatArgs, KeyArgs};
use crate::output::Outcome;
use crate::signer::signer;

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    Address(AddressArgs),
}

/// Print the address of a key; signs nothing.
#[derive(Debug, Args)]
pub struct AddressArgs {
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    key: KeyArgs,
}

pub(super) async fn run(command: &KeyCommand) -> eyre::Result<Outcome> {
    let KeyCommand::Address(args) = command;
    let address = signer(&args.key).await?.address();
    args.format
        .print(&json!({"address": address}), || address.to_string())?;
    Ok(Outcome::Done)
}
