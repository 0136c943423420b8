//! A publisher killed at every boundary, against a real anvil with the real contracts: no batch is committed twice, no
//! measurement is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test panics")]

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use alloy_primitives::{B256, U256, keccak256};
use assize_facts::FileKind;
use assize_ingest::{BatchState, ImportReport, SqliteIngest, import};
use assize_keys::Signer;
use assize_measurement::ndjson;
use assize_outbox::{Finality, Outbox, OutboxError, Policy};
use assize_protocol::{LinesRoot, RoundNumber};
use assize_publish::{Boundary, Closing, PublishError, Publisher, PublisherDaemon, metrics};
use assize_service::{Alert as _, Daemon as _, Stop};
use assize_store::{LocalStore, Source};
use assize_testkit::fixtures::measurement;
use assize_testkit::world::{World, no_list};
use serde_json::json;

const BATCH: u32 = 10;
/// Unit of the timetable, seconds: a closed round takes batches for 21 of them.
const STEP: u32 = 60;

/// A chain on which round 1 is open.
async fn opened() -> World {
    let world = World::start(STEP).await.unwrap();
    world.open(&no_list(), &no_list()).await.unwrap();
    world
}

/// A chain on which round 1 is revealed.
async fn revealed() -> World {
    let world = opened().await;
    world.reveal(RoundNumber(1)).await.unwrap();
    world
}

fn outbox(world: &World, state: &Path, signer: &Signer) -> Result<Outbox, OutboxError> {
    let client = world.rounds.client().clone();
    Outbox::open(state, client, signer.clone(), Policy::local())
}

fn open(world: &World, state: &Path) -> Publisher {
    open_as(world, state, &world.publisher)
}

fn open_as(world: &World, state: &Path, signer: &Signer) -> Publisher {
    publisher(world, state, outbox(world, state, signer).unwrap())
}

fn open_with(world: &World, state: &Path, policy: Policy) -> Publisher {
    let client = world.rounds.client().clone();
    let outbox = Outbox::open(state, client, world.publisher.clone(), policy).unwrap();
    publisher(world, state, outbox)
}

fn publisher(world: &World, state: &Path, outbox: Outbox) -> Publisher {
    let closing = Closing {
        limit: BATCH,
        margin: Some(0),
    };
    publisher_closing(world, state, outbox, closing)
}

fn open_closing(world: &World, state: &Path, closing: Closing) -> Publisher {
    let outbox = outbox(world, state, &world.publisher).unwrap();
    publisher_closing(world, state, outbox, closing)
}

fn publisher_closing(world: &World, state: &Path, outbox: Outbox, closing: Closing) -> Publisher {
    let ingest = SqliteIngest::open(&state.with_extension("ingest")).unwrap();
    Publisher::new(Box::new(ingest), outbox, world.rounds.clone(), closing)
}

/// Lets the time for batches of round 1 end.
async fn end_window(world: &World) {
    let round = world.rounds.round(RoundNumber(1)).await.unwrap();
    world.anvil.mine_at(round.times.publish_until + 1).unwrap();
}

fn take_in(publisher: &mut Publisher, name: &str, file: &[u8]) -> ImportReport {
    import(publisher.ingest(), name, Cursor::new(file), 1_000).unwrap()
}

/// 25 measurements of round 1: three batches.
fn file() -> Vec<u8> {
    ndjson::to_ndjson(
        &(0..25)
            .map(|task| measurement(RoundNumber(1), task))
            .collect::<Vec<_>>(),
    )
}

/// Every line in the chain's commitments, with the number of its occurrences.
async fn committed_lines(world: &World, store: &LocalStore) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    let commitments = world
        .rounds
        .commitments(RoundNumber(1), FileKind::Lines)
        .await
        .unwrap();
    for commitment in commitments {
        let content = String::from_utf8(store.get(&commitment.cid).unwrap()).unwrap();
        let root = LinesRoot::of(content.as_bytes());
        assert_eq!((root.root(), root.count()), (commitment.root, commitment.count));
        assert_eq!(commitment.publisher, world.publisher.address());
        for line in content.lines() {
            *lines.entry(line.to_owned()).or_default() += 1;
        }
    }
    lines
}

async fn expect_everything_once(world: &World, store: &LocalStore, case: &str) {
    let expected: BTreeMap<String, usize> = String::from_utf8(file())
        .unwrap()
        .lines()
        .map(|line| (line.to_owned(), 1))
        .collect();
    assert_eq!(committed_lines(world, store).await, expected, "{case}");
    assert_eq!(world.batches(RoundNumber(1)).await.unwrap(), 3, "{case}");
}

/// Runs until boundary number `kill_at`, from 0, and dies there; returns the boundaries passed.
async fn run_and_die(world: &World, state: &Path, store: &LocalStore, kill_at: usize) -> Vec<Boundary> {
    let mut publisher = open(world, state);
    take_in(&mut publisher, "measurements.ndjson", &file());
    let (sender, passed) = std::sync::mpsc::channel();
    let mut count = 0;
    publisher.watch(move |boundary| {
        sender.send(boundary).unwrap();
        count += 1;
        count <= kill_at
    });
    match publisher.publish_once(store).await {
        Ok(_) | Err(PublishError::Stopped(_)) => {}
        Err(PublishError::Outbox(assize_outbox::OutboxError::Stopped(_))) => {}
        Err(other) => panic!("boundary {kill_at}: {other}"),
    }
    drop(publisher);
    passed.iter().collect()
}

#[tokio::test]
async fn killed_at_every_boundary_it_commits_everything_once() {
    let world = revealed().await;
    let directory = tempfile::tempdir().unwrap();
    let file_in = |name: &str| -> PathBuf { directory.path().join(name) };

    let everything = {
        let snapshot = world.anvil.rpc("evm_snapshot", json!([])).unwrap();
        let store = LocalStore::open(file_in("store")).unwrap();
        let passed = run_and_die(&world, &file_in("whole.sqlite"), &store, usize::MAX).await;
        expect_everything_once(&world, &store, "not killed").await;
        world.anvil.rpc("evm_revert", json!([snapshot])).unwrap();
        passed
    };
    for kind in [
        Boundary::Closed,
        Boundary::Stored,
        Boundary::Noted,
        Boundary::Enqueued,
        Boundary::Recorded,
    ] {
        assert!(everything.contains(&kind), "{kind:?} is never passed");
    }
    for kind in [
        assize_outbox::Boundary::Stored,
        assize_outbox::Boundary::Sent,
        assize_outbox::Boundary::Seen,
        assize_outbox::Boundary::Saved,
    ] {
        assert!(
            everything.contains(&Boundary::Outbox(kind)),
            "{kind:?} is never passed"
        );
    }

    for (kill_at, boundary) in everything.iter().enumerate() {
        let snapshot = world.anvil.rpc("evm_snapshot", json!([])).unwrap();
        let store = LocalStore::open(file_in(&format!("store-{kill_at}"))).unwrap();
        let state = file_in(&format!("{kill_at}.sqlite"));
        run_and_die(&world, &state, &store, kill_at).await;
        // Killed a second time, at the first of the remaining boundaries.
        run_and_die(&world, &state, &store, 0).await;
        run_and_die(&world, &state, &store, usize::MAX).await;
        let case = format!("killed at boundary {kill_at}, {boundary:?}");
        expect_everything_once(&world, &store, &case).await;
        world.anvil.rpc("evm_revert", json!([snapshot])).unwrap();
    }
}

#[tokio::test]
async fn measurements_wait_for_the_reveal_and_the_same_file_adds_nothing() {
    let world = opened().await;
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path().join("store")).unwrap();
    let mut publisher = open(&world, &directory.path().join("state.sqlite"));
    assert_eq!(take_in(&mut publisher, "a.ndjson", &file()).added, 25);
    assert_eq!(take_in(&mut publisher, "b.ndjson", &file()).added, 0);
    let early = publisher.publish_once(&store).await.unwrap();
    assert_eq!((early.committed.len(), early.waiting, early.late), (0, 25, 0));

    world.reveal(RoundNumber(1)).await.unwrap();
    let report = publisher.publish_once(&store).await.unwrap();
    assert_eq!((report.committed.len(), report.waiting, report.late), (3, 0, 0));
    let again = publisher.publish_once(&store).await.unwrap();
    assert_eq!((again.committed.len(), again.waiting, again.late), (0, 0, 0));
    expect_everything_once(&world, &store, "published").await;
}

#[tokio::test]
async fn late_measurements_are_kept_and_never_moved_to_another_round() {
    let world = revealed().await;
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path().join("store")).unwrap();
    let mut publisher = open(&world, &directory.path().join("state.sqlite"));
    // Round 2 does not exist, and round 1's window ends.
    let mut lines = file();
    lines.extend(ndjson::to_ndjson(&[measurement(RoundNumber(2), 0)]));
    lines.extend_from_slice(b"not a measurement\n");
    let imported = take_in(&mut publisher, "a.ndjson", &lines);
    assert_eq!((imported.added, imported.rejected), (26, 1));
    assert_eq!(imported.first_rejected[0].line, 27);
    end_window(&world).await;

    for _ in 0..2 {
        let report = publisher.publish_once(&store).await.unwrap();
        assert_eq!((report.committed.len(), report.waiting, report.late), (0, 1, 25));
    }
    assert_eq!(world.batches(RoundNumber(1)).await.unwrap(), 0);
}

#[tokio::test]
async fn an_uncommitted_batch_is_late_when_its_window_ends() {
    for stop_at in [
        Boundary::Noted,
        Boundary::Enqueued,
        Boundary::Outbox(assize_outbox::Boundary::Stored),
    ] {
        let world = revealed().await;
        let directory = tempfile::tempdir().unwrap();
        let store = LocalStore::open(directory.path().join("store")).unwrap();
        let state = directory.path().join("state.sqlite");
        let mut publisher = open(&world, &state);
        take_in(&mut publisher, "a.ndjson", &file());
        publisher.watch(move |boundary| boundary != stop_at);
        publisher.publish_once(&store).await.unwrap_err();
        drop(publisher);
        end_window(&world).await;
        let mut publisher = open(&world, &state);
        // A signed transaction is sent once, and reverts or is replaced by an empty one.
        let report = publisher.publish_once(&store).await.unwrap();
        assert_eq!(
            (report.committed.len(), report.late, report.open),
            (0, 25, 0),
            "{stop_at:?}"
        );
        assert_eq!(world.batches(RoundNumber(1)).await.unwrap(), 0);
    }
}

/// As from a backup that was made before the batches were committed.
#[tokio::test]
async fn a_restored_table_finds_its_batches_on_the_chain() {
    let world = revealed().await;
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path().join("store")).unwrap();
    let mut publisher = open(&world, &directory.path().join("lost.sqlite"));
    take_in(&mut publisher, "a.ndjson", &file());
    publisher.publish_once(&store).await.unwrap();
    drop(publisher);
    end_window(&world).await;

    let sender = world.publisher.address();
    let sent = world.rounds.client().mined_nonce(sender).await.unwrap();
    let policy = Policy {
        finality: Finality::Blocks(5),
        ..Policy::local()
    };
    let mut restored = open_with(&world, &directory.path().join("restored.sqlite"), policy);
    take_in(&mut restored, "a.ndjson", &file());
    let report = restored.publish_once(&store).await.unwrap();
    assert_eq!((report.committed.len(), report.late), (3, 0));
    // A reorganisation may still take them off the chain.
    let open = restored.ingest().open_batches().unwrap();
    assert!(
        open.iter().all(|batch| batch.state == BatchState::Committed) && open.len() == 3,
        "{open:?}"
    );
    world.anvil.mine(5).unwrap();
    restored.publish_once(&store).await.unwrap();
    assert!(restored.ingest().open_batches().unwrap().is_empty());
    assert_eq!(world.rounds.client().mined_nonce(sender).await.unwrap(), sent);
}

#[tokio::test]
async fn a_second_process_and_a_foreign_key_are_rejected() {
    let world = revealed().await;
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state.sqlite");
    let store = LocalStore::open(directory.path().join("store")).unwrap();
    let first = open(&world, &state);
    let second = outbox(&world, &state, &world.publisher).unwrap_err().to_string();
    assert!(
        second.contains("in use") && second.contains("state.sqlite"),
        "{second}"
    );
    drop(first);
    let foreign = outbox(&world, &state, world.owner()).unwrap_err().to_string();
    assert!(foreign.contains("use another file"), "{foreign}");

    let mut stranger = open_as(&world, &directory.path().join("other.sqlite"), world.owner());
    take_in(&mut stranger, "a.ndjson", &file());
    let refused = stranger.publish_once(&store).await.unwrap_err().to_string();
    assert!(
        refused.contains("NotPublisher") && refused.contains("stay"),
        "{refused}"
    );
    assert_eq!(world.batches(RoundNumber(1)).await.unwrap(), 0);
}

/// Where the contract has the publisher's admission, and what. The owner could take it away only for rounds to come, and the
/// guardian only for good.
fn admission(world: &World) -> (B256, String) {
    let publisher = world.publisher.address().into_word();
    (0..100)
        .map(|place: u64| keccak256([publisher.0, B256::from(U256::from(place)).0].concat()))
        .find_map(|slot| {
            let word = world.anvil.rpc(
                "eth_getStorageAt",
                json!([world.rounds.address(), slot, "latest"]),
            );
            let word = word.unwrap().as_str().unwrap().to_owned();
            (word != B256::ZERO.to_string()).then_some((slot, word))
        })
        .unwrap()
}

#[tokio::test]
async fn a_suspended_publishers_measurements_stay() {
    let world = revealed().await;
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path().join("store")).unwrap();
    let mut publisher = open(&world, &directory.path().join("state.sqlite"));
    take_in(&mut publisher, "a.ndjson", &file());
    let suspend = world.rounds.suspend_publisher(world.publisher.address());
    world.send(&suspend).await.unwrap();
    let refused = publisher.publish_once(&store).await.unwrap_err().to_string();
    assert!(refused.contains("NotPublisher"), "{refused}");
    end_window(&world).await;
    let report = publisher.publish_once(&store).await.unwrap();
    assert_eq!((report.committed.len(), report.late), (0, 25));
}

/// Rounds that follow each other without a pause are all under way at once.
#[tokio::test]
async fn rounds_that_overlap_are_published_each_in_its_time() {
    const ROUNDS: u64 = 4;
    let world = revealed().await;
    for _ in 1..ROUNDS {
        world.open_round().await.unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path().join("store")).unwrap();
    let state = directory.path().join("state.sqlite");
    let mut publisher = open_closing(
        &world,
        &state,
        Closing {
            limit: BATCH,
            margin: None,
        },
    );
    // 13 of each round, in turn.
    let lines: Vec<_> = (0..13)
        .flat_map(|task| (1..=ROUNDS).map(move |round| measurement(RoundNumber(round), task)))
        .collect();
    take_in(&mut publisher, "a.ndjson", &ndjson::to_ndjson(&lines));
    let mut pass = async || {
        for _ in 0..3 {
            publisher.pass(&store, &|| false).await.unwrap();
        }
        let mut batches = Vec::new();
        for round in (1..=ROUNDS).map(RoundNumber) {
            batches.push(world.batches(round).await.unwrap());
        }
        batches
    };
    // Full batches at once, the rest of each round when it takes no more measurements.
    assert_eq!(pass().await, [1; ROUNDS as usize]);
    for round in 1..=ROUNDS {
        let times = world.rounds.round(RoundNumber(round)).await.unwrap().times;
        world.anvil.mine_at(times.show_from + 1).unwrap();
        let expected: Vec<_> = (1..=ROUNDS)
            .map(|other| 1 + usize::from(other <= round))
            .collect();
        assert_eq!(pass().await, expected, "after round {round}");
    }
    let times = world.rounds.round(RoundNumber(1)).await.unwrap().times;
    let now = world.anvil.timestamp().unwrap();
    assert!(times.accepts_batches(now), "the rounds do not overlap");
    for round in (1..=ROUNDS).map(RoundNumber) {
        for commitment in world.rounds.commitments(round, FileKind::Lines).await.unwrap() {
            let file = store.get(&commitment.cid).unwrap();
            let batch = ndjson::read_batch(round, commitment.root, commitment.count, &*file).unwrap();
            assert_eq!(batch.rejected, []);
        }
    }
}

/// The contract takes six batches of this round.
#[tokio::test]
async fn small_batches_are_merged_rather_than_refused() {
    let world = revealed().await;
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path().join("store")).unwrap();
    let closing = Closing {
        limit: 2,
        margin: None,
    };
    let mut publisher = open_closing(&world, &directory.path().join("state.sqlite"), closing);
    take_in(&mut publisher, "a.ndjson", &file());
    for _ in 0..2 {
        let report = publisher.publish_once(&store).await.unwrap();
        assert_eq!((report.waiting, report.open), (17, 0));
    }
    let counts = async || {
        let commitments = world
            .rounds
            .commitments(RoundNumber(1), FileKind::Lines)
            .await
            .unwrap();
        commitments
            .iter()
            .map(|commitment| commitment.count)
            .collect::<Vec<_>>()
    };
    assert_eq!(counts().await, [2; 4]);
    drop(publisher);
    // A table that knows nothing of these batches merges too.
    let mut publisher = open_closing(&world, &directory.path().join("other.sqlite"), closing);
    let more: Vec<_> = (25..30).map(|task| measurement(RoundNumber(1), task)).collect();
    take_in(&mut publisher, "b.ndjson", &ndjson::to_ndjson(&more));
    assert_eq!(publisher.publish_once(&store).await.unwrap().waiting, 5);
    let times = world.rounds.round(RoundNumber(1)).await.unwrap().times;
    world.anvil.mine_at(times.show_from + 1).unwrap();
    publisher.publish_once(&store).await.unwrap();
    assert_eq!(counts().await, [2, 2, 2, 2, 5]);
    drop(publisher);
    let mut publisher = open_closing(&world, &directory.path().join("state.sqlite"), closing);
    publisher.publish_once(&store).await.unwrap();
    assert_eq!(counts().await, [2, 2, 2, 2, 5, 17]);
}

#[tokio::test]
async fn a_reverted_commit_is_retried() {
    let world = revealed().await;
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path().join("store")).unwrap();
    let mut publisher = open(&world, &directory.path().join("state.sqlite"));
    take_in(&mut publisher, "a.ndjson", &file());

    // The contract would accept the commits when they are signed, but no longer when they are mined.
    let (slot, admitted) = admission(&world);
    let admit = |word: &str| {
        let arguments = json!([world.rounds.address(), slot, word]);
        world.anvil.rpc("anvil_setStorageAt", arguments).unwrap();
    };
    let mut stopped = false;
    publisher.watch(move |boundary| {
        let stop = boundary == Boundary::Outbox(assize_outbox::Boundary::Stored) && !stopped;
        stopped |= stop;
        !stop
    });
    publisher.publish_once(&store).await.unwrap_err();
    admit(&B256::ZERO.to_string());
    let refused = publisher.publish_once(&store).await.unwrap_err().to_string();
    assert!(refused.contains("NotPublisher"), "{refused}");

    admit(&admitted);
    let report = publisher.publish_once(&store).await.unwrap();
    assert_eq!(report.committed.len(), 3);
    expect_everything_once(&world, &store, "after a revert").await;
}

#[tokio::test]
async fn a_lost_round_is_an_alert_until_a_batch_is_committed_again() {
    let world = revealed().await;
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path().join("store")).unwrap();
    let mut policy = Policy::local();
    policy.caps.gas_price = 1;
    let mut publisher = open_with(&world, &directory.path().join("state.sqlite"), policy);
    take_in(&mut publisher, "a.ndjson", &file());
    let mut daemon = PublisherDaemon::new(publisher, Box::new(store), 1_000_000_000);
    let (metrics, stop) = (metrics(), Stop::default());
    let mut pass = async || {
        let alerts = daemon.pass(&metrics, &stop).await.unwrap();
        alerts
            .iter()
            .map(|alert| (alert.kind(), alert.to_string()))
            .collect::<Vec<_>>()
    };
    let kinds = |alerts: &[(&'static str, String)]| alerts.iter().map(|(kind, _)| *kind).collect::<Vec<_>>();
    assert_eq!(kinds(&pass().await), ["parked"]);
    end_window(&world).await;
    // Also in the passes after it, which have nothing to do.
    for _ in 0..4 {
        let alerts = pass().await;
        assert_eq!(kinds(&alerts), ["lost"]);
        assert!(alerts[0].1.contains("25 measurements"), "{alerts:?}");
    }
}
