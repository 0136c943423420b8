//! A simulated deployment.

use alloy_primitives::Address;
use assize_chain::{ChainClient, ChainError};
use assize_protocol::{AttoFil, GasPrice};
use serde::Serialize;

use crate::creation::{Creation, Part};
use crate::params::MAINNET;
use crate::problems::{Problem, Problems, Weight};
use crate::{DeployParams, Deployment, ParamsError, Result};

/// What a deployment would do.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeployPlan {
    /// The deployer.
    pub deployer: Address,
    /// Its balance.
    pub balance: AttoFil,
    /// The creations.
    pub creations: Vec<PlannedCreation>,
    /// Maximum cost of the creations at the current gas price.
    pub cost: AttoFil,
    /// Maximum price of a unit of gas.
    pub gas_price: GasPrice,
    /// Problems that prevent the deployment.
    pub refusals: Vec<Problem>,
    /// Warnings.
    pub warnings: Vec<Problem>,
}

/// A contract that would be created.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedCreation {
    /// Its name in the source.
    pub name: &'static str,
    /// Gas limit; `None` if the constructor reverts.
    pub gas: Option<u64>,
    /// Bytes of the creation code with arguments.
    pub bytes: usize,
}

impl DeployPlan {
    /// Gas of all creations.
    #[must_use]
    pub fn gas(&self) -> u64 {
        self.creations.iter().filter_map(|creation| creation.gas).sum()
    }

    /// Rejects a plan that must not be sent.
    ///
    /// # Errors
    /// [`ParamsError::Refused`] with all reasons.
    pub fn expect_allowed(&self) -> Result<(), ParamsError> {
        if self.refusals.is_empty() {
            return Ok(());
        }
        Err(Problems(self.refusals.clone()).into())
    }
}

/// Simulates the creations as `deployer`, with placeholders for addresses that do not exist yet, and checks the roles'
/// addresses. Sends nothing.
///
/// The constructor of `Rewards` asks contracts that do not exist yet. What it refuses is among the problems of the parameters;
/// its gas is that of `Rounds`, byte for byte, whose constructor stores more.
///
/// # Errors
/// [`ParamsError::Refused`] if nothing could work, and errors of the node. Dangers, and reverts of constructors, are in
/// the plan.
pub async fn plan(client: &ChainClient, params: &DeployParams, deployer: Address) -> Result<DeployPlan> {
    client.expect_chain(params.chain_id)?;
    let mut refusals = params.refusals();
    if refusals
        .iter()
        .any(|problem| problem.weight == Weight::Impossible)
    {
        return Err(ParamsError::from(Problems(refusals)).into());
    }
    let mut warnings = params.warnings();
    for problem in roles_on_chain(client, params).await? {
        let kind = if params.refuses(problem.weight) {
            &mut refusals
        } else {
            &mut warnings
        };
        kind.push(problem);
    }

    let mut creations = Vec::new();
    let placeholders = Deployment::all_at(params.chain_id, deployer);
    for part in Part::ALL {
        let creation = Creation::of(part, params, &placeholders)?;
        let draft = creation.draft();
        let bytes = draft.input.len();
        let gas = match part {
            Part::Rewards => of_as_many_bytes(creations.last(), bytes),
            _ => match client.estimate_gas(&draft, deployer).await {
                Ok(gas) => Some(gas),
                Err(ChainError::Reverted(revert)) => {
                    refusals.push(Problem {
                        field: format!("constructor of {}", creation.name),
                        reason: revert.to_string(),
                        weight: Weight::Impossible,
                    });
                    None
                }
                Err(other) => return Err(other.into()),
            },
        };
        creations.push(PlannedCreation {
            name: creation.name,
            gas,
            bytes,
        });
    }
    let fees = client.fees().await?;
    let mut plan = DeployPlan {
        deployer,
        balance: client.balance(deployer).await?,
        creations,
        cost: AttoFil::ZERO,
        gas_price: fees.max_fee,
        refusals,
        warnings,
    };
    plan.cost = fees.at_most(plan.gas());
    Ok(plan)
}

/// The gas of a creation with so many bytes, if each takes as much as those of `other`.
fn of_as_many_bytes(other: Option<&PlannedCreation>, bytes: usize) -> Option<u64> {
    let other = other?;
    let gas = u128::from(other.gas?) * bytes as u128 / (other.bytes.max(1) as u128);
    u64::try_from(gas).ok()
}

/// Checks of the roles that need the chain.
async fn roles_on_chain(client: &ChainClient, params: &DeployParams) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    let mut add = |weight, field: &str, reason: String| {
        problems.push(Problem {
            field: field.into(),
            reason,
            weight,
        });
    };
    if params.chain_id == MAINNET && client.code(params.owner).await?.is_empty() {
        add(
            Weight::Unusual,
            "owner",
            format!(
                "{} is a single key, not a contract: hand over to a Safe behind a timelock (docs/operate/deploy.md) before \
                 there is money in the pool",
                params.owner
            ),
        );
    }
    for &evaluator in &params.evaluators {
        if !client.code(evaluator).await?.is_empty() {
            add(
                Weight::Dangerous,
                "evaluators",
                format!(
                    "{evaluator} is a contract, and contracts cannot sign settlements: use the address of a key"
                ),
            );
        }
    }
    Ok(problems)
}
