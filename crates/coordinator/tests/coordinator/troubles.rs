//! What delays rounds, and what the report says of it.

use assize_drand::serve::Devnet;
use assize_protocol::AttoFil;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_late_beacon_does_not_delay_openings() {
    let stage = Stage::set().await;
    stage.beacons.silent.store(true, Ordering::SeqCst);
    let mut coordinator = stage.open();
    until(&mut coordinator, |report| report.latest.is_some()).await;
    let first = stage.round(1).await;
    stage.come_to(stage.published_at(&first) + DURATION / 2);
    let report = until(&mut coordinator, |report| kinds(report).contains(&"beacon")).await;
    assert!(kinds(&report).contains(&"reveal_late"), "{report:?}");
    stage.come_to(first.times.closes_at);
    until(&mut coordinator, |report| report.latest == Some(RoundNumber(2))).await;
    let second = stage.round(2).await;
    stage.come_to(stage.published_at(&second));
    stage.beacons.silent.store(false, Ordering::SeqCst);
    until(&mut coordinator, is_revealed).await;
    assert!(stage.round(1).await.seed.is_some() && stage.round(2).await.seed.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_was_not_revealed_in_time_is_let_be() {
    let stage = Stage::set().await;
    stage.beacons.silent.store(true, Ordering::SeqCst);
    let mut coordinator = stage.open();
    until(&mut coordinator, |report| report.latest.is_some()).await;
    let first = stage.round(1).await;
    stage.come_to(first.times.commits_until + 1);
    stage.beacons.silent.store(false, Ordering::SeqCst);
    let report = until(&mut coordinator, |report| report.latest == Some(RoundNumber(2))).await;
    assert_eq!(report.unrevealed, [RoundNumber(2)]);
    assert_eq!(stage.round(1).await.seed, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_that_waits_for_funds_is_replaced() {
    let stage = Stage::set().await;
    let owner = stage.world.owner().address();
    let fund = |fil: u64| {
        let balance = AttoFil::from_fil(fil);
        stage.world.anvil.set_balance(owner, balance).unwrap();
    };
    fund(0);
    let mut coordinator = stage.open();
    let report = until(&mut coordinator, |report| kinds(report).contains(&"parked")).await;
    assert!(report.alerts.iter().all(CoordinatorAlert::is_grave));
    stage.heartbeat(4, 4, NOW).await;
    stage.clock.set(NOW + 1_200);
    for _ in 0..3 {
        pass(&mut coordinator).await;
    }
    fund(100);
    until(&mut coordinator, |report| report.latest.is_some()).await;
    assert_eq!(stage.roster_of(&stage.round(1).await), [1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn beacons_of_another_chain_are_reported() {
    struct Foreign(Devnet);
    impl BeaconSource for Foreign {
        fn beacon(&self, round: BeaconRound) -> Result<Beacon, BeaconError> {
            Ok(self.0.sign(round))
        }
    }
    let stage = Stage::set().await;
    let info = stage.world.drand_chain().info();
    let foreign = Devnet::new(&[8; 32], info.genesis_time, info.period).unwrap();
    let beacons = Verified::new(foreign.chain().clone(), Box::new(Foreign(foreign)) as _);
    let rounds = stage.world.rounds.clone();
    let (client, owner) = (rounds.client().clone(), stage.world.owner().clone());
    let outbox = Outbox::open(&stage.path("queue.sqlite"), client, owner, Policy::local()).unwrap();
    let mut coordinator = stage.coordinator(outbox, rounds, beacons);
    until(&mut coordinator, |report| report.latest.is_some()).await;
    let sent = stage.transactions().await;
    stage.come_to(stage.published_at(&stage.round(1).await) + 60);
    let report = until(&mut coordinator, |report| kinds(report).contains(&"refused")).await;
    let alert = report.alerts.iter().find(|alert| alert.kind() == "refused");
    let alert = alert.unwrap().to_string();
    assert!(
        alert.contains("the reveal of round 1") && alert.contains("WrongSignature"),
        "{alert}"
    );
    // Nothing was spent on it, and rounds continue.
    until(&mut coordinator, |report| report.latest == Some(RoundNumber(2))).await;
    assert_eq!(stage.transactions().await, sent + 1);
}
