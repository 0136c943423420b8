//! A publisher killed at every boundary, against a real anvil with the real contracts: no batch is committed twice, no
//! measurement is lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on panics"
)]

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assize_chain::{ChainClient, ListCommitment, Rounds};
use assize_deployment::{BeaconParams, DeployParams, Deployment, deploy};
use assize_drand::with_y;
use assize_ingest::{ImportReport, SqliteIngest, import};
use assize_keys::Signer;
use assize_measurement::{Measurement, Millis, Signature, ndjson};
use assize_outbox::{Outbox, OutboxError, Policy};
use assize_protocol::{B256, BeaconRound, BeaconSchedule, Parameters, RoundNumber, TaskIndex};
use assize_publish::{Boundary, Closing, PublishError, Publisher};
use assize_store::{LocalStore, Source};
use assize_testkit::anvil::{Anvil, CHAIN_ID};
use assize_testkit::fixtures;
use serde_json::json;

/// A recorded beacon; its round opens 32 seconds before it is published.
const BEACON: BeaconRound = BeaconRound(17_133_822);
const PATIENCE: Duration = Duration::from_secs(30);
const BATCH: u32 = 10;

struct World {
    anvil: Anvil,
    rounds: Rounds,
    publisher: Signer,
    coordinator: Signer,
    opened_at: u64,
}

impl World {
    /// A chain on which round 1 is open.
    async fn new() -> Self {
        let opened_at = BeaconSchedule::QUICKNET.time_of(BEACON).unwrap() - 32;
        let anvil = Anvil::start_at(opened_at - 100).unwrap();
        let client = ChainClient::connect_to(&anvil.url().parse().unwrap(), CHAIN_ID)
            .await
            .unwrap();
        let signer = |index| Signer::from_bytes(&anvil.dev_key(index)).unwrap();
        let [coordinator, publisher, evaluator] = [0, 1, 2].map(signer);
        let params = DeployParams {
            chain_id: CHAIN_ID,
            beacon: BeaconParams::quicknet(),
            owner: coordinator.address(),
            coordinator: coordinator.address(),
            publishers: vec![publisher.address()],
            guardian: coordinator.address(),
            treasury: coordinator.address(),
            evaluators: vec![evaluator.address()],
            threshold: 1,
            min_challenge_window: 60,
            challenge_window: 60,
            payment_gas: 60_000,
            parameters: Parameters {
                round_duration: 60,
                ..Parameters::default()
            },
        };
        let Deployment { rounds, .. } = deploy(&client, &coordinator, &params).await.unwrap();
        let world = Self {
            rounds: Rounds::new(client, rounds),
            anvil,
            publisher,
            coordinator,
            opened_at,
        };
        let list = |cid: &[u8]| ListCommitment {
            root: B256::repeat_byte(1),
            count: 100,
            cid: assize_measurement::unixfs::file_cid(cid),
        };
        world.anvil.set_next_timestamp(opened_at).unwrap();
        let open = world.rounds.open(&list(b"roster"), &list(b"tasks"));
        world
            .rounds
            .client()
            .transact(&world.coordinator, &open, PATIENCE)
            .await
            .unwrap();
        world
    }

    async fn reveal(&self) {
        let beacons = fixtures::beacons().unwrap();
        let beacon = beacons.iter().find(|beacon| beacon.round == BEACON).unwrap();
        let signature = with_y(beacon.signature.as_slice().try_into().unwrap()).unwrap();
        self.anvil.set_next_timestamp(self.opened_at + 40).unwrap();
        let reveal = self.rounds.reveal(RoundNumber(1), &signature);
        self.rounds
            .client()
            .transact(&self.coordinator, &reveal, PATIENCE)
            .await
            .unwrap();
    }

    fn outbox(&self, state: &Path, signer: &Signer) -> Result<Outbox, OutboxError> {
        let client = self.rounds.client().clone();
        Outbox::open(state, client, signer.clone(), Policy::local())
    }

    fn open(&self, state: &Path) -> Publisher {
        self.open_as(state, &self.publisher)
    }

    fn open_as(&self, state: &Path, signer: &Signer) -> Publisher {
        let ingest = SqliteIngest::open(&state.with_extension("ingest")).unwrap();
        let closing = Closing {
            limit: BATCH,
            margin: 0,
        };
        let outbox = self.outbox(state, signer).unwrap();
        Publisher::new(Box::new(ingest), outbox, self.rounds.clone(), closing)
    }
}

fn take_in(publisher: &mut Publisher, name: &str, file: &[u8]) -> ImportReport {
    import(publisher.ingest(), name, Cursor::new(file), 1_000).unwrap()
}

fn measurement(round: u64, task: u32) -> Measurement {
    Measurement {
        timeout: true,
        start_at: Some(Millis(1_698_829_200_000)),
        byte_length: Some(0),
        indexer_result: Some("OK".into()),
        signature: Signature([9; 65]),
        ..Measurement::new(
            RoundNumber(round),
            TaskIndex(task),
            [7; 20].into(),
            "bafybeif53axbvb3gbbidww37e36kahbfzui4ypp44uqyjs7bvrdmvjesfq",
            "f01697248",
        )
    }
}

/// 25 measurements of round 1: three batches.
fn file() -> Vec<u8> {
    ndjson::to_ndjson(&(0..25).map(|task| measurement(1, task)).collect::<Vec<_>>())
}

/// Every line in the chain's commitments, with the number of its occurrences.
async fn committed_lines(world: &World, store: &LocalStore) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    let commitments = world.rounds.commitments(RoundNumber(1)).await.unwrap();
    for commitment in commitments {
        let content = String::from_utf8(store.get(&commitment.cid).unwrap()).unwrap();
        assert_eq!(content.lines().count(), commitment.count as usize);
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
    assert_eq!(
        world.rounds.commitments(RoundNumber(1)).await.unwrap().len(),
        3,
        "{case}"
    );
}

/// Runs until boundary number `kill_at`, from 0, and dies there; returns the boundaries passed.
async fn run_and_die(world: &World, state: &Path, store: &LocalStore, kill_at: usize) -> Vec<Boundary> {
    let mut publisher = world.open(state);
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
    let world = World::new().await;
    world.reveal().await;
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
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path().join("store")).unwrap();
    let mut publisher = world.open(&directory.path().join("state.sqlite"));
    assert_eq!(take_in(&mut publisher, "a.ndjson", &file()).added, 25);
    assert_eq!(take_in(&mut publisher, "b.ndjson", &file()).added, 0);
    let early = publisher.publish_once(&store).await.unwrap();
    assert_eq!((early.committed.len(), early.waiting, early.late), (0, 25, 0));

    world.reveal().await;
    let report = publisher.publish_once(&store).await.unwrap();
    assert_eq!((report.committed.len(), report.waiting, report.late), (3, 0, 0));
    let again = publisher.publish_once(&store).await.unwrap();
    assert_eq!((again.committed.len(), again.waiting, again.late), (0, 0, 0));
    expect_everything_once(&world, &store, "published").await;
}

#[tokio::test]
async fn late_measurements_are_kept_and_never_moved_to_another_round() {
    let world = World::new().await;
    world.reveal().await;
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path().join("store")).unwrap();
    let mut publisher = world.open(&directory.path().join("state.sqlite"));
    // Round 2 does not exist, and round 1's window ends.
    let mut lines = file();
    lines.extend(ndjson::to_ndjson(&[measurement(2, 0)]));
    lines.extend_from_slice(b"not a measurement\n");
    let imported = take_in(&mut publisher, "a.ndjson", &lines);
    assert_eq!((imported.added, imported.rejected), (26, 1));
    assert_eq!(imported.first_rejected[0].line, 27);
    world.anvil.mine_at(world.opened_at + 60 + 1_200 + 1).unwrap();

    for _ in 0..2 {
        let report = publisher.publish_once(&store).await.unwrap();
        assert_eq!((report.committed.len(), report.waiting, report.late), (0, 1, 25));
    }
    assert!(world.rounds.commitments(RoundNumber(1)).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_uncommitted_batch_is_late_when_its_window_ends() {
    for stop_at in [
        Boundary::Noted,
        Boundary::Enqueued,
        Boundary::Outbox(assize_outbox::Boundary::Stored),
    ] {
        let world = World::new().await;
        world.reveal().await;
        let directory = tempfile::tempdir().unwrap();
        let store = LocalStore::open(directory.path().join("store")).unwrap();
        let state = directory.path().join("state.sqlite");
        let mut publisher = world.open(&state);
        take_in(&mut publisher, "a.ndjson", &file());
        publisher.watch(move |boundary| boundary != stop_at);
        publisher.publish_once(&store).await.unwrap_err();
        drop(publisher);
        world.anvil.mine_at(world.opened_at + 60 + 1_200 + 1).unwrap();
        let mut publisher = world.open(&state);
        // A signed transaction is sent once, and reverts or is replaced by an empty one.
        let report = publisher.publish_once(&store).await.unwrap();
        assert_eq!(
            (report.committed.len(), report.late, report.open),
            (0, 25, 0),
            "{stop_at:?}"
        );
        assert!(world.rounds.commitments(RoundNumber(1)).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_second_process_and_a_foreign_key_are_rejected() {
    let world = World::new().await;
    world.reveal().await;
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state.sqlite");
    let store = LocalStore::open(directory.path().join("store")).unwrap();
    let first = world.open(&state);
    let second = world.outbox(&state, &world.publisher).unwrap_err().to_string();
    assert!(
        second.contains("in use") && second.contains("state.sqlite"),
        "{second}"
    );
    drop(first);
    let foreign = world.outbox(&state, &world.coordinator).unwrap_err().to_string();
    assert!(foreign.contains("use another file"), "{foreign}");

    let mut stranger = world.open_as(&directory.path().join("other.sqlite"), &world.coordinator);
    take_in(&mut stranger, "a.ndjson", &file());
    let refused = stranger.publish_once(&store).await.unwrap_err().to_string();
    assert!(
        refused.contains("NotPublisher") && refused.contains("stay"),
        "{refused}"
    );
    assert!(world.rounds.commitments(RoundNumber(1)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_reverted_commit_is_retried() {
    let world = World::new().await;
    world.reveal().await;
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path().join("store")).unwrap();
    let mut publisher = world.open(&directory.path().join("state.sqlite"));
    take_in(&mut publisher, "a.ndjson", &file());

    // The contract would accept the commits when they are signed, but no longer when they are mined.
    let forbid = |allowed| world.rounds.set_publisher(world.publisher.address(), allowed);
    let client = world.rounds.client().clone();
    let (owner, draft) = (world.coordinator.clone(), forbid(false));
    let mut stopped = false;
    publisher.watch(move |boundary| {
        let stop = boundary == Boundary::Outbox(assize_outbox::Boundary::Stored) && !stopped;
        stopped |= stop;
        !stop
    });
    publisher.publish_once(&store).await.unwrap_err();
    client.transact(&owner, &draft, PATIENCE).await.unwrap();
    let refused = publisher.publish_once(&store).await.unwrap_err().to_string();
    assert!(refused.contains("NotPublisher"), "{refused}");

    client.transact(&owner, &forbid(true), PATIENCE).await.unwrap();
    let report = publisher.publish_once(&store).await.unwrap();
    assert_eq!(report.committed.len(), 3);
    expect_everything_once(&world, &store, "after a revert").await;
}
