//! `assize admin`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use assize_deployment::DeployParams;
use assize_protocol::Address;
use assize_service::{DataDir, date, duration};
use clap::{Args, Subcommand, ValueEnum};
use eyre::ensure;

use crate::args::duration::positive_seconds;
use crate::args::{ChainArgs, FormatArgs, KeyArgs};
use crate::connect::Network;
use crate::output::Outcome;
use crate::send::{Action, Role, SendArgs};

/// Act as owner, guardian or treasury.
#[derive(Debug, Args)]
pub struct AdminArgs {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Appoint the coordinator (owner of Rounds).
    SetCoordinator(With<AddressArgs>),
    /// Allow an address to commit batches (owner of Rounds).
    AllowPublisher(With<AddressArgs>),
    /// Forbid an address to commit batches (owner of Rounds).
    ForbidPublisher(With<AddressArgs>),
    /// Set the parameters of future rounds (owner of Rounds).
    SetParameters(With<ParametersArgs>),
    /// Announce new evaluators, one challenge window ahead (owner of Rewards).
    SetEvaluators(With<EvaluatorsArgs>),
    /// Cancel announced evaluators (owner or guardian of Rewards).
    CancelEvaluators(With<NoArgs>),
    /// Announce a new guardian, one challenge window ahead (owner of Rewards).
    SetGuardian(With<AddressArgs>),
    /// Cancel an announced guardian (owner or guardian of Rewards).
    CancelGuardian(With<NoArgs>),
    /// Set the challenge window of new settlements (owner of Rewards).
    SetChallengeWindow(With<WindowArgs>),
    /// Announce the end of the programme, or cancel it (owner of Rewards).
    SetEnd(With<EndArgs>),
    /// Announce the end of a programme without settlements (anyone may).
    EndAbandoned(With<NoArgs>),
    /// After the end, send the treasury what was never promised (anyone may).
    WithdrawSurplus(With<NoArgs>),
    /// Hand the treasury's role to another address (treasury only).
    SetTreasury(With<AddressArgs>),
    /// Offer the ownership to another address, which must accept it (owner).
    TransferOwnership(With<OwnershipArgs>),
    /// Accept a contract's ownership (new owner only).
    AcceptOwnership(With<ContractArgs>),
}

/// An action's own arguments, with those of all.
#[derive(Debug, Args)]
struct With<T: Args> {
    #[command(flatten)]
    own: T,
    #[command(flatten)]
    send: SendArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Args)]
struct NoArgs {}

#[derive(Debug, Args)]
struct AddressArgs {
    /// 0x address.
    address: Address,
}

#[derive(Debug, Args)]
struct ParametersArgs {
    /// Parameter file, as for `assize deploy plan`; its `parameters` are set.
    #[arg(value_name = "FILE")]
    params: PathBuf,
}

#[derive(Debug, Args)]
struct EvaluatorsArgs {
    /// All new evaluators: 0x addresses.
    #[arg(value_name = "ADDRESS", required = true)]
    evaluators: Vec<Address>,
    /// Signatures that a settlement needs.
    #[arg(long, value_name = "N")]
    threshold: u64,
}

#[derive(Debug, Args)]
struct WindowArgs {
    /// Such as 24h.
    #[arg(value_name = "DURATION", value_parser = positive_seconds)]
    window: u64,
}

#[derive(Debug, Args)]
struct EndArgs {
    /// UTC time such as 2027-06-30T12:00:00Z, or `never`.
    #[arg(value_name = "TIME|never", value_parser = parse_end)]
    at: End,
}

#[derive(Debug, Clone, Copy)]
struct End(Option<u64>);

fn parse_end(text: &str) -> Result<End, String> {
    if text == "never" {
        return Ok(End(None));
    }
    let time = text.parse::<jiff::Timestamp>().ok();
    time.and_then(|time| u64::try_from(time.as_second()).ok())
        .map(|at| End(Some(at)))
        .ok_or_else(|| "give a UTC time such as 2027-06-30T12:00:00Z, or `never`".into())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Contract {
    Rounds,
    Rewards,
}

#[derive(Debug, Args)]
struct ContractArgs {
    /// Which contract.
    contract: Contract,
}

#[derive(Debug, Args)]
struct OwnershipArgs {
    /// Which contract.
    contract: Contract,
    /// The new owner: a 0x address.
    address: Address,
}

pub(super) async fn run(args: &AdminArgs, data: &DataDir) -> eyre::Result<Outcome> {
    match &args.task {
        Task::SetCoordinator(args) => {
            args.run(data, |network, own| {
                let effect = format!("{} becomes the coordinator", own.address);
                let draft = network.rounds.set_coordinator(own.address);
                Ok(Action::new(Role::RoundsOwner, draft, effect))
            })
            .await
        }
        Task::AllowPublisher(args) => {
            args.run(data, |network, own| set_publisher(network, own, true))
                .await
        }
        Task::ForbidPublisher(args) => {
            args.run(data, |network, own| set_publisher(network, own, false))
                .await
        }
        Task::SetParameters(args) => args.run(data, set_parameters).await,
        Task::SetEvaluators(args) => args.run(data, set_evaluators).await,
        Task::CancelEvaluators(args) => {
            args.run(data, |network, _| {
                let draft = network.rewards.cancel_evaluators();
                Ok(Action::new(
                    Role::OwnerOrGuardian,
                    draft,
                    "the announced evaluators are cancelled",
                ))
            })
            .await
        }
        Task::SetGuardian(args) => {
            args.run(data, |network, own| {
                let effect = format!("{} becomes the guardian after one challenge window", own.address);
                let draft = network.rewards.set_guardian(own.address);
                Ok(Action::new(Role::RewardsOwner, draft, effect))
            })
            .await
        }
        Task::CancelGuardian(args) => {
            args.run(data, |network, _| {
                let draft = network.rewards.cancel_guardian();
                Ok(Action::new(
                    Role::OwnerOrGuardian,
                    draft,
                    "the announced guardian is cancelled",
                ))
            })
            .await
        }
        Task::SetChallengeWindow(args) => {
            args.run(data, |network, own| {
                let effect = format!("the challenge window becomes {}", duration(own.window));
                let draft = network.rewards.set_challenge_window(own.window);
                Ok(Action::new(Role::RewardsOwner, draft, effect))
            })
            .await
        }
        Task::SetEnd(args) => {
            args.run(data, |network, own| {
                let effect = match own.at.0 {
                    Some(at) => format!("the programme ends at {}", date(at)),
                    None => "the programme has no end".into(),
                };
                Ok(Action::new(
                    Role::RewardsOwner,
                    network.rewards.set_end(own.at.0),
                    effect,
                ))
            })
            .await
        }
        Task::EndAbandoned(args) => {
            args.run(data, |network, _| {
                let effect = "the end of the programme is announced: nothing was settled for long";
                Ok(Action::new(Role::Anyone, network.rewards.end_abandoned(), effect))
            })
            .await
        }
        Task::WithdrawSurplus(args) => {
            args.run(data, |network, _| {
                let effect = "what was never promised goes to the treasury";
                Ok(Action::new(
                    Role::Anyone,
                    network.rewards.withdraw_surplus(),
                    effect,
                ))
            })
            .await
        }
        Task::SetTreasury(args) => {
            args.run(data, |network, own| {
                let effect = format!("{} becomes the treasury, at once", own.address);
                let draft = network.rewards.set_treasury(own.address);
                Ok(Action::new(Role::Treasury, draft, effect))
            })
            .await
        }
        Task::TransferOwnership(args) => {
            args.run(data, |network, own| {
                let effect = format!("{} may accept the ownership", own.address);
                let (role, draft) = match own.contract {
                    Contract::Rounds => (Role::RoundsOwner, network.rounds.transfer_ownership(own.address)),
                    Contract::Rewards => (
                        Role::RewardsOwner,
                        network.rewards.transfer_ownership(own.address),
                    ),
                };
                Ok(Action::new(role, draft, effect))
            })
            .await
        }
        Task::AcceptOwnership(args) => {
            args.run(data, |network, own| {
                let (role, draft) = match own.contract {
                    Contract::Rounds => (Role::NextRoundsOwner, network.rounds.accept_ownership()),
                    Contract::Rewards => (Role::NextRewardsOwner, network.rewards.accept_ownership()),
                };
                Ok(Action::new(role, draft, "the sender becomes the owner"))
            })
            .await
        }
    }
}

impl<T: Args> With<T> {
    async fn run(
        &self,
        data: &DataDir,
        action: impl FnOnce(&Network, &T) -> eyre::Result<Action>,
    ) -> eyre::Result<Outcome> {
        let network = Network::connect_to_send(&self.chain, data).await?;
        let action = action(&network, &self.own)?;
        action.run(&network, &self.key, &self.send, self.format).await
    }
}

fn set_publisher(network: &Network, own: &AddressArgs, allowed: bool) -> eyre::Result<Action> {
    let effect = match allowed {
        true => format!("{} may commit batches", own.address),
        false => format!("{} may not commit batches any more", own.address),
    };
    let draft = network.rounds.set_publisher(own.address, allowed);
    Ok(Action::new(Role::RoundsOwner, draft, effect))
}

fn set_parameters(network: &Network, own: &ParametersArgs) -> eyre::Result<Action> {
    let (file, params) = (own.params.display(), DeployParams::read(&own.params)?);
    let (theirs, ours) = (params.chain_id, network.deployment.chain_id);
    ensure!(
        theirs == ours,
        "{file} is for chain {theirs}, but the deployment is on chain {ours}"
    );
    let draft = network.rounds.set_parameters(&params.parameters)?;
    let effect = format!("future rounds have the parameters of {file}");
    Ok(Action::new(Role::RoundsOwner, draft, effect))
}

fn set_evaluators(network: &Network, own: &EvaluatorsArgs) -> eyre::Result<Action> {
    let set: BTreeSet<_> = own.evaluators.iter().copied().collect();
    ensure!(set.len() == own.evaluators.len(), "an evaluator is listed twice");
    ensure!(
        (1..=set.len() as u64).contains(&own.threshold),
        "--threshold {} does not fit {} evaluators",
        own.threshold,
        set.len()
    );
    let effect = format!(
        "settlements need {} signatures of {} new evaluators after one challenge window",
        own.threshold,
        set.len()
    );
    let draft = network.rewards.set_evaluators(&set, own.threshold);
    Ok(Action::new(Role::RewardsOwner, draft, effect))
}
