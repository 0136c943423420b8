//! A chain with the contracts on it and rounds that take batches, for tests that publish.

use std::time::Duration;

use alloy_primitives::B256;
use assize_chain::{
    BeaconParams, ChainClient, ChainError, DeployParams, Deployment, ListCommitment, Rounds, Signer, deploy,
};
use assize_drand::serve::Devnet;
use assize_drand::{BeaconError, with_y};
use assize_measurement::unixfs::file_cid;
use assize_protocol::{Parameters, RoundNumber};
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
        let anvil = Anvil::start_at(GENESIS)?;
        let devnet = Devnet::new(&[7; 32], GENESIS - 3_600, 3)?;
        let url = anvil.url().parse()?;
        let client = ChainClient::connect_to(&url, CHAIN_ID).await?;
        let coordinator = Signer::from_bytes(&anvil.dev_key(0))?;
        let publisher = Signer::from_bytes(&anvil.dev_key(Self::PUBLISHER))?;
        let info = devnet.chain().info();
        let params = DeployParams {
            chain_id: CHAIN_ID,
            beacon: BeaconParams::Drand {
                public_key: info.public_key.clone().into(),
                genesis: info.genesis_time,
                period: info.period,
            },
            owner: coordinator.address(),
            coordinator: coordinator.address(),
            publishers: vec![publisher.address()],
            guardian: coordinator.address(),
            treasury: coordinator.address(),
            evaluators: vec![coordinator.address()],
            threshold: 1,
            min_challenge_window: 60,
            challenge_window: 60,
            payment_gas: 60_000,
            parameters: Parameters {
                round_duration: ROUND_DURATION,
                commit_grace,
                ..Parameters::default()
            },
        };
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
}
