//! What is lost on the way: the process, a block, answers of the node.

use super::*;

/// Runs until boundary number `kill_at`, counted from 0, and dies there; returns the boundaries passed. It is done when
/// round 1 is revealed.
async fn run_and_die(stage: &Stage, state: &str, kill_at: usize) -> Vec<Boundary> {
    let client = stage.world.rounds.client().clone();
    let mut coordinator = stage.try_open(state, Policy::local(), client).unwrap();
    let (sender, passed) = mpsc::channel();
    let mut count = 0;
    coordinator.watch(move |boundary| {
        sender.send(boundary).unwrap();
        count += 1;
        count <= kill_at
    });
    loop {
        let report = match coordinator.pass(&|| false).await {
            Ok(report) => report,
            Err(CoordinatorError::Stopped(_) | CoordinatorError::Outbox(OutboxError::Stopped(_))) => break,
            Err(error) => panic!("boundary {kill_at}: {error}"),
        };
        match report.latest {
            Some(_)
                if report.unrevealed.is_empty() && coordinator.outbox().unfinished().unwrap().is_empty() =>
            {
                break;
            }
            Some(latest) => stage.come_to(stage.published_at(&stage.round(latest.0).await)),
            None => {}
        }
    }
    drop(coordinator);
    passed.iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_boundary_it_opens_and_reveals_once() {
    let stage = Stage::set().await;
    let sent_before = stage.transactions().await;
    let snapshot = || stage.world.anvil.rpc("evm_snapshot", json!([])).unwrap();
    let revert = |snapshot| stage.world.anvil.rpc("evm_revert", json!([snapshot])).unwrap();
    let before = snapshot();
    let everything = run_and_die(&stage, "whole.sqlite", usize::MAX).await;
    revert(before);
    for kind in [
        Boundary::ListsStored,
        Boundary::OpeningEnqueued,
        Boundary::RevealEnqueued,
        Boundary::Outbox(assize_outbox::Boundary::Stored),
        Boundary::Outbox(assize_outbox::Boundary::Sent),
        Boundary::Outbox(assize_outbox::Boundary::Seen),
        Boundary::Outbox(assize_outbox::Boundary::Saved),
    ] {
        assert!(everything.contains(&kind), "{kind:?} is never passed");
    }
    for (kill_at, boundary) in everything.iter().enumerate() {
        let case = format!("killed at boundary {kill_at}, {boundary:?}");
        let before = snapshot();
        let state = format!("{kill_at}.sqlite");
        run_and_die(&stage, &state, kill_at).await;
        // Killed a second time, at the first of the remaining boundaries.
        run_and_die(&stage, &state, 0).await;
        run_and_die(&stage, &state, usize::MAX).await;
        assert_eq!(stage.latest().await, Some(RoundNumber(1)), "{case}");
        let round = stage.round(1).await;
        assert!(round.seed.is_some(), "{case}");
        assert_eq!(stage.roster_of(&round), [1, 2, 3], "{case}");
        assert_eq!(stage.transactions().await, sent_before + 2, "{case}");
        revert(before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_dropped_by_a_reorganisation_is_sent_again_with_the_same_lists() {
    let stage = Stage::set().await;
    let careful = Policy {
        commit: Depth::Blocks(1),
        finality: Finality::Blocks(50),
        resend_after: 1,
        reorg_after: 1,
        receipt_lag: 5,
        ..Policy::local()
    };
    let mut coordinator = stage.open_with(careful);
    until(&mut coordinator, |report| report.latest.is_some()).await;
    let before = stage.round(1).await;
    stage.world.anvil.mine(2).unwrap();
    pass(&mut coordinator).await;
    assert_eq!(coordinator.outbox().unfinished().unwrap().len(), 0);
    // The database has changed before the reorganisation.
    stage.heartbeat(4, 4, NOW).await;
    stage.world.anvil.rpc("anvil_reorg", json!([4, []])).unwrap();
    assert_eq!(stage.latest().await, None);
    stage.come_to(before.opened_at + 20);
    until(&mut coordinator, |report| report.latest.is_some()).await;
    let after = stage.round(1).await;
    assert_eq!((after.roster, after.tasks), (before.roster, before.tasks));
    assert!(after.beacon_round > before.beacon_round);
    assert!(stage.published_at(&after) > after.opened_at);
    stage.come_to(stage.published_at(&after));
    until(&mut coordinator, is_revealed).await;
    assert_eq!(stage.latest().await, Some(RoundNumber(1)));
    assert_eq!(coordinator.outbox().stats().unwrap().reorganisations, 1);
}

/// Killed repeatedly, with a node that fails in every way, it opens every round once, with lists in the store, and reveals
/// it.
#[tokio::test(flavor = "multi_thread")]
async fn rounds_continue_with_a_faulty_node() {
    const ROUNDS: u64 = 4;
    let stage = Stage::set().await;
    stage.world.anvil.mine(10).unwrap();
    let head = stage.world.rounds.client().head().await.unwrap().number;
    let faults = Faults {
        fork_floor: head,
        ..Faults::everything(7)
    };
    let node = Arc::new(FaultNode::start(stage.world.anvil.url(), faults).unwrap());
    let stop = Arc::new(AtomicBool::new(false));
    let miner = std::thread::spawn({
        let (node, stop) = (Arc::clone(&node), Arc::clone(&stop));
        move || {
            while !stop.load(Ordering::SeqCst) {
                node.mine();
                std::thread::sleep(Duration::from_millis(40));
            }
        }
    });
    let policy = Policy {
        commit: Depth::Blocks(5),
        finality: Finality::Blocks(30),
        poll: Duration::from_millis(20),
        resend_after: 1,
        bump_after: 3,
        receipt_lag: 5,
        reorg_after: 1,
        recheck_after: 1,
        ..Policy::local()
    };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
    let mut lives = 0;
    let revealed = async |number| stage.round(number).await.seed.is_some();
    while stage.latest().await.is_none_or(|latest| latest.0 < ROUNDS) || !revealed(ROUNDS).await {
        assert!(
            tokio::time::Instant::now() < deadline,
            "stands still at {:?}",
            stage.latest().await
        );
        let url = node.url().parse().unwrap();
        let Ok(client) = ChainClient::connect_to(&url, assize_testkit::anvil::CHAIN_ID).await else {
            continue;
        };
        let mut coordinator = stage.try_open("coordinator.sqlite", policy, client).unwrap();
        lives += 1;
        // In each run it dies at a later boundary.
        let mut left = 5 + lives * 7;
        coordinator.watch(move |_| {
            left -= 1;
            left > 0
        });
        for _ in 0..200 {
            match coordinator.pass(&|| false).await {
                Err(CoordinatorError::Stopped(_) | CoordinatorError::Outbox(OutboxError::Stopped(_))) => {
                    break;
                }
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
    stop.store(true, Ordering::SeqCst);
    miner.join().unwrap();
    for number in 1..=ROUNDS {
        let round = stage.round(number).await;
        assert_eq!(stage.roster_of(&round), [1, 2, 3]);
        // No round was lost because its window ended before its reveal.
        assert!(round.seed.is_some(), "round {number} is not revealed");
    }
}
