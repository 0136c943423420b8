//! What evaluators take from each other, and what they do not.

use alloy_primitives::B256;
use assize_chain::SettlementMessage;
use assize_evaluate::SettlementDocument;
use assize_evaluator::{EvaluatorError, Plan, SignedProposal};
use assize_facts::Proposal;
use assize_protocol::AttoFil;
use assize_store::Source;

use crate::stage::{Court, FIRST};

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
