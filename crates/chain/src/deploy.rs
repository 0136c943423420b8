//! The contracts, from a file of parameters onto a chain.

mod params;

use std::time::Duration;

use alloy::primitives::{Address, Bytes, U256};
use alloy::sol_types::SolConstructor;
use serde::{Deserialize, Serialize};

pub use params::{BeaconParams, DeployParams, ParamsError};

use crate::contracts::drand_beacon::DrandBeacon;
use crate::contracts::filecoin_beacon::FilecoinBeacon;
use crate::contracts::rewards::Rewards as RewardsAbi;
use crate::contracts::rounds::Rounds as RoundsAbi;
use crate::rounds::encode_parameters;
use crate::{ChainClient, ChainError, Draft, Receipt, Result, Rounds, Signer};

/// Longest wait for each transaction: ten epochs of Filecoin.
const PATIENCE: Duration = Duration::from_secs(300);

/// Where a network's contracts are: what every other command needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// Chain id.
    pub chain_id: u64,
    /// `DrandBeacon` or `FilecoinBeacon`.
    pub beacon: Address,
    /// `Rounds`.
    pub rounds: Address,
    /// `Rewards`.
    pub rewards: Address,
    /// Block of the first of the three: no event is older.
    pub block: u64,
    /// Gas of all deployment transactions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gas_used: Option<u64>,
}

/// Puts beacon, `Rounds` and `Rewards` on the chain and registers the publishers.
///
/// Everything that can be known to fail is found before the first transaction: parameters, chain id, funds, and the
/// refusals of the contracts' own constructors, which are played without being sent.
///
/// # Errors
/// [`ParamsError`] naming the field, [`ChainError::WrongChain`], [`ChainError::Unfunded`], [`ChainError::Reverted`].
pub async fn deploy(client: &ChainClient, signer: &Signer, params: &DeployParams) -> Result<Deployment> {
    params.validate()?;
    client.expect_chain(params.chain_id)?;
    if !params.publishers.is_empty() && params.owner != signer.address() {
        return Err(ParamsError::field(
            "publishers",
            &format!(
                "only the owner {} can register publishers, but {} deploys; deploy with the owner's key, or leave \
                 the list empty and let the owner call setPublisher",
                params.owner,
                signer.address()
            ),
        )
        .into());
    }
    let beacon_draft = Draft::create("Beacon", beacon_code(&params.beacon)?);
    preflight(client, signer, params, &beacon_draft).await?;

    let mut gas_used = 0;
    let mut send = async |draft: Draft| -> Result<Receipt> {
        let receipt = client.transact(signer, &draft, PATIENCE).await?;
        gas_used += receipt.gas_used;
        Ok(receipt)
    };
    let beacon_receipt = send(beacon_draft).await?;
    let beacon = created(&beacon_receipt)?;
    let rounds = created(&send(rounds_draft(params, beacon)?).await?)?;
    let rewards = created(&send(rewards_draft(params, rounds)).await?)?;
    let contract = Rounds::new(client.clone(), rounds);
    for &publisher in &params.publishers {
        send(contract.set_publisher(publisher, true)).await?;
    }
    tracing::info!(%beacon, %rounds, %rewards, gas_used, "deployed");
    let (chain_id, block) = (client.chain_id(), beacon_receipt.block_number);
    Ok(Deployment {
        chain_id,
        beacon,
        rounds,
        rewards,
        block,
        gas_used: Some(gas_used),
    })
}

/// Plays the three creations, with a stand-in for the addresses that do not exist yet, and checks that the key can pay
/// for all of them.
async fn preflight(
    client: &ChainClient,
    signer: &Signer,
    params: &DeployParams,
    beacon: &Draft,
) -> Result<()> {
    client.expect_funds(signer, U256::ZERO).await?;
    let from = signer.address();
    let mut gas = 0_u64;
    for draft in [beacon, &rounds_draft(params, from)?, &rewards_draft(params, from)] {
        gas = gas.saturating_add(client.estimate_gas(draft, from).await?);
    }
    let price = client.fees().await?.max_fee;
    client
        .expect_funds(signer, U256::from(gas) * U256::from(price))
        .await
}

fn created(receipt: &Receipt) -> Result<Address> {
    receipt.contract_address.ok_or_else(|| ChainError::Answer {
        method: "eth_getTransactionReceipt",
        reason: format!("transaction {} created no contract", receipt.hash),
    })
}

fn beacon_code(beacon: &BeaconParams) -> Result<Bytes, ParamsError> {
    Ok(match beacon {
        BeaconParams::Drand {
            public_key,
            genesis,
            period,
        } => {
            let key = params::public_key_for_evm(public_key)?;
            let arguments = DrandBeacon::constructorCall {
                key,
                genesis: *genesis,
                period: *period,
            };
            code(&DrandBeacon::BYTECODE, &arguments)
        }
        BeaconParams::FilecoinMainnet { slack_epochs } => filecoin(params::MAINNET_GENESIS, *slack_epochs),
        BeaconParams::FilecoinCalibration { slack_epochs } => {
            filecoin(params::CALIBRATION_GENESIS, *slack_epochs)
        }
    })
}

fn filecoin(genesis: u64, slack_epochs: u64) -> Bytes {
    let arguments = FilecoinBeacon::constructorCall {
        filecoinGenesis: genesis,
        slackEpochs: slack_epochs,
    };
    code(&FilecoinBeacon::BYTECODE, &arguments)
}

fn rounds_draft(params: &DeployParams, beacon: Address) -> Result<Draft, ParamsError> {
    let arguments = RoundsAbi::constructorCall {
        beacon,
        owner: params.owner,
        firstCoordinator: params.coordinator,
        firstParameters: encode_parameters(&params.parameters)?,
    };
    Ok(Draft::create("Rounds", code(&RoundsAbi::BYTECODE, &arguments)))
}

fn rewards_draft(params: &DeployParams, rounds: Address) -> Draft {
    let mut evaluators = params.evaluators.clone();
    evaluators.sort_unstable();
    let arguments = RewardsAbi::constructorCall {
        rounds,
        owner: params.owner,
        firstGuardian: params.guardian,
        firstTreasury: params.treasury,
        minChallengeWindow: params.min_challenge_window,
        firstChallengeWindow: params.challenge_window,
        paymentGas: U256::from(params.payment_gas),
        firstEvaluators: evaluators,
        threshold: U256::from(params.threshold),
    };
    Draft::create("Rewards", code(&RewardsAbi::BYTECODE, &arguments))
}

fn code<C: SolConstructor>(bytecode: &Bytes, arguments: &C) -> Bytes {
    [bytecode.as_ref(), &arguments.abi_encode()].concat().into()
}
