//! The key is not, or no longer, the coordinator's.

use super::*;

/// Announces a coordinator; returns when it takes office.
async fn announce(stage: &Stage, coordinator: Address) -> u64 {
    let rounds = &stage.world.rounds;
    stage
        .world
        .send(&rounds.set_coordinator(coordinator))
        .await
        .unwrap();
    rounds.next_coordinator().await.unwrap().unwrap().effective_at
}

fn alert(report: &PassReport, kind: &str) -> String {
    let found = report.alerts.iter().find(|alert| alert.kind() == kind);
    found
        .unwrap_or_else(|| panic!("no {kind}: {report:?}"))
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_coordinator_says_so_and_reveals_what_others_open() {
    let stage = Stage::set().await;
    let mut coordinator = stage.open();
    until(&mut coordinator, |report| report.latest.is_some()).await;
    stage.publish(&mut coordinator).await;
    let suspend = stage.world.rounds.suspend_coordinator(None);
    stage.world.send(&suspend).await.unwrap();
    let report = pass(&mut coordinator).await;
    assert_eq!(kinds(&report), ["suspended"]);
    assert!(report.alerts.iter().all(CoordinatorAlert::is_grave));
    let said = alert(&report, "suspended");
    assert!(
        said.contains("round open --as-before") && said.contains("`assize admin set-coordinator ADDRESS`"),
        "{said}"
    );

    // It is due, and nothing is sent. Anyone opens it, at once.
    stage.heartbeat(4, 4, NOW).await;
    stage.come_to(stage.round(1).await.times.closes_at);
    let sent = stage.transactions().await;
    let report = pass(&mut coordinator).await;
    assert_eq!(report.waiting, Some(Waiting::NotCoordinator));
    assert_eq!(kinds(&report), ["suspended"]);
    stage.by_another(&stage.world.rounds.open_as_before()).await;
    assert_eq!(stage.transactions().await, sent);
    let second = stage.round(2).await;
    assert_eq!(second.roster, stage.round(1).await.roster);
    stage.come_to(stage.published_at(&second));
    until(&mut coordinator, is_revealed).await;

    // From its return on, it opens rounds with the stations that are live then.
    let owner = stage.world.owner().address();
    let from = announce(&stage, owner).await;
    assert!(alert(&pass(&mut coordinator).await, "suspended").contains(&format!("{owner} takes office")));
    stage.come_to(from.max(second.times.closes_at));
    let report = until(&mut coordinator, |report| report.latest == Some(RoundNumber(3))).await;
    assert_eq!(kinds(&report), <[&str; 0]>::default());
    assert_eq!(stage.roster_of(&stage.round(3).await), [1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_coordinator_says_so_and_opens_nothing() {
    let stage = Stage::set().await;
    let another = Address::repeat_byte(9);
    let from = announce(&stage, another).await;
    // Until then it is in office.
    let mut coordinator = stage.open();
    let report = until(&mut coordinator, |report| report.latest.is_some()).await;
    assert_eq!(kinds(&report), <[&str; 0]>::default());
    let closes_at = stage.round(1).await.times.closes_at;
    stage.come_to(stage.published_at(&stage.round(1).await));
    until(&mut coordinator, is_revealed).await;
    stage.come_to(from.max(closes_at));
    let sent = stage.transactions().await;
    for _ in 0..3 {
        let report = pass(&mut coordinator).await;
        assert_eq!(kinds(&report), ["replaced"]);
        assert!(alert(&report, "replaced").contains(&another.to_string()));
        assert_eq!(report.waiting, Some(Waiting::NotCoordinator));
    }
    assert_eq!(
        (stage.latest().await, stage.transactions().await),
        (Some(RoundNumber(1)), sent)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_that_waits_is_cancelled_when_the_office_is_lost() {
    let stage = Stage::set().await;
    let capped = Policy {
        caps: Caps {
            gas_price: 1,
            ..Caps::NONE
        },
        ..Policy::local()
    };
    let mut coordinator = stage.open_with(capped);
    until(&mut coordinator, |report| kinds(report).contains(&"parked")).await;
    let suspend = stage.world.rounds.suspend_coordinator(None);
    stage.world.send(&suspend).await.unwrap();
    let report = until(&mut coordinator, |report| !kinds(report).contains(&"parked")).await;
    assert_eq!(kinds(&report), ["suspended"]);
    assert!(coordinator.outbox().unfinished().unwrap().is_empty());
}
