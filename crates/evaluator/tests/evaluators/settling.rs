//! What evaluators settle together, and what they build on.

use alloy_primitives::B256;
use assize_chain::{ChainClient, Claim, Rewards, Rounds, Share};
use assize_evaluate::SettlementDocument;
use assize_evaluator::{Board, Evaluator, EvaluatorError, Parts, Plan};
use assize_facts::{Proposal, SettlementId, Status};
use assize_protocol::RoundNumber;
use assize_store::{Source, Store};
use assize_testkit::fault::{FaultNode, Faults};
use assize_testkit::world::{World, no_list};
use serde_json::json;

use crate::stage::Court;

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
