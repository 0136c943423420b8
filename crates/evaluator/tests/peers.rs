//! Three evaluators, two of which must sign, on a real chain, over real sockets.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::collections::BTreeMap;
use std::path::Path;

use alloy_primitives::B256;
use assize_chain::{ChainClient, Claim, Rewards, Rounds, SettlementMessage, Share};
use assize_drand::{BeaconSource, Verified};
use assize_evaluate::SettlementDocument;
use assize_evaluator::guardian::{Guardian, Parts as GuardianParts};
use assize_evaluator::{Board, Evaluator, EvaluatorError, Objection, Parts, Peer, Plan, SignedProposal};
use assize_facts::{FileKey, FileKind, ListCommitment, Proposal, SettlementId, Status};
use assize_measurement::{Domain, ndjson};
use assize_outbox::{Outbox, Policy};
use assize_protocol::{Assignment, AttoFil, List, RoundNumber, TaskList};
use assize_store::{Backed, LocalStore, Source, Store};
use assize_testkit::anvil::CHAIN_ID;
use assize_testkit::fault::{FaultNode, Faults};
use assize_testkit::fixtures;
use assize_testkit::network::{Network, NetworkPlan, RoundContext};
use assize_testkit::world::{World, WorldPlan, no_list};
use assize_wire::HeldDocument;
use serde_json::json;

const STATIONS: u32 = 60;
/// Seconds.
const CHALLENGE_WINDOW: u64 = 86_400;
/// The number of the first settlement.
const FIRST: SettlementId = SettlementId(1);

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

    fn store(&self) -> LocalStore {
        LocalStore::open(self.directory.path().join("store")).unwrap()
    }

    /// An evaluator; the first and the third have FIL for gas.
    fn evaluator(&self, index: usize) -> Evaluator {
        self.evaluator_of(index, Plan { every: 1, delay: 0 })
    }

    fn evaluator_of(&self, index: usize, plan: Plan) -> Evaluator {
        let board = self.boards.get(index).map(|(board, _)| board.clone());
        Evaluator::new(self.parts(index, plan), board.unwrap_or_default())
    }

    fn parts(&self, index: usize, plan: Plan) -> Parts {
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
    fn guardian(&self, has_key: bool) -> Guardian {
        self.guardian_with(has_key, Box::new(self.store()))
    }

    fn guardian_with(&self, has_key: bool, store: Box<dyn Store>) -> Guardian {
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
    async fn try_for_an_hour(&self, evaluators: &mut [Evaluator]) {
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

    /// Opens and reveals a round.
    async fn open_round(&self) -> RoundNumber {
        let (roster, tasks) = (self.network.roster().unwrap(), &self.tasks);
        let put = |file: Vec<u8>| self.store().put(&file).unwrap();
        let roster = ListCommitment::of(&roster, put(roster.to_ndjson()));
        let tasks = ListCommitment::of(tasks, put(tasks.to_ndjson()));
        self.world.open_lists(&roster, &tasks).await.unwrap()
    }

    /// A round with measurements of all stations or none.
    async fn play_round(&self, measured: bool) -> RoundNumber {
        let number = self.open_round().await;
        if measured {
            self.measure(number).await;
        }
        self.world.finish(number).await.unwrap();
        number
    }

    /// Posts a settlement with these evaluators' signatures.
    async fn post_as(&self, evaluators: &[usize], proposal: &Proposal) {
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
        let lines = ndjson::to_ndjson(&measurements);
        self.store().put(&lines).unwrap();
        self.world.commit(number, &lines).await.unwrap();
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
    // The queue may need another pass to see its transaction mined.
    poster.pass().await.unwrap();
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
    let posted = async |id| rewards.settlement(SettlementId(id)).await.unwrap().proposal;
    assert_eq!(
        posted(1).await,
        posted(3).await,
        "the same content under another number"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_without_rewards_are_settled_like_any_other() {
    let court = Court::start().await;
    let (mut poster, mut second) = (court.evaluator(0), court.evaluator(1));
    let rewards = &court.world.rewards;
    for (measured, earns) in [(false, false), (true, true), (false, false)] {
        let round = court.play_round(measured).await;
        let before = rewards.head().await.unwrap();
        second.pass().await.unwrap();
        poster.pass().await.unwrap();
        assert_eq!(poster.pass().await.unwrap().settled, round);
        let posted = rewards
            .settlement(rewards.head().await.unwrap().unwrap())
            .await
            .unwrap();
        let parent = match before {
            Some(id) => rewards.settlement(id).await.unwrap().proposal.root,
            None => B256::ZERO,
        };
        assert_eq!(posted.proposal.root != parent, earns);
    }
}

/// The clock is simulated: 600 rounds of a minute in a few seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_idled_for_six_hundred_rounds_pays_again() {
    let court = Court::start().await;
    let plan = Plan { every: 300, delay: 0 };
    let (mut poster, mut second) = (court.evaluator_of(0, plan), court.evaluator_of(1, plan));
    let rewards = &court.world.rewards;
    let mut last = RoundNumber(0);
    for _ in 0..600 {
        // The coordinator goes on, and nobody reveals or measures.
        last = court.world.open(&no_list(), &no_list()).await.unwrap();
    }
    court.world.finish(last).await.unwrap();
    for settled in [300, 600] {
        let mut passes = 0;
        while poster.pass().await.unwrap().settled < RoundNumber(settled) {
            let pass = second.pass().await.unwrap();
            assert!(
                passes < 5,
                "{:?} {} {:?}",
                pass.waiting,
                pass.signatures,
                pass.alerts
            );
            passes += 1;
        }
    }
    let idle = rewards
        .settlement(rewards.head().await.unwrap().unwrap())
        .await
        .unwrap();
    assert!(idle.proposal.cumulative_total.is_zero());

    // The queue's file has one owner.
    drop(poster);
    let (mut poster, mut second) = (court.evaluator(0), court.evaluator(1));
    let earned = court.play_round(true).await;
    second.pass().await.unwrap();
    poster.pass().await.unwrap();
    assert_eq!(poster.pass().await.unwrap().settled, earned);
    let settlement = rewards
        .settlement(rewards.head().await.unwrap().unwrap())
        .await
        .unwrap();
    court.world.anvil.mine_at(settlement.active_at).unwrap();
    let document = court.store().get(&settlement.proposal.cid).unwrap();
    let document = SettlementDocument::parse(&document).unwrap();
    let operator = document.allocations[0].operator;
    let proof = document.proof(operator).unwrap();
    let claim = Claim {
        index: proof.index,
        share: Share::from(&document.allocations[0]),
        proof: proof.proof,
    };
    court
        .world
        .send(&rewards.claim(settlement.id, &claim))
        .await
        .unwrap();
    let paid = rewards.claimed(operator).await.unwrap();
    assert_eq!(paid, document.allocations[0].cumulative);
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_go_on_without_the_coordinator() {
    let court = Court::start().await;
    // The third stands in; the first does not.
    let (mut first, mut third) = (court.evaluator(0), court.evaluator(2));
    let (anvil, rounds) = (&court.world.anvil, &court.world.rounds);
    court.play_round(true).await;
    let last = court.world.open(&no_list(), &no_list()).await.unwrap();
    let times = rounds.round(last).await.unwrap().times;
    anvil.mine_at(times.closes_at - 1).unwrap();
    for _ in 0..2 {
        first.pass().await.unwrap();
    }
    assert_eq!(rounds.round(last).await.unwrap().seed, None);
    for _ in 0..2 {
        third.pass().await.unwrap();
    }
    assert!(rounds.round(last).await.unwrap().seed.is_some());

    // Not before anyone may open it, and its turn has come.
    let duration = u64::from(rounds.round(last).await.unwrap().parameters.round_duration);
    anvil.mine_at(times.closes_at + duration - 10).unwrap();
    let pass = third.pass().await.unwrap();
    assert_eq!(rounds.latest_round().await.unwrap(), Some(last));
    let turn = anvil.timestamp().unwrap() + pass.stands_in_in.unwrap();
    anvil.mine_at(turn).unwrap();
    for _ in 0..2 {
        third.pass().await.unwrap();
    }
    let next = RoundNumber(last.0 + 1);
    assert_eq!(rounds.latest_round().await.unwrap(), Some(next));
    // With the lists of the round that had a batch.
    let (opened, before) = (
        rounds.round(next).await.unwrap(),
        rounds.round(RoundNumber(1)).await.unwrap(),
    );
    assert_eq!((opened.roster, opened.tasks), (before.roster, before.tasks));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_nobody_serves_is_dropped_after_two_objections() {
    let court = Court::start().await;
    let mut evaluators = [court.evaluator(0), court.evaluator(2)];
    let (rounds, rewards) = (&court.world.rounds, &court.world.rewards);
    let number = court.open_round().await;
    court.measure(number).await;
    // A publisher's key committed a root of nothing.
    let nothing = assize_measurement::unixfs::file_cid(b"nobody has this");
    let root = B256::repeat_byte(9);
    court.world.commit_root(number, &nothing, root, 10).await.unwrap();
    court.world.finish(number).await.unwrap();

    let pass = evaluators[0].pass().await.unwrap();
    assert_eq!(pass.missing.len(), 1);
    assert_eq!((pass.missing[0].file.index, pass.waiting), (1, None));
    assert!(matches!(pass.missing[0].objection, Objection::In(_)));
    assert_eq!(rewards.drop_count().await.unwrap(), 0);

    let from = rounds.round(number).await.unwrap().times.objections_from;
    court.world.anvil.mine_at(from).unwrap();
    // Without a queue it can only say so.
    let mut penniless = [court.evaluator(1)];
    court.try_for_an_hour(&mut penniless).await;
    let pass = penniless[0].pass().await.unwrap();
    assert_eq!(pass.not_objected, [FileKey::batch(number, 1)]);
    court.try_for_an_hour(&mut evaluators).await;
    // The guardian has time to keep it.
    assert_eq!(rewards.drop_count().await.unwrap(), 0);
    let [(file, said)] = &rewards.objections(RoundNumber(0)).await.unwrap()[..] else {
        panic!("not one file")
    };
    assert_eq!((file.round, file.index), (number, 1));
    court.world.anvil.mine_at(said.due_from(1).unwrap()).unwrap();
    for evaluator in &mut evaluators {
        evaluator.pass().await.unwrap();
    }
    assert_eq!(rewards.drop_count().await.unwrap(), 1);
    for evaluator in evaluators.iter_mut().rev() {
        let pass = evaluator.pass().await.unwrap();
        assert!(pass.missing.is_empty());
    }
    assert_eq!(evaluators[0].pass().await.unwrap().settled, number);
    let head = rewards.head().await.unwrap().unwrap();
    let proposal = rewards.settlement(head).await.unwrap().proposal;
    assert_eq!(proposal.drops, 1);
    assert!(!proposal.cumulative_total.is_zero(), "the other batch is paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guardian_kept_can_be_objected_to_a_window_later() {
    let court = Court::start().await;
    let mut evaluators = [court.evaluator(0), court.evaluator(2)];
    let (rounds, rewards) = (&court.world.rounds, &court.world.rewards);
    let number = court.open_round().await;
    court.measure(number).await;
    let nothing = assize_measurement::unixfs::file_cid(b"nobody has this");
    let root = B256::repeat_byte(9);
    court.world.commit_root(number, &nothing, root, 10).await.unwrap();
    court.world.finish(number).await.unwrap();
    let from = rounds.round(number).await.unwrap().times.objections_from;
    court.world.anvil.mine_at(from).unwrap();
    court.try_for_an_hour(&mut evaluators).await;
    let file = FileKey::batch(number, 1);
    assert!(rewards.objections_to(file).await.unwrap().due_from(1).is_some());

    // The guardian says that it has it, and shows it to nobody.
    court.world.send(&rewards.keep(file)).await.unwrap();
    court.try_for_an_hour(&mut evaluators).await;
    let kept = rewards.objections_to(file).await.unwrap();
    assert_eq!((kept.seats.len(), kept.due_from(1)), (0, None));
    let (_, until) = kept.kept.unwrap();
    court.world.anvil.mine_at(until).unwrap();
    court.try_for_an_hour(&mut evaluators).await;
    let said = rewards.objections_to(file).await.unwrap();
    assert_eq!(said.seats.len(), 2);
    court.world.anvil.mine_at(said.due_from(1).unwrap()).unwrap();
    for _ in 0..2 {
        for evaluator in &mut evaluators {
            evaluator.pass().await.unwrap();
        }
    }
    assert_eq!(rewards.drop_count().await.unwrap(), 1);
    // Who watches is not told of a file that is dropped, nor of one that is settled.
    for _ in 0..2 {
        for evaluator in &mut evaluators {
            evaluator.pass().await.unwrap();
        }
    }
    assert!(rewards.head().await.unwrap().is_some());
    let pass = court.guardian(false).pass().await;
    assert!(pass.alerts.is_empty(), "{:?}", pass.alerts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_file_is_no_alert_though_evaluators_objected_to_it() {
    let court = Court::start().await;
    let number = court.play_round(true).await;
    let (rounds, rewards) = (&court.world.rounds, &court.world.rewards);
    let from = rounds.round(number).await.unwrap().times.objections_from;
    court.world.anvil.mine_at(from).unwrap();
    let roster = FileKey::list(number, List::Roster);
    for index in [0, 2] {
        let signer = court.world.evaluator(index).unwrap();
        let object = rewards.unreadable(&[roster]);
        let patience = std::time::Duration::from_secs(20);
        let sent = rounds.client().transact(&signer, &object, patience).await;
        sent.unwrap();
    }
    assert!(!court.guardian(false).pass().await.alerts.is_empty());
    let mut evaluators = [court.evaluator(0), court.evaluator(2)];
    for _ in 0..2 {
        for evaluator in &mut evaluators {
            evaluator.pass().await.unwrap();
        }
    }
    assert!(rewards.head().await.unwrap().is_some());
    let pass = court.guardian(false).pass().await;
    assert!(pass.alerts.is_empty(), "{:?}", pass.alerts);
}

#[tokio::test(flavor = "multi_thread")]
async fn evaluators_answer_the_court_in_the_second_half_of_the_time() {
    let court = Court::start().await;
    let (mut poster, mut second) = (court.evaluator(0), court.evaluator(1));
    let (rewards, judge) = (&court.world.rewards, &court.world.court);
    court.play_round(true).await;
    for evaluator in [&mut second, &mut poster] {
        evaluator.pass().await.unwrap();
    }
    poster.pass().await.unwrap();
    let head = rewards.head().await.unwrap().unwrap();
    let root = rewards.settlement(head).await.unwrap().proposal.root;
    let demand = judge.demand(head, root, 0, judge.bond().await.unwrap());
    court.world.send(&demand).await.unwrap();
    // The guardian is given the first half.
    assert_eq!(poster.pass().await.unwrap().answered, 0);
    let due_at = judge.demand_of(head, 0).await.unwrap().unwrap().due_at;
    let half = judge.answer_window().await.unwrap() / 2;
    court.world.anvil.mine_at(due_at - half).unwrap();
    assert_eq!(poster.pass().await.unwrap().answered, 1);
    poster.pass().await.unwrap();
    assert!(!judge.demand_of(head, 0).await.unwrap().unwrap().open);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_a_moment_drops_nothing() {
    let court = Court::start().await;
    let mut evaluators = [court.evaluator(0), court.evaluator(2)];
    let number = court.play_round(true).await;
    let round = court.world.rounds.round(number).await.unwrap();
    court.world.anvil.mine_at(round.times.objections_from).unwrap();
    let (store, away) = (
        court.directory.path().join("store"),
        court.directory.path().join("away"),
    );
    std::fs::rename(&store, &away).unwrap();
    for evaluator in &mut evaluators {
        for _ in 0..4 {
            assert_eq!(evaluator.pass().await.unwrap().missing.len(), 3);
        }
    }
    std::fs::rename(&away, &store).unwrap();
    assert!(evaluators[0].pass().await.unwrap().missing.is_empty());
    let roster = FileKey::list(number, List::Roster);
    let said = court.world.rewards.objections_to(roster).await.unwrap();
    assert!(said.seats.is_empty(), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guardian_can_read_is_kept_whatever_evaluators_say() {
    let court = Court::start().await;
    let number = court.play_round(true).await;
    let (rounds, rewards) = (&court.world.rounds, &court.world.rewards);
    let from = rounds.round(number).await.unwrap().times.objections_from;
    court.world.anvil.mine_at(from).unwrap();
    let roster = FileKey::list(number, List::Roster);
    for index in [0, 2] {
        let signer = court.world.evaluator(index).unwrap();
        let object = rewards.unreadable(&[roster]);
        let patience = std::time::Duration::from_secs(20);
        rounds
            .client()
            .transact(&signer, &object, patience)
            .await
            .unwrap();
    }
    let said = rewards.objections_to(roster).await.unwrap();
    assert!(said.due_from(1).is_some());
    // Whoever watches is told; whoever has the key acts.
    let pass = court.guardian(false).pass().await;
    assert!(pass.failed.is_none(), "{:?}", pass.failed);
    let told = pass.alerts.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(
        told[0].contains("the roster of round") && told[0].contains("keep-file"),
        "{told:?}"
    );
    assert_eq!(rewards.objections_to(roster).await.unwrap(), said);

    // It keeps only what it has in its own store by then, where evaluators can get it.
    let own = || LocalStore::open(court.directory.path().join("guardian")).unwrap();
    let backed = Backed::new(Box::new(own()), vec![Box::new(court.store())]);
    let mut guardian = court.guardian_with(true, Box::new(backed));
    assert_eq!(guardian.pass().await.kept, 1);
    let cid = rounds.round(number).await.unwrap().roster.cid;
    assert!(own().has(&cid).unwrap());
    assert!(guardian.pass().await.alerts.is_empty());
    let kept = rewards.objections_to(roster).await.unwrap();
    let address = rewards.roles().await.unwrap().guardian().await.unwrap();
    assert_eq!(
        (kept.kept.map(|(keeper, _)| keeper), kept.due_from(1)),
        (Some(address), None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluator_says_which_batches_it_holds() {
    let court = Court::start().await;
    let mut evaluator = court.evaluator(0);
    let number = court.play_round(true).await;
    let nothing = assize_measurement::unixfs::file_cid(b"nobody has this");
    let other = court.open_round().await;
    // Under a CID that it has, but with other lines.
    let lists = court.world.rounds.round(other).await.unwrap();
    for (cid, byte) in [(nothing, 8), (lists.roster.cid, 9)] {
        let root = B256::repeat_byte(byte);
        court.world.commit_root(other, &cid, root, 10).await.unwrap();
    }
    evaluator.pass().await.unwrap();
    let held = |round: RoundNumber| {
        let url = format!("{}/held/{round}", court.boards[0].1);
        let text = ureq::get(url)
            .call()
            .unwrap()
            .body_mut()
            .read_to_string()
            .unwrap();
        serde_json::from_str::<HeldDocument>(&text).unwrap().roots
    };
    let batches = court
        .world
        .rounds
        .commitments(number, FileKind::Lines)
        .await
        .unwrap();
    let roots: Vec<_> = batches.iter().map(|batch| batch.root).collect();
    assert_eq!(tokio::task::block_in_place(|| held(number)), roots);
    assert!(tokio::task::block_in_place(|| held(other)).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_built_on_a_wrong_parent() {
    let court = Court::start().await;
    let mut poster = court.evaluator(0);
    let first = court.play_round(true).await;
    poster.pass().await.unwrap();
    // Two evaluators collude: all of the round's budget goes to one address.
    let own = court.boards[0].0.get().unwrap();
    let document = court.store().get(&own.cid).unwrap();
    let mut wrong = SettlementDocument::parse(&document).unwrap();
    wrong.rounds[0].rewarded += 1;
    let cid = court.store().put(&wrong.to_bytes()).unwrap();
    let proposal = Proposal {
        cid,
        ..wrong.proposal()
    };
    court.post_as(&[1, 2], &proposal).await;
    court.play_round(true).await;
    match poster.pass().await.unwrap_err() {
        EvaluatorError::WrongParent { settlement, mismatch } => {
            assert_eq!(settlement.0, 1);
            assert!(mismatch.to_string().contains("rewarded"), "{mismatch}");
        }
        other => panic!("{other}"),
    }
    // The guardian vetoes it, and the rounds are settled as they should be.
    let veto = court.world.rewards.veto(SettlementId(1), "wrong");
    court.world.send(&veto).await.unwrap();
    let mut second = court.evaluator(1);
    second.pass().await.unwrap();
    poster.pass().await.unwrap();
    assert_eq!(poster.pass().await.unwrap().settled, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorganisation_is_recomputed() {
    let court = Court::start().await;
    let mut poster = court.evaluator(0);
    let round = court.play_round(true).await;
    assert!(poster.pass().await.unwrap().waiting.is_some());
    assert!(court.boards[0].0.get().is_some());
    // The block after the commit window, and the one with the only batch.
    let over = court.world.rounds.round(round).await.unwrap().times.dedupe_from;
    court.world.anvil.rpc("anvil_reorg", json!([2, []])).unwrap();
    court.world.anvil.mine_at(over + 1).unwrap();
    assert_eq!(court.world.batches(round).await.unwrap(), 0);
    let pass = poster.pass().await.unwrap();
    let (_, evaluated) = pass.evaluated.unwrap();
    assert_eq!(evaluated.rounds[0].1.labels.total(), 0);
    assert_eq!(pass.waiting, Some((round, round)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_waits_reads_no_round_again() {
    let court = Court::start().await;
    for _ in 0..3 {
        court.play_round(true).await;
    }
    let node = FaultNode::start(court.world.anvil.url(), Faults::none()).unwrap();
    let client = ChainClient::connect(&node.url().parse().unwrap()).await.unwrap();
    let calls = || node.calls().into_values().sum::<u64>();
    let mut costs = Vec::new();
    for every in [1, 3] {
        let plan = Plan { every, delay: 0 };
        let World { rounds, rewards, .. } = &court.world;
        let parts = Parts {
            rounds: Rounds::new(client.clone(), rounds.address()),
            rewards: Rewards::new(client.clone(), rewards.address()),
            ..court.parts(1, plan)
        };
        let mut evaluator = Evaluator::new(parts, Board::default());
        let pass = evaluator.pass().await.unwrap();
        assert_eq!(pass.waiting, Some((RoundNumber(1), RoundNumber(every))));
        let before = calls();
        let pass = evaluator.pass().await.unwrap();
        assert_eq!(pass.waiting, Some((RoundNumber(1), RoundNumber(every))));
        assert!(pass.evaluated.is_none());
        costs.push(calls() - before);
    }
    assert_eq!(costs[0], costs[1], "{costs:?}");
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
        operators: 1,
        cumulative_total: AttoFil::new(1),
        drops: 0,
        cid: own.cid,
    };
    let liar = court.world.evaluator(1).unwrap();
    let message = court.world.rewards.message_of(FIRST, &proposal).await.unwrap();
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
        .message_of(FIRST, &document.proposal())
        .await
        .unwrap();
    assert_eq!(message.digest(), own.digest);
    message
}
