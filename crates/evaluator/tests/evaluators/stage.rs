//! A network with three evaluators, two of which must sign, on a real chain, over real sockets.

use std::collections::BTreeMap;
use std::path::Path;

use assize_drand::{BeaconSource, Verified};
use assize_evaluator::guardian::{Guardian, Parts as GuardianParts};
use assize_evaluator::{Board, Evaluator, Parts, Peer, Plan};
use assize_facts::{FileKey, ListCommitment, Proposal, SettlementId};
use assize_measurement::{Domain, ndjson};
use assize_outbox::{Outbox, Policy};
use assize_protocol::{Assignment, RoundNumber, TaskList};
use assize_store::{LocalStore, Store};
use assize_testkit::anvil::CHAIN_ID;
use assize_testkit::fixtures;
use assize_testkit::network::{Network, NetworkPlan, RoundContext};
use assize_testkit::world::{World, WorldPlan};

/// For a transaction.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
pub(crate) const STATIONS: u32 = 60;
/// Seconds.
pub(crate) const CHALLENGE_WINDOW: u64 = 86_400;
/// The number of the first settlement.
pub(crate) const FIRST: SettlementId = SettlementId(1);

pub(crate) struct Court {
    pub(crate) world: World,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) network: Network,
    pub(crate) tasks: TaskList,
    pub(crate) boards: Vec<(Board, Peer)>,
}

impl Court {
    pub(crate) async fn start() -> Self {
        let plan = WorldPlan {
            step: 2,
            challenge_window: CHALLENGE_WINDOW,
            evaluators: 3,
            ..WorldPlan::default()
        };
        let world = World::start_with(plan).await.unwrap();
        let deposit = world.rewards.deposit("1000".parse().unwrap());
        world.send(&deposit).await.unwrap();
        let tasks = TaskList::new(fixtures::tasks().unwrap().entries()[..200].to_vec()).unwrap();
        let plan = NetworkPlan {
            seed: 7,
            stations: STATIONS,
            refusing_operator: None,
        };
        let mut boards = Vec::new();
        for _ in 0..3 {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let board = Board::default();
            tokio::spawn(axum::serve(listener, board.router()).into_future());
            boards.push((board, url.parse().unwrap()));
        }
        Self {
            world,
            directory: tempfile::tempdir().unwrap(),
            network: Network::new(plan, &tasks),
            tasks,
            boards,
        }
    }

    pub(crate) fn store(&self) -> LocalStore {
        LocalStore::open(self.directory.path().join("store")).unwrap()
    }

    /// An evaluator; the first and the third have FIL for gas.
    pub(crate) fn evaluator(&self, index: usize) -> Evaluator {
        self.evaluator_of(index, Plan { every: 1, delay: 0 })
    }

    pub(crate) fn evaluator_of(&self, index: usize, plan: Plan) -> Evaluator {
        let board = self.boards.get(index).map(|(board, _)| board.clone());
        Evaluator::new(self.parts(index, plan), board.unwrap_or_default())
    }

    pub(crate) fn parts(&self, index: usize, plan: Plan) -> Parts {
        let signer = self.world.evaluator(index).unwrap();
        let state = self.directory.path().join(format!("evaluator-{index}.sqlite"));
        let outbox = |path: &Path| {
            let client = self.world.rounds.client().clone();
            Outbox::open(path, client, signer.clone(), Policy::for_chain(CHAIN_ID)).unwrap()
        };
        let beacons: Box<dyn BeaconSource + Send + Sync> = Box::new(self.world.beacons().unwrap());
        let others = self.boards.iter().enumerate();
        let others = others.filter(|(other, _)| *other != index);
        Parts {
            rounds: self.world.rounds.clone(),
            rewards: self.world.rewards.clone(),
            court: self.world.court.clone(),
            posts: true,
            stands_in: index == 2,
            outbox: [0, 2].contains(&index).then(|| outbox(&state)),
            signer: signer.clone(),
            store: Box::new(self.store()),
            beacons: Verified::new(self.world.drand_chain().clone(), beacons),
            peers: others.map(|(_, (_, peer))| peer.clone()).collect(),
            plan,
        }
    }

    /// A guardian, or somebody who watches.
    pub(crate) fn guardian(&self, has_key: bool) -> Guardian {
        self.guardian_with(has_key, Box::new(self.store()))
    }

    pub(crate) fn guardian_with(&self, has_key: bool, store: Box<dyn Store>) -> Guardian {
        let state = self.directory.path().join("guardian.sqlite");
        let client = self.world.rounds.client().clone();
        let signer = self.world.owner().clone();
        let beacons: Box<dyn BeaconSource + Send + Sync> = Box::new(self.world.beacons().unwrap());
        Guardian::new(GuardianParts {
            rounds: self.world.rounds.clone(),
            rewards: self.world.rewards.clone(),
            court: self.world.court.clone(),
            store,
            beacons: Verified::new(self.world.drand_chain().clone(), beacons),
            outbox: has_key
                .then(|| Outbox::open(&state, client, signer, Policy::for_chain(CHAIN_ID)).unwrap()),
            can_veto: has_key,
        })
    }

    /// Passes of evaluators, over as much time as a file is tried before it is given up.
    pub(crate) async fn try_for_an_hour(&self, evaluators: &mut [Evaluator]) {
        for _ in 0..4 {
            for evaluator in &mut *evaluators {
                evaluator.pass().await.unwrap();
            }
            let now = self.world.anvil.timestamp().unwrap();
            self.world.anvil.mine_at(now + 1_200).unwrap();
        }
        for evaluator in evaluators {
            evaluator.pass().await.unwrap();
        }
    }

    /// Two evaluators object to a file, whatever they can read.
    pub(crate) async fn object(&self, file: FileKey) {
        for index in [0, 2] {
            let signer = self.world.evaluator(index).unwrap();
            let object = self.world.rewards.unreadable(&[file]);
            let client = self.world.rounds.client();
            client.transact(&signer, &object, PATIENCE).await.unwrap();
        }
    }

    /// Opens and reveals a round.
    pub(crate) async fn open_round(&self) -> RoundNumber {
        let (roster, tasks) = (self.network.roster().unwrap(), &self.tasks);
        let put = |file: Vec<u8>| self.store().put(&file).unwrap();
        let roster = ListCommitment::of(&roster, put(roster.to_ndjson()));
        let tasks = ListCommitment::of(tasks, put(tasks.to_ndjson()));
        self.world.open_lists(&roster, &tasks).await.unwrap()
    }

    /// A round with measurements of all stations or none.
    pub(crate) async fn play_round(&self, measured: bool) -> RoundNumber {
        let number = self.open_round().await;
        if measured {
            self.measure(number).await;
        }
        self.world.finish(number).await.unwrap();
        number
    }

    /// Posts a settlement with these evaluators' signatures.
    pub(crate) async fn post_as(&self, evaluators: &[usize], proposal: &Proposal) {
        let rewards = &self.world.rewards;
        let number = SettlementId(rewards.settlement_count().await.unwrap() + 1);
        let message = rewards.message_of(number, proposal).await.unwrap();
        let mut signatures = BTreeMap::new();
        for &index in evaluators {
            let signer = self.world.evaluator(index).unwrap();
            signatures.insert(signer.address(), message.sign(&signer).await.unwrap());
        }
        let post = rewards.post(number, proposal, &signatures);
        self.world.send(&post).await.unwrap();
    }

    pub(crate) async fn measure(&self, number: RoundNumber) {
        let round = self.world.rounds.round(number).await.unwrap();
        let (seed, tasks) = (round.seed.unwrap(), &self.tasks);
        let assignment = Assignment::new(seed, &round.parameters, STATIONS, tasks.count());
        let measurements = self.network.measure(&RoundContext {
            round: number,
            opened_at: round.opened_at,
            assignment: &assignment,
            tasks,
            domain: Domain {
                chain_id: CHAIN_ID,
                rounds: self.world.deployment.rounds,
            },
        });
        let lines = ndjson::to_ndjson(&measurements);
        self.store().put(&lines).unwrap();
        self.world.commit(number, &lines).await.unwrap();
    }
}

/// Two passes of each: the second finds what the first sent.
pub(crate) async fn pass_twice(evaluators: &mut [Evaluator]) {
    for _ in 0..2 {
        for evaluator in &mut *evaluators {
            evaluator.pass().await.unwrap();
        }
    }
}
