//! A deployment step by step, which can be resumed after an interruption.

use std::collections::BTreeMap;
use std::io;

use alloy_primitives::{Address, B256, Bytes, keccak256};
use assize_chain::{ChainClient, ChainError, Draft, SendOutcome};
use assize_keys::Signer;
use assize_protocol::AttoFil;
use serde::{Deserialize, Serialize};

use crate::creation::{Creation, Part};
use crate::plan::plan;
use crate::record::{ContractRecord, DeploymentRecord, Source};
use crate::{DeployParams, Deployment, NetworkState, PATIENCE, ParamsError, Result};

/// What has been sent so far. Each signed transaction is recorded before it is sent, so it can be sent again and takes
/// effect at most once. Contains no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Journal {
    /// The parameters being deployed.
    pub params: DeployParams,
    /// The deployer.
    pub deployer: Address,
    /// Identifies the bytecode: keccak-256 of all contracts' creation codes.
    pub bytecode: B256,
    /// The transactions, in order.
    pub steps: Vec<Step>,
}

/// A transaction of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// The contract that it creates.
    pub part: Part,
    /// Its nonce.
    pub nonce: u64,
    /// Its hash.
    pub transaction: B256,
    /// The signed transaction.
    pub raw: Bytes,
    /// Its result, once mined.
    pub mined: Option<Mined>,
}

/// A mined transaction that took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mined {
    /// Its block.
    pub block: u64,
    /// Gas charged.
    pub gas_used: u64,
    /// The contract created.
    pub contract: Option<Address>,
}

impl Journal {
    /// The journal of a new deployment.
    #[must_use]
    pub fn new(params: &DeployParams, deployer: Address) -> Self {
        Self {
            params: params.clone(),
            deployer,
            bytecode: bytecode(),
            steps: Vec::new(),
        }
    }

    /// Rejects parameters, key or bytecode that differ from those of the journal.
    fn expect_same(&self, params: &DeployParams, deployer: Address) -> Result<(), ParamsError> {
        let differs = |what: String| Err(ParamsError::OtherRun { what });
        if self.params != *params {
            return differs("with other parameters".into());
        }
        if self.deployer != deployer {
            return differs(format!("by {}, and this key is {deployer}'s", self.deployer));
        }
        if self.bytecode != bytecode() {
            return differs("by a version of assize with other contracts".into());
        }
        Ok(())
    }
}

fn bytecode() -> B256 {
    use assize_chain::contracts::{court, drand_beacon, filecoin_beacon, rewards, roles, rounds};
    let codes = [
        &court::Court::BYTECODE,
        &roles::Roles::BYTECODE,
        &drand_beacon::DrandBeacon::BYTECODE,
        &filecoin_beacon::FilecoinBeacon::BYTECODE,
        &rounds::Rounds::BYTECODE,
        &rewards::Rewards::BYTECODE,
    ];
    let hashes: Vec<u8> = codes.iter().flat_map(|code| keccak256(code).0).collect();
    keccak256(hashes)
}

/// Deploys all contracts. `keep` is called with the journal before each transaction is sent and after it is mined; it must
/// store it.
///
/// `earlier` is the journal of an interrupted run: its transactions are not created again.
///
/// # Errors
/// Everything predictable fails before the first transaction, see [`deploy`](crate::deploy). In addition,
/// [`ParamsError::OtherRun`] if `earlier` does not match, and [`ParamsError::Keep`].
pub async fn deploy_with(
    client: &ChainClient,
    signer: &Signer,
    params: &DeployParams,
    earlier: Option<Journal>,
    keep: &mut dyn FnMut(&Journal) -> io::Result<()>,
) -> Result<DeploymentRecord> {
    client.expect_chain(params.chain_id)?;
    params.validate()?;
    let deployer = signer.address();
    let journal = match earlier {
        Some(journal) => {
            journal.expect_same(params, deployer)?;
            journal
        }
        None => {
            client.expect_funds(signer, AttoFil::ZERO).await?;
            let plan = plan(client, params, deployer).await?;
            plan.expect_allowed()?;
            client.expect_funds(signer, plan.cost).await?;
            Journal::new(params, deployer)
        }
    };
    let mut run = Run {
        client,
        signer,
        journal,
        keep,
    };

    let mut deployment = Deployment::all_at(client.chain_id(), Address::ZERO);
    let mut contracts = BTreeMap::new();
    for part in Part::ALL {
        let creation = Creation::of(part, params, &deployment)?;
        let (mined, address) = run.create(part, &creation).await?;
        if contracts.is_empty() {
            deployment.block = mined.block;
        }
        deployment.put(part, address);
        let code_hash = keccak256(client.code(address).await?);
        let transaction = run.transaction(part);
        let contract = ContractRecord::new(&creation, code_hash, transaction, Some(mined.block));
        contracts.insert(part, contract);
    }
    deployment.gas_used = Some(run.gas_used());
    tracing::info!(rounds = %deployment.rounds, rewards = %deployment.rewards, gas_used = run.gas_used(), "deployed");
    Ok(DeploymentRecord {
        deployment,
        deployer: Some(deployer),
        contracts,
        params: Some(params.clone()),
        state: Some(NetworkState::of(params)),
        source: Some(Source::embedded()),
    })
}

struct Run<'a> {
    client: &'a ChainClient,
    signer: &'a Signer,
    journal: Journal,
    keep: &'a mut dyn FnMut(&Journal) -> io::Result<()>,
}

impl Run<'_> {
    async fn create(&mut self, part: Part, creation: &Creation) -> Result<(Mined, Address)> {
        let mined = self.step(part, creation.draft()).await?;
        let address = mined.contract.ok_or_else(|| ChainError::Answer {
            method: "eth_getTransactionReceipt",
            reason: format!(
                "the transaction that creates {} created no contract",
                creation.name
            ),
        })?;
        Ok((mined, address))
    }

    /// Runs the steps that remain.
    async fn step(&mut self, part: Part, draft: Draft) -> Result<Mined> {
        if let Some(index) = self.journal.steps.iter().position(|step| step.part == part) {
            let step = self.journal.steps[index].clone();
            if let Some(mined) = step.mined {
                return Ok(mined);
            }
            if self.is_under_way(&step).await? {
                return self.finish(index, &draft).await;
            }
            self.journal.steps.remove(index);
        }
        let (nonce, signed) = self.client.prepare(self.signer, &draft).await?;
        self.journal.steps.push(Step {
            part,
            nonce,
            transaction: signed.hash,
            raw: signed.raw.clone(),
            mined: None,
        });
        self.keep()?;
        self.client.send(&signed).await?;
        self.finish(self.journal.steps.len() - 1, &draft).await
    }

    /// Whether a transaction that may have been sent has taken effect, or still can. If not, another one may replace
    /// it: it failed, its nonce was used by another one, or the node rejects it.
    async fn is_under_way(&self, step: &Step) -> Result<bool> {
        if let Some(receipt) = self.client.receipt(step.transaction).await? {
            return Ok(receipt.succeeded);
        }
        let outcome = self.client.send_raw(&step.raw).await;
        Ok(match outcome {
            SendOutcome::Accepted | SendOutcome::AlreadyKnown | SendOutcome::Unknown(_) => true,
            // It may have been mined between the two requests.
            _ => self
                .client
                .receipt(step.transaction)
                .await?
                .is_some_and(|receipt| receipt.succeeded),
        })
    }

    async fn finish(&mut self, index: usize, draft: &Draft) -> Result<Mined> {
        let hash = self.journal.steps[index].transaction;
        let receipt = self
            .client
            .complete(hash, draft, self.journal.deployer, PATIENCE)
            .await?;
        let mined = Mined {
            block: receipt.block_number,
            gas_used: receipt.gas_used,
            contract: receipt.contract_address,
        };
        self.journal.steps[index].mined = Some(mined);
        self.keep()?;
        Ok(mined)
    }

    fn keep(&mut self) -> Result<(), ParamsError> {
        (self.keep)(&self.journal).map_err(ParamsError::Keep)
    }

    fn gas_used(&self) -> u64 {
        let mined = self.journal.steps.iter().filter_map(|step| step.mined);
        mined.map(|mined| mined.gas_used).sum()
    }

    fn transaction(&self, part: Part) -> Option<B256> {
        let mut steps = self.journal.steps.iter();
        steps.find(|step| step.part == part).map(|step| step.transaction)
    }
}
