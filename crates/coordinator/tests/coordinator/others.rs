//! Somebody else was faster.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_coordinator_is_rejected() {
    let stage = Stage::set().await;
    let _first = stage.open();
    let client = stage.world.rounds.client().clone();
    let second = stage.try_open("coordinator.sqlite", Policy::local(), client);
    assert!(matches!(second, Err(OutboxError::Locked { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_opened_by_someone_else_is_not_opened_again() {
    let stage = Stage::set().await;
    let mut coordinator = stage.open();
    until(&mut coordinator, |report| report.latest.is_some()).await;
    stage.publish(&mut coordinator).await;
    drop(coordinator);
    // The gas price is above the limit for more than a round: the opening waits, and anyone may open.
    let capped = Policy {
        caps: Caps {
            gas_price: 1,
            ..Caps::NONE
        },
        ..Policy::local()
    };
    let mut coordinator = stage.open_with(capped);
    stage.heartbeat(4, 4, NOW).await;
    stage.come_to(stage.round(1).await.times.closes_at + DURATION / 2);
    let report = until(&mut coordinator, |report| kinds(report).contains(&"parked")).await;
    assert!(kinds(&report).contains(&"opening_late"), "{report:?}");
    assert!(report.overdue >= DURATION / 2);
    stage.come_to(stage.round(1).await.times.closes_at + DURATION);
    stage.by_another(&stage.world.rounds.open_as_before()).await;
    assert_eq!(stage.roster_of(&stage.round(2).await), [1, 2, 3]);
    // Its own opening is cancelled, and does not open the next round.
    pass(&mut coordinator).await;
    let unfinished = coordinator.outbox().unfinished().unwrap();
    assert!(
        !unfinished.iter().any(|key| key.contains("/open/")),
        "{unfinished:?}"
    );
    drop(coordinator);
    let mut coordinator = stage.open();
    pass(&mut coordinator).await;
    assert_eq!(stage.latest().await, Some(RoundNumber(2)));
    stage.heartbeat(5, 5, NOW).await;
    stage.come_to(stage.round(2).await.times.closes_at);
    until(&mut coordinator, |report| report.latest == Some(RoundNumber(3))).await;
    assert_eq!(stage.roster_of(&stage.round(3).await), [1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_opening_that_is_too_late_is_cancelled() {
    let stage = Stage::set().await;
    let mut coordinator = stage.open();
    until(&mut coordinator, |report| report.latest.is_some()).await;
    stage.publish(&mut coordinator).await;
    stage.come_to(stage.round(1).await.times.closes_at + DURATION);
    stage.heartbeat(4, 4, NOW).await;
    // It signs the opening of round 2 and dies before it is sent; someone else opens the round.
    coordinator.watch(|boundary| boundary != Boundary::Outbox(assize_outbox::Boundary::Stored));
    coordinator.pass(&|| false).await.unwrap_err();
    drop(coordinator);
    stage.by_another(&stage.world.rounds.open_as_before()).await;
    // Much later, when it would open round 3 with the lists of round 2.
    stage.come_to(stage.round(2).await.times.closes_at);
    stage.heartbeat(5, 5, NOW).await;
    let rpc = |method: &str, params| stage.world.anvil.rpc(method, params).unwrap();
    rpc("evm_setAutomine", json!([false]));
    let mut coordinator = stage.open();
    // The late one is sent once, and not replaced before it is mined.
    for _ in 0..3 {
        pass(&mut coordinator).await;
    }
    rpc("evm_setAutomine", json!([true]));
    rpc("evm_mine", json!([]));
    until(&mut coordinator, |report| report.latest == Some(RoundNumber(3))).await;
    assert_eq!(stage.roster_of(&stage.round(3).await), [1, 2, 3, 4, 5]);
    assert_eq!(stage.latest().await, Some(RoundNumber(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_revealed_by_someone_else_is_not_revealed_again() {
    let stage = Stage::set().await;
    let mut coordinator = stage.open();
    until(&mut coordinator, |report| report.latest.is_some()).await;
    let round = stage.round(1).await;
    stage.come_to(stage.published_at(&round));
    let sent = stage.transactions().await;
    // Between its poll and its transaction.
    coordinator.watch(|boundary| boundary != Boundary::RevealEnqueued);
    while coordinator.pass(&|| false).await.is_ok() {}
    drop(coordinator);
    stage.by_another(&stage.reveal_of(&round)).await;
    let mut coordinator = stage.open();
    until(&mut coordinator, is_revealed).await;
    assert_eq!(coordinator.outbox().unfinished().unwrap().len(), 0);
    assert_eq!(stage.transactions().await, sent);
    let report = pass(&mut coordinator).await;
    assert_eq!(kinds(&report), <[&str; 0]>::default());
}
