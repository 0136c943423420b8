//! `assize operator`.

mod balance;
mod claim;
mod payout_address;
mod receipts;
mod shared;

use clap::Subcommand;

use crate::output::Outcome;
use assize_service::DataDir;

/// Commands of operators.
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    Balance(balance::BalanceArgs),
    Claim(claim::ClaimArgs),
    /// Show or set where an operator's rewards go.
    #[command(subcommand)]
    PayoutAddress(payout_address::PayoutAddressCommand),
    Receipts(receipts::ReceiptsArgs),
}

pub(super) async fn run(command: &OperatorCommand, data: &DataDir) -> eyre::Result<Outcome> {
    match command {
        OperatorCommand::Balance(args) => balance::run(args, data).await,
        OperatorCommand::Claim(args) => claim::run(args, data).await,
        OperatorCommand::PayoutAddress(command) => payout_address::run(command, data).await,
        OperatorCommand::Receipts(args) => receipts::run(args, data).await,
    }
}
