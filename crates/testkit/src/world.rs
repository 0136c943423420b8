//! A chain with the contracts on it and rounds that take batches, for tests that publish.

use std::collections::BTreeMap;
use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use assize_chain::{
    BeaconParams, ChainClient, ChainError, DeployParams, Deployment, ListCommitment, Proposal, Rewards,
    Rounds, SettlementId, Signer, deploy,
};
use assize_drand::serve::Devnet;
use assize_drand::{BeaconError, with_y};
use assize_evaluate::{Contracts, DOCUMENT_VERSION, ParentReference, SettlementDocument, SuccessRates};
use assize_measurement::unixfs::file_cid;
use assize_protocol::{FileCid, Parameters, RoundNumber};
use thiserror::Error;

use crate::anvil::{Anvil, AnvilError, CHAIN_ID};

/// When the chain begins, Unix seconds; its drand chain began an hour before.
const GENESIS: u64 = 1_760_000_000;
const ROUND_DURATION: u32 = 60;
/// For one transaction on a chain that mines at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// What went wrong with setting it up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WorldError {
    /// The chain's process.
    #[error(transparent)]
    Anvil(#[from] AnvilError),
    /// The contracts.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The beacons.
    #[error(transparent)]
    Beacon(#[from] BeaconError),
}

/// The chain, and who acts on it.
#[derive(Debug)]
pub struct World {
    /// Its process.
    pub anvil: Anvil,
    /// Where the contracts are.
    pub deployment: Deployment,
    /// The contract of rounds.
    pub rounds: Rounds,
    /// May commit batches.
    pub publisher: Signer,
    coordinator: Signer,
    devnet: Devnet,
}

impl World {
    /// Index of the publisher among anvil's accounts.
    pub const PUBLISHER: usize = 1;

    /// Deploys the contracts on a new chain. Rounds take batches for `commit_grace` seconds after they are closed.
    pub async fn start(commit_grace: u32) -> Result<Self, WorldError> {
        Self::start_with(commit_grace, 60).await
    }

    /// As [`World::start`], with another challenge window than a minute.
    pub async fn start_with(commit_grace: u32, challenge_window: u64) -> Result<Self, WorldError> {
        let anvil = Anvil::start_at(GENESIS)?;
        let devnet = Devnet::new(&[7; 32], GENESIS - 3_600, 3)?;
        let url = anvil.url().parse()?;
        let client = ChainClient::connect_to(&url, CHAIN_ID).await?;
        let coordinator = Signer::from_bytes(&anvil.dev_key(0))?;
        let publisher = Signer::from_bytes(&anvil.dev_key(Self::PUBLISHER))?;
        let params = params(&devnet, &coordinator, &publisher, commit_grace, challenge_window);
        let deployment = deploy(&client, &coordinator, &params).await?;
        Ok(Self {
            anvil,
            rounds: Rounds::new(client, deployment.rounds),
            deployment,
            publisher,
            coordinator,
            devnet,
        })
    }

    /// The same contracts once more, with nothing on them.
    pub async fn deploy_again(&self) -> Result<Deployment, WorldError> {
        let params = params(&self.devnet, &self.coordinator, &self.publisher, 600, 60);
        Ok(deploy(self.rounds.client(), &self.coordinator, &params).await?)
    }

    /// Opens the next round, with lists that nobody has, and reveals it.
    pub async fn open_round(&self) -> Result<RoundNumber, WorldError> {
        let list = |content: &[u8]| ListCommitment {
            root: B256::repeat_byte(1),
            count: 100,
            cid: file_cid(content),
        };
        let client = self.rounds.client();
        let latest = self.rounds.latest_round().await?;
        if let Some(latest) = latest {
            let closes_at = self.rounds.round(latest).await?.closes_at;
            if self.anvil.timestamp()? < closes_at {
                self.anvil.set_next_timestamp(closes_at)?;
            }
        }
        let open = self.rounds.open(&list(b"roster"), &list(b"tasks"));
        client.transact(&self.coordinator, &open, PATIENCE).await?;
        let number = RoundNumber(latest.map_or(1, |latest| latest.0 + 1));
        let beacon_round = self.rounds.round(number).await?.beacon_round;
        let published_at = self.devnet.chain().info().genesis_time + (beacon_round.0 - 1) * 3;
        self.anvil.set_next_timestamp(published_at + 1)?;
        let beacon = self.devnet.sign(beacon_round);
        let compressed = beacon.signature.as_slice().try_into();
        let signature = with_y(compressed.map_err(|_| BeaconError::Period)?)?;
        let reveal = self.rounds.reveal(number, &signature);
        client.transact(&self.coordinator, &reveal, PATIENCE).await?;
        Ok(number)
    }

    /// The contract of settlements.
    #[must_use]
    pub fn rewards(&self) -> Rewards {
        Rewards::new(self.rounds.client().clone(), self.deployment.rewards)
    }

    /// Owner, coordinator, guardian and only evaluator.
    #[must_use]
    pub fn authority(&self) -> &Signer {
        &self.coordinator
    }

    /// Opens a round, and settles it with what everybody is to have earned in all; deposits what that takes. The document has
    /// no rounds in it: who recomputes it finds that out, who claims does not look. It grows by no more than a round's budget.
    pub async fn settle(
        &self,
        allocations: &BTreeMap<Address, u128>,
    ) -> Result<(SettlementId, Vec<u8>), WorldError> {
        let (client, rewards) = (self.rounds.client(), self.rewards());
        let number = self.open_round().await?;
        self.anvil
            .mine_at(self.rounds.round(number).await?.commits_until + 1)?;
        let total: u128 = allocations.values().sum();
        let missing = U256::from(total).saturating_sub(rewards.total_deposited().await?);
        if !missing.is_zero() {
            client
                .transact(&self.coordinator, &rewards.deposit(missing), PATIENCE)
                .await?;
        }
        let parent = match rewards.head().await? {
            Some(id) => Some(rewards.settlement(id).await?),
            None => None,
        };
        let mut document = SettlementDocument {
            version: DOCUMENT_VERSION,
            contracts: Contracts {
                chain_id: CHAIN_ID,
                rounds: self.deployment.rounds,
                rewards: self.deployment.rewards,
            },
            parent: parent.map(|parent| ParentReference {
                settlement: parent.id.0,
                cid: parent.proposal.cid,
            }),
            first_round: RoundNumber(parent.map_or(1, |parent| parent.proposal.last_round.0 + 1)),
            last_round: number,
            rounds: Vec::new(),
            rates: SuccessRates::default(),
            allocations: allocations.clone(),
            cumulative_total: total,
            root: B256::ZERO,
            accepted: Vec::new(),
            accepted_root: B256::ZERO,
        };
        document.root = document.reward_tree().root();
        let content = document.to_bytes();
        let id = self
            .post(&document, file_cid(&content), parent.map(|parent| parent.id))
            .await?;
        Ok((id, content))
    }

    /// Posts what a document says under any CID.
    pub async fn post(
        &self,
        document: &SettlementDocument,
        cid: FileCid,
        parent: Option<SettlementId>,
    ) -> Result<SettlementId, WorldError> {
        let rewards = self.rewards();
        let proposal = Proposal {
            parent,
            first_round: document.first_round,
            last_round: document.last_round,
            root: document.root,
            cumulative_total: U256::from(document.cumulative_total),
            accepted_root: document.accepted_root,
            cid,
        };
        let digest = rewards.digest_of(&proposal).await?;
        let signature = self.coordinator.sign_digest(&digest)?;
        let signatures = BTreeMap::from([(self.coordinator.address(), signature)]);
        let client = self.rounds.client();
        client
            .transact(&self.coordinator, &rewards.post(&proposal, &signatures), PATIENCE)
            .await?;
        Ok(SettlementId(rewards.settlement_count().await?))
    }
}

fn params(
    devnet: &Devnet,
    authority: &Signer,
    publisher: &Signer,
    commit_grace: u32,
    challenge_window: u64,
) -> DeployParams {
    let info = devnet.chain().info();
    DeployParams {
        chain_id: CHAIN_ID,
        beacon: BeaconParams::Drand {
            public_key: info.public_key.clone().into(),
            genesis: info.genesis_time,
            period: info.period,
        },
        owner: authority.address(),
        coordinator: authority.address(),
        publishers: vec![publisher.address()],
        guardian: authority.address(),
        treasury: authority.address(),
        evaluators: vec![authority.address()],
        threshold: 1,
        min_challenge_window: 60,
        challenge_window,
        payment_gas: 60_000,
        parameters: Parameters {
            round_duration: ROUND_DURATION,
            commit_grace,
            ..Parameters::default()
        },
    }
}
