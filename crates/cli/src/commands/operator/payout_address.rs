//! `assize operator payout-address`.

use assize_chain::{ChainError, Draft};
use assize_protocol::address::{parse_operator, to_delegated};
use assize_protocol::{Address, AttoFil, PayoutAddress};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::shared::{in_filecoin, in_full};
use crate::args::{ChainArgs, FormatArgs, KeyArgs};
use crate::connect::{Network, PATIENCE};
use crate::output::{self, Outcome};
use crate::signer::signer;
use assize_service::DataDir;

#[derive(Debug, Subcommand)]
pub enum PayoutAddressCommand {
    Show(ShowArgs),
    Set(SetArgs),
}

/// Show where an operator's rewards go.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Operator, a 0x or f410 address.
    #[arg(value_name = "OPERATOR", value_parser = parse_operator)]
    operator: Address,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
}

/// Send an operator's rewards to another address; needs the operator's key.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// 0x, f410, f0, on Filecoin also f1, f2, f3; or `reset` for its own address.
    #[arg(value_name = "ADDRESS|reset", value_parser = parse_target)]
    to: Target,
    /// Do not ask for confirmation.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Own,
    Address(PayoutAddress),
}

fn parse_target(text: &str) -> Result<Target, assize_protocol::address::AddressError> {
    match text {
        "reset" => Ok(Target::Own),
        _ => text.parse().map(Target::Address),
    }
}

pub(crate) async fn run(command: &PayoutAddressCommand, data: &DataDir) -> eyre::Result<Outcome> {
    match command {
        PayoutAddressCommand::Show(args) => show(args, data).await,
        PayoutAddressCommand::Set(args) => set(args, data).await,
    }
}

async fn show(args: &ShowArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect(&args.chain, data).await?;
    let recipient = network.rewards.payout_address_of(args.operator).await?;
    let report = json!({
        "operator": args.operator,
        "payoutAddress": plain(&recipient),
        "filecoin": in_filecoin(&recipient),
        "own": recipient == PayoutAddress::Evm(args.operator),
    });
    args.format.print(&report, || {
        format!(
            "rewards of {} go to {}",
            named(args.operator),
            describe(args.operator, &recipient)
        )
    })?;
    Ok(Outcome::Done)
}

async fn set(args: &SetArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect_to_send(&args.chain, data).await?;
    let signer = signer(&args.key).await?;
    let operator = signer.address();
    let own = PayoutAddress::Evm(operator);
    let old = network.rewards.payout_address_of(operator).await?;
    let new = match &args.to {
        Target::Own => own.clone(),
        Target::Address(address) => address.clone(),
    };
    let mut report = json!({
        "operator": operator,
        "previous": plain(&old),
        "payoutAddress": plain(&new),
        "filecoin": in_filecoin(&new),
        "transaction": Value::Null,
    });
    if old == new {
        args.format.print(&report, || {
            format!(
                "nothing to change: rewards of {} already go to {}",
                named(operator),
                describe(operator, &new)
            )
        })?;
        return Ok(Outcome::Done);
    }
    let draft = network.rewards.set_payout_address(match new == own {
        // The zero address resets it.
        true => &PayoutAddress::Evm(Address::ZERO),
        false => &new,
    });
    // Report what the contract would reject before asking.
    network.client.expect_funds(&signer, AttoFil::ZERO).await?;
    network.client.estimate_gas(&draft, operator).await?;
    output::say(format!(
        "Rewards of operator {}\n  now go to   {}\n  will go to  {}",
        named(operator),
        describe(operator, &old),
        describe(operator, &new)
    ));
    if refuses_money(&network, operator, &new).await? {
        output::say(
            "Warning: the contract at this address rejects FIL now; until that changes, claims fail and nothing is paid.",
        );
    }
    let question = format!("Send the rewards of {operator} to {new} from now on?");
    if !output::ask(&question, args.yes)? {
        output::say("nothing was changed");
        return Ok(Outcome::CheckFailed);
    }
    let receipt = network.client.transact(&signer, &draft, PATIENCE).await?;
    report["transaction"] = json!(receipt.hash);
    args.format.print(&report, || {
        format!(
            "rewards of {} go to {} now (transaction {})",
            named(operator),
            describe(operator, &new),
            receipt.hash
        )
    })?;
    Ok(Outcome::Done)
}

/// Whether the contract at an address rejects payments at the moment.
async fn refuses_money(network: &Network, payer: Address, recipient: &PayoutAddress) -> eyre::Result<bool> {
    let PayoutAddress::Evm(address) = recipient else {
        return Ok(false);
    };
    let payment = Draft::call("the recipient", *address, Vec::new()).with_value(AttoFil::new(1));
    match network.client.call_raw(&payment, Some(payer)).await {
        Err(ChainError::Reverted(_)) => Ok(true),
        // Nodes may reject this call for other reasons.
        _ => Ok(false),
    }
}

fn named(operator: Address) -> String {
    format!("{operator} ({})", to_delegated(operator))
}

fn describe(operator: Address, recipient: &PayoutAddress) -> String {
    match *recipient == PayoutAddress::Evm(operator) {
        true => "its own address".into(),
        false => in_full(recipient),
    }
}

/// The address in the notation of other programs.
fn plain(address: &PayoutAddress) -> String {
    match address {
        PayoutAddress::Evm(address) => address.to_string(),
        PayoutAddress::Native(address) => address.to_string(),
    }
}
