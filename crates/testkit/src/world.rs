//! A chain with deployed contracts and rounds that accept batches, for publishing tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use alloy_primitives::B256;
use assize_chain::{
    ChainClient, ChainError, Court, Draft, FileKind, Receipt, Rewards, Roles, Rounds, Seal, SignedSeal,
};
use assize_deployment::{BeaconParams, CourtParams, DeployParams, Deployment, DeploymentError, deploy};
use assize_drand::serve::Devnet;
use assize_drand::{Beacon, BeaconError, BeaconSource, Chain, with_y};
use assize_evaluate::SettlementDocument;
use assize_facts::{ListCommitment, SettlementId};
use assize_keys::{Signer, SignerError};
use assize_measurement::{Domain, sign_digest, unixfs::file_cid};
use assize_protocol::merkle::roster_leaf;
use assize_protocol::{
    AttoFil, BeaconRound, FileCid, LinesRoot, Parameters, Roster, RoundNumber, StationIndex, TaskSet,
};
use secp256k1::SecretKey;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::anvil::{Anvil, AnvilError, CHAIN_ID};

/// Unix time of the chain's beginning in seconds; its drand chain began an hour earlier.
const GENESIS: u64 = 1_760_000_000;
/// Key of its drand chain.
const DRAND_KEY: [u8; 32] = [7; 32];
/// Seconds from the opening of a round to the moment after which its beacon is published.
const BEACON_DELAY: u32 = 30;
/// Shortest challenge window, in seconds; the Court's times fit into it.
const MIN_CHALLENGE_WINDOW: u64 = 60;
/// Timeout of a transaction on a chain that mines at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// Errors of the setup.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WorldError {
    /// Anvil failed.
    #[error(transparent)]
    Anvil(#[from] AnvilError),
    /// The contracts failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The deployment failed.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// A key failed.
    #[error(transparent)]
    Key(#[from] SignerError),
    /// The beacons failed.
    #[error(transparent)]
    Beacon(#[from] BeaconError),
    /// There is no such station.
    #[error("the roster has no station {0}")]
    NoStation(StationIndex),
    /// A settlement that was posted without its document.
    #[error("settlement {0} was posted without a document")]
    NoDocument(SettlementId),
}

/// The chain and its actors.
#[derive(Debug)]
pub struct World {
    /// Its process.
    pub anvil: Anvil,
    /// The deployed contracts.
    pub deployment: Deployment,
    /// The Rounds contract.
    pub rounds: Rounds,
    /// The Rewards contract; its only evaluator is the owner.
    pub rewards: Rewards,
    /// The Roles contract.
    pub roles: Roles,
    /// The Court.
    pub court: Court,
    /// The key that commits batches.
    pub publisher: Signer,
    coordinator: Signer,
    devnet: Devnet,
    documents: Mutex<BTreeMap<SettlementId, SettlementDocument>>,
}

/// The options of a world.
#[derive(Clone, Copy, Debug)]
pub struct WorldPlan {
    /// Seconds during which a round is open.
    pub round_duration: u32,
    /// Unit of the timetable after closing, seconds: batches are accepted for 21 of them, and the round is over after 32.
    pub step: u32,
    /// Seconds between posting a settlement and its activation, at least a minute.
    pub challenge_window: u64,
    /// Budget of a round.
    pub budget: AttoFil,
    /// Number of evaluators ([`World::evaluator`]), of whom a majority must sign; with 0 the owner signs alone.
    pub evaluators: usize,
}

impl Default for WorldPlan {
    fn default() -> Self {
        Self {
            round_duration: 60,
            step: 20,
            challenge_window: MIN_CHALLENGE_WINDOW,
            budget: Parameters::default().budget,
            evaluators: 0,
        }
    }
}

impl World {
    /// Index of the publisher among anvil's accounts.
    pub const PUBLISHER: usize = 1;
    /// Index of the first evaluator.
    const EVALUATORS: usize = 2;

    /// Deploys the contracts on a new chain. Closed rounds accept batches for 21 times `step` seconds.
    ///
    /// # Errors
    /// Chain errors.
    pub async fn start(step: u32) -> Result<Self, WorldError> {
        Self::start_with(WorldPlan {
            step,
            ..WorldPlan::default()
        })
        .await
    }

    /// As [`World::start`], with all options.
    ///
    /// # Errors
    /// Chain errors.
    pub async fn start_with(plan: WorldPlan) -> Result<Self, WorldError> {
        let anvil = Anvil::start_at(GENESIS)?;
        let devnet = Devnet::new(&DRAND_KEY, GENESIS - 3_600, 3)?;
        let url = anvil.url().parse()?;
        let client = ChainClient::connect_to(&url, CHAIN_ID).await?;
        let coordinator = Signer::from_bytes(&anvil.dev_key(0))?;
        let publisher = Signer::from_bytes(&anvil.dev_key(Self::PUBLISHER))?;
        let mut params = params(&devnet, &coordinator, &publisher, &plan);
        if plan.evaluators > 0 {
            let evaluator = |index| Ok(Signer::from_bytes(&anvil.dev_key(index))?.address());
            let indices = Self::EVALUATORS..Self::EVALUATORS + plan.evaluators;
            params.evaluators = indices.map(evaluator).collect::<Result<_, SignerError>>()?;
            params.threshold = plan.evaluators as u64 / 2 + 1;
        }
        let deployment = deploy(&client, &coordinator, &params).await?;
        Ok(Self {
            anvil,
            rounds: Rounds::new(client.clone(), deployment.rounds),
            rewards: Rewards::new(client.clone(), deployment.rewards),
            roles: Roles::new(client.clone(), deployment.roles),
            court: Court::new(client, deployment.court, deployment.rewards),
            deployment,
            publisher,
            coordinator,
            devnet,
            documents: Mutex::default(),
        })
    }

    /// Deploys the same contracts once more, in their initial state.
    ///
    /// # Errors
    /// Chain errors.
    pub async fn deploy_again(&self) -> Result<Deployment, WorldError> {
        let params = params(
            &self.devnet,
            &self.coordinator,
            &self.publisher,
            &WorldPlan::default(),
        );
        Ok(deploy(self.rounds.client(), &self.coordinator, &params).await?)
    }

    /// Owner, coordinator, guardian, treasury and evaluator in one.
    #[must_use]
    pub fn owner(&self) -> &Signer {
        &self.coordinator
    }

    /// The evaluator with this index, from 0.
    ///
    /// # Errors
    /// None for the first eight.
    pub fn evaluator(&self, index: usize) -> Result<Signer, WorldError> {
        let key = self.anvil.dev_key(Self::EVALUATORS + index);
        Ok(Signer::from_bytes(&key)?)
    }

    /// What stations sign for its contracts.
    #[must_use]
    pub fn domain(&self) -> Domain {
        Domain {
            chain_id: self.deployment.chain_id,
            rounds: self.deployment.rounds,
        }
    }

    /// The world's own drand chain.
    #[must_use]
    pub fn drand_chain(&self) -> &Chain {
        self.devnet.chain()
    }

    /// A beacon of that chain.
    #[must_use]
    pub fn beacon(&self, round: BeaconRound) -> Beacon {
        self.devnet.sign(round)
    }

    /// Sends a transaction of the owner.
    ///
    /// # Errors
    /// Chain errors.
    pub async fn send(&self, draft: &Draft) -> Result<Receipt, WorldError> {
        Ok(self
            .rounds
            .client()
            .transact(&self.coordinator, draft, PATIENCE)
            .await?)
    }

    /// Opens and reveals the next round, with lists that do not exist.
    pub async fn open_round(&self) -> Result<RoundNumber, WorldError> {
        self.open_lists(&no_list(), &no_list()).await
    }

    /// Opens the next round with these lists, as soon as the last one is closed, and reveals it.
    pub async fn open_lists(
        &self,
        roster: &ListCommitment,
        tasks: &ListCommitment,
    ) -> Result<RoundNumber, WorldError> {
        let number = self.open(roster, tasks).await?;
        self.reveal(number).await?;
        Ok(number)
    }

    /// Opens the next round with these lists, as soon as the last one is closed.
    pub async fn open(
        &self,
        roster: &ListCommitment,
        tasks: &ListCommitment,
    ) -> Result<RoundNumber, WorldError> {
        let latest = self.rounds.latest_round().await?;
        if let Some(latest) = latest {
            let closes_at = self.rounds.round(latest).await?.times.closes_at;
            if self.anvil.timestamp()? < closes_at {
                self.anvil.set_next_timestamp(closes_at)?;
            }
        }
        self.send(&self.rounds.open(roster, tasks)).await?;
        Ok(RoundNumber(latest.map_or(1, |latest| latest.0 + 1)))
    }

    /// Reveals a round as soon as its beacon is published.
    pub async fn reveal(&self, number: RoundNumber) -> Result<(), WorldError> {
        let beacon_round = self.rounds.round(number).await?.beacon_round;
        let published_at = self.devnet.chain().info().genesis_time + (beacon_round.0 - 1) * 3;
        self.anvil.set_next_timestamp(published_at + 1)?;
        let beacon = self.devnet.sign(beacon_round);
        let signature = with_y(&beacon.signature)?;
        self.send(&self.rounds.reveal(number, &signature)).await?;
        Ok(())
    }

    /// Lets a round pass: the next block is later than its `dedupeFrom`, so that it can be evaluated and settled.
    pub async fn finish(&self, number: RoundNumber) -> Result<(), WorldError> {
        let over = self.rounds.round(number).await?.times.dedupe_from;
        if self.anvil.timestamp()? <= over {
            self.anvil.mine_at(over + 1)?;
        }
        Ok(())
    }

    /// Commits a batch with these lines, as the publisher; returns its file's CID.
    pub async fn commit(&self, round: RoundNumber, lines: &[u8]) -> Result<FileCid, WorldError> {
        let (cid, tree) = (file_cid(lines), LinesRoot::of(lines));
        self.commit_root(round, &cid, tree.root(), tree.count()).await?;
        Ok(cid)
    }

    /// Commits a batch of which only this is known, as the publisher.
    pub async fn commit_root(
        &self,
        round: RoundNumber,
        cid: &FileCid,
        root: B256,
        count: u32,
    ) -> Result<(), WorldError> {
        let draft = self.rounds.commit(round, cid, root, count);
        let client = self.rounds.client();
        client.transact(&self.publisher, &draft, PATIENCE).await?;
        Ok(())
    }

    /// Number of batches of a round.
    pub async fn batches(&self, round: RoundNumber) -> Result<usize, WorldError> {
        Ok(self.rounds.commitments(round, FileKind::Lines).await?.len())
    }

    /// A station's seal of its report, with everything that the contract checks it by.
    ///
    /// # Errors
    /// [`WorldError::NoStation`].
    pub fn seal(
        &self,
        round: RoundNumber,
        roster: &Roster,
        station: StationIndex,
        key: &SecretKey,
        tasks: TaskSet,
        report: &[u8],
    ) -> Result<SignedSeal, WorldError> {
        let entry = *roster.get(station).ok_or(WorldError::NoStation(station))?;
        let leaf = roster_leaf(station, entry.station, entry.operator, entry.subnet);
        let seal = Seal {
            round,
            station,
            operator: entry.operator,
            tasks,
            report: B256::from_slice(&Sha256::digest(report)),
        };
        Ok(SignedSeal {
            seal,
            signature: sign_digest(key, seal.digest(&self.domain())).0,
            entry,
            roster_proof: roster.tree().proof(leaf).ok_or(WorldError::NoStation(station))?,
        })
    }
}

impl World {
    /// The document of a settlement.
    ///
    /// # Errors
    /// [`WorldError::NoDocument`] if it was posted without [`World::post`].
    pub fn posted(&self, id: SettlementId) -> Result<SettlementDocument, WorldError> {
        let documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        documents.get(&id).cloned().ok_or(WorldError::NoDocument(id))
    }

    /// Remembers the document of a settlement.
    pub(crate) fn keep(&self, id: SettlementId, document: &SettlementDocument) {
        let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        documents.insert(id, document.clone());
    }
}

/// A list that does not exist.
#[must_use]
pub fn no_list() -> ListCommitment {
    ListCommitment {
        root: B256::repeat_byte(1),
        count: 100,
        cid: file_cid(b"a list"),
    }
}

/// Beacons of the world's own drand chain, as a source.
#[derive(Debug)]
pub struct WorldBeacons(Devnet);

impl World {
    /// Its source of beacons.
    ///
    /// # Errors
    /// None: the key is known to be valid.
    pub fn beacons(&self) -> Result<WorldBeacons, WorldError> {
        Ok(WorldBeacons(Devnet::new(&DRAND_KEY, GENESIS - 3_600, 3)?))
    }
}

impl BeaconSource for WorldBeacons {
    fn beacon(&self, round: BeaconRound) -> Result<Beacon, BeaconError> {
        Ok(self.0.sign(round))
    }
}

fn params(devnet: &Devnet, owner: &Signer, publisher: &Signer, plan: &WorldPlan) -> DeployParams {
    let info = devnet.chain().info();
    DeployParams {
        chain_id: CHAIN_ID,
        beacon: BeaconParams::Drand {
            public_key: info.public_key.clone().into(),
            genesis: info.genesis_time,
            period: info.period,
        },
        owner: owner.address(),
        coordinator: owner.address(),
        publishers: vec![publisher.address()],
        guardian: owner.address(),
        treasury: owner.address(),
        evaluators: vec![owner.address()],
        threshold: 1,
        min_challenge_window: MIN_CHALLENGE_WINDOW,
        challenge_window: plan.challenge_window,
        court: CourtParams::within(MIN_CHALLENGE_WINDOW),
        payment_gas: 60_000,
        parameters: Parameters {
            round_duration: plan.round_duration,
            beacon_delay: BEACON_DELAY,
            step: plan.step,
            budget: plan.budget,
            ..Parameters::default()
        },
    }
}
