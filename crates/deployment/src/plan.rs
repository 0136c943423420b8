//! A simulated deployment.

use alloy_primitives::Address;
use assize_chain::{ChainClient, ChainError};
use assize_protocol::{AttoFil, GasPrice};
use serde::Serialize;

use crate::creation::Creation;
use crate::params::MAINNET;
use crate::problems::{Problem, Problems, Weight};
use crate::{DeployParams, ParamsError, Result};

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
    /// Maximum cost of the creations at the current gas price, without the registration of publishers.
    pub cost: AttoFil,
    /// Maximum price of a unit of gas.
    pub gas_price: GasPrice,
    /// The publishers that the owner must register, since the deployer is not the owner.
    pub publishers_left: bool,
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

/// Simulates the three creations as `deployer`, with placeholders for addresses that do not exist yet, and checks the
/// roles' addresses. Sends nothing.
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
    for creation in [
        Creation::beacon(&params.beacon)?,
        Creation::rounds(params, deployer)?,
        Creation::rewards(params, deployer),
    ] {
        let draft = creation.draft();
        let gas = match client.estimate_gas(&draft, deployer).await {
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
        };
        creations.push(PlannedCreation {
            name: creation.name,
            gas,
            bytes: draft.input.len(),
        });
    }
    let fees = client.fees().await?;
    let mut plan = DeployPlan {
        deployer,
        balance: client.balance(deployer).await?,
        creations,
        cost: AttoFil::ZERO,
        gas_price: fees.max_fee,
        publishers_left: deployer != params.owner && !params.publishers.is_empty(),
        refusals,
        warnings,
    };
    plan.cost = fees.at_most(plan.gas());
    Ok(plan)
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
