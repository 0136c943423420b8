//! Deployment of the contracts, from a parameter file to contracts on chain.
//!
//! ```text
//! DeployParams ──plan──▶ DeployPlan: cost, problems, reverts (sends nothing)
//!              ──deploy_with──▶ DeploymentRecord, in its Place (a Journal after each step, so that an interrupted run can be resumed)
//! DeploymentRecord ──check──▶ Findings: code, constructor arguments, roles and settings on chain, compared with source and record
//!                  ──approve──▶ DeploymentRecord with the roles and settings on chain
//! ```
//!
//! [`deploy`] is the short form for tests and devnets, without a journal.

mod approve;
mod bounds;
mod check;
mod code;
mod creation;
mod error;
mod expect;
mod files;
mod journal;
mod params;
mod plan;
mod problems;
mod record;
mod rules;
mod spelling;
mod state;
mod words;

use std::time::Duration;

use alloy_primitives::Address;
use assize_chain::ChainClient;
use assize_keys::Signer;
use serde::{Deserialize, Serialize};

pub use approve::{Change, approve};
pub use check::{Finding, Verdict, check};
pub use code::code_hashes;
pub use creation::{Argument, Part};
pub use error::{DeploymentError, Result};
pub use expect::{expect_contracts, expect_drand};
pub use files::{Place, PlaceError};
pub use journal::{Journal, Mined, Step, deploy_with};
pub use params::{BeaconParams, CourtParams, DeployParams, ParamsError, chain_name};
pub use plan::{DeployPlan, PlannedCreation, plan};
pub use problems::{Problem, Problems, Weight};
pub use record::{ContractRecord, DeploymentRecord, Source};
pub use state::{Coming, NetworkState};

/// Timeout of each transaction: ten epochs of Filecoin.
const PATIENCE: Duration = Duration::from_secs(300);

/// The addresses of a network's contracts, which every other command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// Chain id.
    pub chain_id: u64,
    /// `Court`.
    pub court: Address,
    /// `Roles`.
    pub roles: Address,
    /// `DrandBeacon` or `FilecoinBeacon`.
    pub beacon: Address,
    /// `Rounds`.
    pub rounds: Address,
    /// `Rewards`.
    pub rewards: Address,
    /// Block of the first of the contracts: no event is older.
    pub block: u64,
    /// Gas of all deployment transactions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gas_used: Option<u64>,
}

impl Deployment {
    /// A deployment with all contracts at one address, which stands for those that do not exist yet.
    pub(crate) fn all_at(chain_id: u64, address: Address) -> Self {
        Self {
            chain_id,
            court: address,
            roles: address,
            beacon: address,
            rounds: address,
            rewards: address,
            block: 0,
            gas_used: None,
        }
    }

    /// The address of a contract.
    #[must_use]
    pub fn at(&self, part: Part) -> Address {
        match part {
            Part::Court => self.court,
            Part::Roles => self.roles,
            Part::Beacon => self.beacon,
            Part::Rounds => self.rounds,
            Part::Rewards => self.rewards,
        }
    }

    pub(crate) fn put(&mut self, part: Part, address: Address) {
        *match part {
            Part::Court => &mut self.court,
            Part::Roles => &mut self.roles,
            Part::Beacon => &mut self.beacon,
            Part::Rounds => &mut self.rounds,
            Part::Rewards => &mut self.rewards,
        } = address;
    }
}

/// Deploys all contracts.
///
/// Everything predictable fails before the first transaction: parameters, chain id, funds, and reverts of the
/// contracts' constructors, as far as they can be simulated. Nothing is recorded: a deployment that must survive a crash
/// uses [`deploy_with`].
///
/// # Errors
/// [`ParamsError`] with every invalid field; [`ChainError::WrongChain`](assize_chain::ChainError::WrongChain),
/// [`ChainError::Unfunded`](assize_chain::ChainError::Unfunded),
/// [`ChainError::Reverted`](assize_chain::ChainError::Reverted).
pub async fn deploy(client: &ChainClient, signer: &Signer, params: &DeployParams) -> Result<Deployment> {
    let record = deploy_with(client, signer, params, None, &mut |_| Ok(())).await?;
    Ok(record.deployment)
}
