//! What each deed calls, who may do it, and its effect in words.

use std::collections::BTreeSet;

use assize_deployment::DeployParams;
use assize_protocol::RoundNumber;
use assize_service::{date, duration};
use eyre::ensure;

use super::{AddressArgs, EndArgs, EvaluatorsArgs, NoArgs, ParametersArgs, SuspensionArgs, WindowArgs};
use crate::connect::Network;
use crate::send::{Action, Role};

type Result = eyre::Result<Action>;

pub(super) fn set_coordinator(network: &Network, own: &AddressArgs) -> Result {
    let effect = format!(
        "{} becomes the coordinator after one challenge window",
        own.address
    );
    let draft = network.rounds.set_coordinator(own.address);
    Ok(Action::new(Role::Owner, draft, effect))
}

pub(super) fn cancel_coordinator(network: &Network, _: &NoArgs) -> Result {
    let effect = "the announced coordinator is cancelled";
    let draft = network.rounds.cancel_coordinator();
    Ok(Action::new(Role::OwnerOrGuardian, draft, effect))
}

pub(super) fn suspend_coordinator(network: &Network, own: &SuspensionArgs) -> Result {
    let lists = match own.lists_of {
        Some(round) => format!("of round {round}"),
        None => "of the newest round with a batch".into(),
    };
    let effect = format!(
        "there is no coordinator any more, at once; until the owner appoints another, anyone opens rounds with the lists {lists}"
    );
    let draft = network.rounds.suspend_coordinator(own.lists_of.map(RoundNumber));
    Ok(Action::new(Role::Guardian, draft, effect))
}

pub(super) fn allow_publisher(network: &Network, own: &AddressArgs) -> Result {
    let effect = format!(
        "{} may commit batches of rounds opened one challenge window from now on",
        own.address
    );
    let draft = network.rounds.set_publisher(own.address, true);
    Ok(Action::new(Role::Owner, draft, effect))
}

pub(super) fn forbid_publisher(network: &Network, own: &AddressArgs) -> Result {
    let effect = format!(
        "{} may not commit batches of rounds opened one challenge window from now on",
        own.address
    );
    let draft = network.rounds.set_publisher(own.address, false);
    Ok(Action::new(Role::Owner, draft, effect))
}

pub(super) fn cancel_publisher(network: &Network, own: &AddressArgs) -> Result {
    let effect = format!("what is announced of the publisher {} is cancelled", own.address);
    let draft = network.rounds.cancel_publisher(own.address);
    Ok(Action::new(Role::OwnerOrGuardian, draft, effect))
}

pub(super) fn suspend_publisher(network: &Network, own: &AddressArgs) -> Result {
    let effect = format!(
        "{} may not commit batches any more, at once; the owner can announce it again",
        own.address
    );
    let draft = network.rounds.suspend_publisher(own.address);
    Ok(Action::new(Role::Guardian, draft, effect))
}

pub(super) fn note_active(network: &Network, _: &NoArgs) -> Result {
    let effect = "settlements that became active are noted; an end that was announced because there was none is cancelled";
    Ok(Action::new(Role::Anyone, network.rewards.note_active(), effect))
}

pub(super) fn set_parameters(network: &Network, own: &ParametersArgs) -> Result {
    let (file, params) = (own.params.display(), DeployParams::read(&own.params)?);
    let (theirs, ours) = (params.chain_id, network.deployment.chain_id);
    ensure!(
        theirs == ours,
        "{file} is for chain {theirs}, but the deployment is on chain {ours}"
    );
    let effect = format!("rounds opened one challenge window from now on have the parameters of {file}");
    let draft = network.rounds.set_parameters(&params.parameters)?;
    Ok(Action::new(Role::Owner, draft, effect))
}

pub(super) fn cancel_parameters(network: &Network, _: &NoArgs) -> Result {
    let effect = "the announced parameters are cancelled";
    let draft = network.rounds.cancel_parameters();
    Ok(Action::new(Role::OwnerOrGuardian, draft, effect))
}

pub(super) fn set_evaluators(network: &Network, own: &EvaluatorsArgs) -> Result {
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
    let draft = network.roles.set_evaluators(&set, own.threshold);
    Ok(Action::new(Role::Owner, draft, effect))
}

pub(super) fn cancel_evaluators(network: &Network, _: &NoArgs) -> Result {
    let effect = "the announced evaluators are cancelled";
    let draft = network.roles.cancel_evaluators();
    Ok(Action::new(Role::OwnerOrGuardian, draft, effect))
}

pub(super) fn set_guardian(network: &Network, own: &AddressArgs) -> Result {
    let effect = format!("{} becomes the guardian after one challenge window", own.address);
    let draft = network.roles.set_guardian(own.address);
    Ok(Action::new(Role::Owner, draft, effect))
}

pub(super) fn cancel_guardian(network: &Network, _: &NoArgs) -> Result {
    let effect = "the announced guardian is cancelled";
    let draft = network.roles.cancel_guardian();
    Ok(Action::new(Role::OwnerOrGuardian, draft, effect))
}

pub(super) fn set_challenge_window(network: &Network, own: &WindowArgs) -> Result {
    let effect = format!(
        "the challenge window becomes {}: at once if it is longer, else after the present one",
        duration(own.window)
    );
    let draft = network.roles.set_challenge_window(own.window);
    Ok(Action::new(Role::Owner, draft, effect))
}

pub(super) fn cancel_challenge_window(network: &Network, _: &NoArgs) -> Result {
    let effect = "the announced challenge window is cancelled";
    let draft = network.roles.cancel_challenge_window();
    Ok(Action::new(Role::OwnerOrGuardian, draft, effect))
}

pub(super) fn set_end(network: &Network, own: &EndArgs) -> Result {
    let effect = match own.at.0 {
        Some(at) => format!("the programme ends at {}", date(at)),
        None => "the programme has no end".into(),
    };
    Ok(Action::new(
        Role::Owner,
        network.rewards.set_end(own.at.0),
        effect,
    ))
}

pub(super) fn cancel_end(network: &Network, _: &NoArgs) -> Result {
    let effect = "the announced end of the programme is cancelled";
    Ok(Action::new(
        Role::OwnerOrGuardian,
        network.rewards.cancel_end(),
        effect,
    ))
}

pub(super) fn end_abandoned(network: &Network, _: &NoArgs) -> Result {
    let effect = "the end of the programme is announced: nothing was settled for long";
    Ok(Action::new(Role::Anyone, network.rewards.end_abandoned(), effect))
}

pub(super) fn withdraw_surplus(network: &Network, _: &NoArgs) -> Result {
    let effect = "what was never promised goes to the treasury";
    Ok(Action::new(
        Role::Anyone,
        network.rewards.withdraw_surplus(),
        effect,
    ))
}

pub(super) fn sync(network: &Network, _: &NoArgs) -> Result {
    let effect = "what came by a plain transfer is a deposit";
    Ok(Action::new(Role::Anyone, network.rewards.sync(), effect))
}

pub(super) fn set_treasury(network: &Network, own: &AddressArgs) -> Result {
    let effect = format!("{} becomes the treasury, at once", own.address);
    let draft = network.rewards.set_treasury(own.address);
    Ok(Action::new(Role::Treasury, draft, effect))
}

pub(super) fn transfer_ownership(network: &Network, own: &AddressArgs) -> Result {
    let effect = format!("{} may accept the ownership", own.address);
    let draft = network.roles.transfer_ownership(own.address);
    Ok(Action::new(Role::Owner, draft, effect))
}

pub(super) fn accept_ownership(network: &Network, _: &NoArgs) -> Result {
    let effect = "the sender becomes the owner";
    let draft = network.roles.accept_ownership();
    Ok(Action::new(Role::NextOwner, draft, effect))
}
