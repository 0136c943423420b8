//! When rounds are opened, and with which lists.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn rounds_are_opened_and_revealed_on_time_and_not_before() {
    let stage = Stage::set().await;
    let mut coordinator = stage.open();
    let report = until(&mut coordinator, |report| report.latest.is_some()).await;
    let first = stage.round(1).await;
    assert_eq!(report.latest, Some(RoundNumber(1)));
    assert_eq!(report.lists, Some((3, first.tasks.count)));
    assert_eq!(stage.roster_of(&first), [1, 2, 3]);
    let tasks = TaskList::parse(&stage.store().get(&first.tasks.cid).unwrap()).unwrap();
    assert_eq!(tasks, fixtures::tasks().unwrap());

    // Its beacon is not published yet, and nothing is sent.
    let sent = stage.transactions().await;
    stage.come_to(stage.published_at(&first) - 1);
    let report = pass(&mut coordinator).await;
    assert_eq!(report.unrevealed, [RoundNumber(1)]);
    let closes_at = first.times.closes_at;
    assert_eq!(report.waiting, Some(Waiting::Until { closes_at }));
    assert_eq!(stage.transactions().await, sent);
    stage.come_to(stage.published_at(&first));
    let report = until(&mut coordinator, is_revealed).await;
    assert!(report.reveal_lag.is_some());
    assert!(stage.round(1).await.seed.is_some());

    // A second before it closes, the next one is not opened; then it is.
    stage.come_to(closes_at - 1);
    pass(&mut coordinator).await;
    assert_eq!(stage.latest().await, Some(RoundNumber(1)));
    stage.come_to(closes_at);
    let report = until(&mut coordinator, |report| report.latest == Some(RoundNumber(2))).await;
    assert!(report.opening_lag.is_some_and(|lag| lag <= 2), "{report:?}");
    assert_eq!(kinds(&report), <[&str; 0]>::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_that_is_only_to_be_mined_is_not_reported_as_late() {
    let stage = Stage::set().await;
    let mut coordinator = stage.open();
    until(&mut coordinator, |report| report.latest.is_some()).await;
    stage.come_to(stage.round(1).await.times.closes_at + DURATION / 2 + 1);
    let automine = |on: bool| stage.world.anvil.rpc("evm_setAutomine", serde_json::json!([on]));
    automine(false).unwrap();
    let report = pass(&mut coordinator).await;
    assert_eq!(report.waiting, Some(Waiting::UnderWay));
    assert!(report.overdue > DURATION / 2, "{report:?}");
    assert!(!kinds(&report).contains(&"opening_late"), "{report:?}");
    automine(true).unwrap();
    stage.world.anvil.rpc("evm_mine", serde_json::json!([])).unwrap();
    until(&mut coordinator, |report| report.latest == Some(RoundNumber(2))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rosters_are_of_stations_that_live_in_uncrowded_subnets() {
    let stage = Stage::empty().await;
    stage.write_tasks(&fixtures::tasks().unwrap().to_ndjson());
    // Three of one subnet, of which the two that were seen first are selected, whatever their addresses.
    stage.heartbeat(9, 1, NOW - 400).await;
    stage.heartbeat(8, 1, NOW - 300).await;
    stage.heartbeat(1, 1, NOW - 200).await;
    stage.heartbeat(5, 2, NOW - 100).await;
    // One not seen for an hour, one with an old checker.
    stage.heartbeat(6, 3, NOW - 3_601).await;
    stage.hear_version(7, 4, NOW - 50, Version(0, 9, 9)).await;
    let mut coordinator = stage.open();
    until(&mut coordinator, |report| report.latest.is_some()).await;
    assert_eq!(stage.roster_of(&stage.round(1).await), [5, 8, 9]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_stations_or_tasks_no_round_is_opened_and_the_report_says_why() {
    let stage = Stage::empty().await;
    let mut coordinator = stage.open();
    let report = pass(&mut coordinator).await;
    let nobody = Waiting::TooFewStations { live: 0, wanted: 1 };
    assert_eq!(report.waiting, Some(nobody));
    assert_eq!(kinds(&report), ["too_few_stations"]);

    stage.heartbeat(1, 1, NOW).await;
    let reason = |report: &PassReport| report.alerts[0].to_string();
    for (file, words) in [
        (None, "cannot read the task list"),
        (Some(&b"{}\n"[..]), "line 1 of the task list"),
        (Some(b""), "is empty"),
    ] {
        if let Some(file) = file {
            stage.write_tasks(file);
        }
        let report = pass(&mut coordinator).await;
        assert_eq!(report.waiting, Some(Waiting::NoTasks));
        assert_eq!(kinds(&report), ["tasks"]);
        assert!(
            reason(&report).contains(words) && reason(&report).contains("tasks.ndjson"),
            "{}",
            reason(&report)
        );
    }
    assert_eq!(stage.latest().await, None);
    stage.write_tasks(&fixtures::tasks().unwrap().to_ndjson());
    let report = until(&mut coordinator, |report| report.latest.is_some()).await;
    assert_eq!(kinds(&report), <[&str; 0]>::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_invalid_task_file_the_last_list_is_used() {
    let stage = Stage::set().await;
    let mut coordinator = stage.open();
    until(&mut coordinator, |report| report.latest.is_some()).await;
    drop(coordinator);
    // Also in a process that has not read the valid one.
    stage.write_tasks(b"not a task\n");
    let mut coordinator = stage.open();
    let first = stage.round(1).await;
    stage.come_to(first.times.closes_at);
    let report = until(&mut coordinator, |report| report.latest == Some(RoundNumber(2))).await;
    assert_eq!(stage.round(2).await.tasks, first.tasks);
    let alert = report
        .alerts
        .iter()
        .find(|alert| alert.kind() == "tasks")
        .unwrap();
    assert!(
        alert
            .to_string()
            .contains("the newest round's list is used again"),
        "{alert}"
    );
    // A valid one is used at the next opening.
    let mut tasks = fixtures::tasks().unwrap().entries().to_vec();
    tasks.pop();
    stage.write_tasks(&TaskList::new(tasks).unwrap().to_ndjson());
    stage.come_to(stage.round(2).await.times.closes_at);
    let report = until(&mut coordinator, |report| report.latest == Some(RoundNumber(3))).await;
    assert_eq!(stage.round(3).await.tasks.count, first.tasks.count - 1);
    assert!(!kinds(&report).contains(&"tasks"));
}
