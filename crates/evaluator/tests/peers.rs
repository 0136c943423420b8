//! Three evaluators, two of which must sign, on a real chain, over real sockets.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::path::Path;

use alloy_primitives::B256;
use assize_chain::SettlementMessage;
use assize_drand::{BeaconSource, Verified};
use assize_evaluate::SettlementDocument;
use assize_evaluator::{Board, Evaluator, EvaluatorError, Parts, Peer, Plan, SignedProposal};
use assize_facts::{ListCommitment, Proposal, Status};
use assize_measurement::{Domain, ndjson};
use assize_outbox::{Outbox, Policy};
use assize_protocol::{Assignment, AttoFil, RoundNumber, TaskList};
use assize_store::{LocalStore, Source, Store};
use assize_testkit::anvil::CHAIN_ID;
use assize_testkit::fixtures;
use assize_testkit::network::{Network, NetworkPlan, RoundContext};
use assize_testkit::world::{World, WorldPlan};
use serde_json::json;

const STATIONS: u32 = 60;

struct Court {
    world: World,
    directory: tempfile::TempDir,
    network: Network,
    tasks: TaskList,
    boards: Vec<(Board, Peer)>,
}

impl Court {
    async fn start() -> Self {
        let plan = WorldPlan {
            commit_grace: 60,
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

    fn store(&self) -> LocalStore {
        LocalStore::open(self.directory.path().join("store")).unwrap()
    }

    /// An evaluator; the first posts.
    fn evaluator(&self, index: usize) -> Evaluator {
        self.evaluator_of(index, Plan { every: 1, delay: 0 })
    }

    fn evaluator_of(&self, index: usize, plan: Plan) -> Evaluator {
        let signer = self.world.evaluator(index).unwrap();
        let state = self.directory.path().join("evaluator.sqlite");
        let outbox = |path: &Path| {
            let client = self.world.rounds.client().clone();
            Outbox::open(path, client, signer.clone(), Policy::for_chain(CHAIN_ID)).unwrap()
        };
        let beacons: Box<dyn BeaconSource + Send + Sync> = Box::new(self.world.beacons().unwrap());
        let others = self.boards.iter().enumerate();
        let others = others.filter(|(other, _)| *other != index);
        let parts = Parts {
            rounds: self.world.rounds.clone(),
            rewards: self.world.rewards.clone(),
            outbox: (index == 0).then(|| outbox(&state)),
            signer: signer.clone(),
            store: Box::new(self.store()),
            beacons: Verified::new(self.world.drand_chain().clone(), beacons),
            peers: others.map(|(_, (_, peer))| peer.clone()).collect(),
            plan,
        };
        let board = self.boards.get(index).map(|(board, _)| board.clone());
        Evaluator::new(parts, board.unwrap_or_default())
    }

    /// Opens a round, with measurements of all stations or none.
    async fn play_round(&self, measured: bool) -> RoundNumber {
        let (roster, tasks) = (self.network.roster().unwrap(), &self.tasks);
        let put = |file: Vec<u8>| self.store().put(&file).unwrap();
        let roster = ListCommitment::of(&roster, put(roster.to_ndjson()));
        let tasks = ListCommitment::of(tasks, put(tasks.to_ndjson()));
        let number = self.world.open_lists(&roster, &tasks).await.unwrap();
        if measured {
            self.measure(number).await;
        }
        let until = self.world.rounds.round(number).await.unwrap().commits_until;
        self.world.anvil.mine_at(until + 1).unwrap();
        number
    }

    async fn measure(&self, number: RoundNumber) {
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
        let batch = self.store().put(&ndjson::to_ndjson(&measurements)).unwrap();
        let count = measurements.len() as u32;
        self.world.commit(number, &batch, count).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_three_settle_what_each_recomputed() {
    let court = Court::start().await;
    let (mut poster, mut second) = (court.evaluator(0), court.evaluator(1));

    // No round has ended yet.
    assert_eq!(poster.pass().await.unwrap().waiting, None);
    let round = court.play_round(true).await;

    let pass = poster.pass().await.unwrap();
    assert!(pass.evaluated.unwrap().1.rounds[0].1.labels.total() > 1_000);
    assert_eq!(
        (pass.waiting, pass.signatures, pass.threshold),
        (Some((round, round)), 1, 2)
    );
    assert_eq!(pass.head, None);

    // The second recomputes by itself and publishes its signature.
    let pass = second.pass().await.unwrap();
    assert_eq!(pass.signatures, 2);
    let pass = poster.pass().await.unwrap();
    assert!(pass.evaluated.is_none(), "a range is recomputed once");
    assert_eq!(pass.signatures, 2);
    let head = court.world.rewards.head().await.unwrap().unwrap();
    let settlement = court.world.rewards.settlement(head).await.unwrap();
    assert_eq!(settlement.status, Status::Pending);
    assert_eq!(
        (settlement.proposal.first_round, settlement.proposal.last_round),
        (round, round)
    );

    // Settled, so there is nothing left to sign.
    for evaluator in [&mut poster, &mut second] {
        let pass = evaluator.pass().await.unwrap();
        assert_eq!((pass.waiting, pass.head, pass.settled), (None, Some(head), round));
    }
    assert!(court.boards.iter().all(|(board, _)| board.get().is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_vetoed_is_posted_again_once() {
    let court = Court::start().await;
    let (mut poster, mut second) = (court.evaluator(0), court.evaluator(1));
    let rewards = &court.world.rewards;
    court.play_round(true).await;
    for count in 1..=3 {
        second.pass().await.unwrap();
        poster.pass().await.unwrap();
        poster.pass().await.unwrap();
        // The queue may need another pass to see its transaction confirmed.
        poster.pass().await.unwrap();
        assert_eq!(rewards.settlement_count().await.unwrap(), count);
        drop(poster);
        poster = court.evaluator(0);
        poster.pass().await.unwrap();
        assert_eq!(
            rewards.settlement_count().await.unwrap(),
            count,
            "after a restart"
        );
        let head = rewards.head().await.unwrap().unwrap();
        let veto = rewards.veto(head, "to see what happens");
        court.world.send(&veto).await.unwrap();
        assert_eq!(rewards.head().await.unwrap(), None);
    }
    let posted = async |id| {
        rewards
            .settlement(assize_facts::SettlementId(id))
            .await
            .unwrap()
            .proposal
    };
    assert_eq!(posted(1).await, posted(3).await, "the very same settlement");
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_without_rewards_are_settled_with_later_ones() {
    let court = Court::start().await;
    let (mut poster, mut second) = (court.evaluator(0), court.evaluator(1));
    let empty = court.play_round(false).await;
    assert_eq!(poster.pass().await.unwrap().waiting, None);
    let full = court.play_round(true).await;
    // The second starts later and decides alike: it first evaluates the empty round alone.
    assert_eq!(second.pass().await.unwrap().waiting, None);
    assert_eq!(second.pass().await.unwrap().waiting, Some((empty, full)));
    assert_eq!(poster.pass().await.unwrap().signatures, 2);
    assert_eq!(poster.pass().await.unwrap().settled, full);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorganisation_is_recomputed() {
    let court = Court::start().await;
    let mut poster = court.evaluator(0);
    let round = court.play_round(true).await;
    assert!(poster.pass().await.unwrap().waiting.is_some());
    assert!(court.boards[0].0.get().is_some());
    // The block after the commit window, and the one with the only batch.
    let until = court.world.rounds.round(round).await.unwrap().commits_until;
    court.world.anvil.rpc("anvil_reorg", json!([2, []])).unwrap();
    court.world.anvil.mine_at(until + 1).unwrap();
    assert!(court.world.rounds.commitments(round).await.unwrap().is_empty());
    let pass = poster.pass().await.unwrap();
    let (_, evaluated) = pass.evaluated.unwrap();
    assert_eq!(evaluated.rounds[0].1.labels.total(), 0);
    assert_eq!((pass.waiting, court.boards[0].0.get()), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn lying_peers_are_reported_and_do_not_count() {
    let court = Court::start().await;
    let mut poster = court.evaluator(0);
    court.play_round(true).await;
    poster.pass().await.unwrap();
    let own = court.boards[0].0.get().unwrap();

    // An evaluator's genuine signature of another settlement of the same rounds.
    let proposal = Proposal {
        parent: None,
        first_round: own.first_round,
        last_round: own.last_round,
        root: B256::repeat_byte(1),
        cumulative_total: AttoFil::new(1),
        accepted_root: B256::repeat_byte(2),
        cid: own.cid,
    };
    let liar = court.world.evaluator(1).unwrap();
    let message = court.world.rewards.message_of(&proposal).await.unwrap();
    let signature = message.sign(&liar).await.unwrap();
    let rounds = (own.first_round, own.last_round);
    let lie = SignedProposal::new(rounds, own.cid, message.digest(), liar.address(), &signature);
    court.boards[1].0.set(Some(lie.clone()));
    // Another key's signature under an evaluator's name.
    court.boards[2].0.set(Some(SignedProposal {
        evaluator: court.world.evaluator(2).unwrap().address(),
        ..lie.clone()
    }));
    let pass = poster.pass().await.unwrap();
    assert_eq!((pass.signatures, pass.silent), (1, 1));
    assert_eq!(pass.disagreeing, [(liar.address(), lie.digest)]);

    // A stranger's signature of the right settlement.
    let stranger = court.world.owner();
    let right = pass_message(&court, &own).await;
    let signature = right.sign(stranger).await.unwrap();
    let of_stranger = SignedProposal::new(rounds, own.cid, own.digest, stranger.address(), &signature);
    court.boards[1].0.set(Some(of_stranger));
    court.boards[2].0.set(Some(own.clone()));
    let pass = poster.pass().await.unwrap();
    assert_eq!(
        (pass.signatures, pass.disagreeing.len()),
        (1, 0),
        "one's own signature twice is one"
    );
    assert_eq!(pass.head, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_with_another_plan_is_reported_with_both_values() {
    let court = Court::start().await;
    let other = Plan { every: 2, delay: 60 };
    let _second = court.evaluator_of(1, other);
    // The third has not started, and has no plan yet.
    let mut poster = court.evaluator(0);
    let pass = poster.pass().await.unwrap();
    let peer = court.boards[1].1.to_string();
    assert_eq!(pass.other_plans, [(peer, other)]);
    assert_eq!(pass.waiting, None, "no settlement is needed to see it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_an_evaluator_is_rejected() {
    let court = Court::start().await;
    let mut stranger = court.evaluator(3);
    match stranger.pass().await.unwrap_err() {
        EvaluatorError::NoEvaluator { address, evaluators } => {
            assert_eq!(
                (address, evaluators.len()),
                (court.world.evaluator(3).unwrap().address(), 3)
            );
        }
        other => panic!("{other}"),
    }
}

/// The message of the settlement that an evaluator has signed, from its document in the store.
async fn pass_message(court: &Court, own: &SignedProposal) -> SettlementMessage {
    let document = court.store().get(&own.cid).unwrap();
    let document = SettlementDocument::parse(&document).unwrap();
    let message = court
        .world
        .rewards
        .message_of(&document.proposal())
        .await
        .unwrap();
    assert_eq!(message.digest(), own.digest);
    message
}
