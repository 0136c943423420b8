//! What must hold before a deployment is used: its contracts are there, and verify the beacons that are used with them.

use alloy_primitives::{Address, Bytes, hex, keccak256};
use alloy_sol_types::SolCall;
use assize_chain::contracts::drand_beacon::DrandBeacon;
use assize_chain::contracts::filecoin_beacon::FilecoinBeacon;
use assize_chain::contracts::rewards::Rewards;
use assize_chain::contracts::rounds::Rounds;
use assize_chain::{ChainClient, ChainError};
use assize_drand::Chain;

use crate::check::embedded;
use crate::code::Template;
use crate::creation::Part;
use crate::{Deployment, DeploymentError, Result};

/// Makes sure that `Court`, `Roles`, `Rounds` and `Rewards` are where a deployment says: before anything of value is sent there.
///
/// Only the code is compared, with what this program was built from, and not the parameters that its constructor wrote into
/// it: [`check`](crate::check()) compares all.
///
/// # Errors
/// [`ChainError::WrongChain`], [`ChainError::NoContract`], [`DeploymentError::ForeignCode`], [`DeploymentError::Mixed`] and failures
/// of the node.
pub async fn expect_contracts(client: &ChainClient, deployment: &Deployment) -> Result<()> {
    client.expect_chain(deployment.chain_id)?;
    for part in [Part::Court, Part::Roles, Part::Rounds, Part::Rewards] {
        let (contract, address) = (part.name(), deployment.at(part));
        let code = client.code(address).await?;
        let chain_id = client.chain_id();
        if code.is_empty() {
            return Err(ChainError::NoContract {
                contract,
                address,
                chain_id,
            }
            .into());
        }
        let fits = |(_, creation): &(&str, Bytes)| {
            Template::of(creation).is_some_and(|template| template.values_in(&code).is_ok())
        };
        if !embedded(part).iter().any(fits) {
            return Err(DeploymentError::ForeignCode {
                contract,
                address,
                chain_id,
                found: keccak256(&code),
            });
        }
    }
    expect_one_network(client, deployment).await
}

/// Makes sure that the addresses of a deployment file belong together: contracts of two networks have the same code.
async fn expect_one_network(client: &ChainClient, deployment: &Deployment) -> Result<()> {
    let d = deployment;
    let rounds = named_by(client, "Rewards", d.rewards, &Rewards::ROUNDSCall {}).await?;
    let roles_of_rewards = named_by(client, "Rewards", d.rewards, &Rewards::ROLESCall {}).await?;
    let court = named_by(client, "Rewards", d.rewards, &Rewards::COURTCall {}).await?;
    let roles = named_by(client, "Rounds", d.rounds, &Rounds::ROLESCall {}).await?;
    let beacon = named_by(client, "Rounds", d.rounds, &Rounds::BEACONCall {}).await?;
    let links = [
        ("Rewards", d.rewards, "Rounds", rounds, d.rounds),
        ("Rewards", d.rewards, "Roles", roles_of_rewards, d.roles),
        ("Rewards", d.rewards, "Court", court, d.court),
        ("Rounds", d.rounds, "Roles", roles, d.roles),
        ("Rounds", d.rounds, "beacon", beacon, d.beacon),
    ];
    for (contract, address, part, found, listed) in links {
        if found != listed {
            return Err(DeploymentError::Mixed {
                contract,
                address,
                part,
                found,
                listed,
            });
        }
    }
    Ok(())
}

/// The address that a contract has built in. Another contract does not know the call.
async fn named_by<C: SolCall<Return = Address>>(
    client: &ChainClient,
    contract: &'static str,
    address: Address,
    call: &C,
) -> Result<Address> {
    match client.call(contract, address, call).await {
        Ok(named) => Ok(named),
        Err(ChainError::Reverted(_) | ChainError::Answer { .. }) => Err(DeploymentError::ForeignCode {
            contract,
            address,
            chain_id: client.chain_id(),
            found: keccak256(client.code(address).await?),
        }),
        Err(error) => Err(error.into()),
    }
}

/// Makes sure that the contracts of a deployment verify the beacons of a drand chain: `DrandBeacon` by the chain's key and
/// schedule, `FilecoinBeacon` those of quicknet (docs/protocol.md §2).
///
/// # Errors
/// [`DeploymentError::Mixed`], [`DeploymentError::OtherDrand`], [`DeploymentError::NotABeacon`] and failures of the node.
pub async fn expect_drand(client: &ChainClient, deployment: &Deployment, chain: &Chain) -> Result<()> {
    expect_one_network(client, deployment).await?;
    let address = deployment.beacon;
    let other = |verified: String| DeploymentError::OtherDrand {
        verified,
        given: hex::encode(chain.hash()),
        id: chain.info().beacon_id.clone(),
    };
    if client.code(address).await?.is_empty() {
        return Err(ChainError::NoContract {
            contract: "beacon",
            address,
            chain_id: client.chain_id(),
        }
        .into());
    }
    let schedule = chain.schedule();
    let call = DrandBeacon::publicKeyCall {};
    match client.call("DrandBeacon", address, &call).await {
        Ok(key) => {
            let call = DrandBeacon::GENESISCall {};
            let genesis = client.call("DrandBeacon", address, &call).await?;
            let call = DrandBeacon::PERIODCall {};
            let period = client.call("DrandBeacon", address, &call).await?;
            let same_key = chain.public_key_eip2537().is_ok_and(|own| own[..] == key[..]);
            match same_key && (genesis, period) == (schedule.genesis, schedule.period.get()) {
                true => Ok(()),
                false => Err(other(format!(
                    "a chain with round 1 at Unix time {genesis}, a round every {period} s and a key whose keccak-256 is {}",
                    keccak256(&key)
                ))),
            }
        }
        Err(error) if error.is_transient() => Err(error.into()),
        Err(_) => match client
            .call(
                "FilecoinBeacon",
                address,
                &FilecoinBeacon::FILECOIN_GENESISCall {},
            )
            .await
        {
            Ok(_) if *chain == Chain::quicknet() => Ok(()),
            Ok(_) => Err(other("quicknet".into())),
            Err(error) if error.is_transient() => Err(error.into()),
            Err(_) => Err(DeploymentError::NotABeacon {
                address,
                chain_id: client.chain_id(),
            }),
        },
    }
}
