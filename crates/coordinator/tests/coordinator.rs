//! The coordinator against a real chain with the real contracts, a real queue and a real store.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test panics")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use alloy_primitives::{Address, B128, keccak256};
use assize_chain::{ChainClient, Draft, Rounds};
use assize_coordinator::{
    Boundary, Coordinator, CoordinatorAlert, CoordinatorError, PassReport, Settings, Waiting,
};
use assize_drand::serve::Devnet;
use assize_drand::{Beacon, BeaconError, BeaconSource, Verified, with_y};
use assize_facts::Round;
use assize_ingest::{Database, Heartbeat, Location};
use assize_keys::Signer;
use assize_outbox::{Caps, Depth, Finality, Outbox, OutboxError, Policy};
use assize_protocol::{AttoFil, BeaconRound, Roster, RoundNumber, TaskList};
use assize_service::{Alert as _, Clock};
use assize_store::{LocalStore, Source};
use assize_testkit::fault::{FaultNode, Faults};
use assize_testkit::fixtures;
use assize_testkit::world::{World, WorldBeacons};
use assize_wire::Version;
use serde_json::json;

/// The database's time, Unix seconds.
const NOW: u64 = 1_760_000_000;
const PATIENCE: Duration = Duration::from_secs(30);
/// Seconds for which a round is open.
const DURATION: u64 = 60;

type Beacons = Verified<Box<dyn BeaconSource + Send + Sync>>;

struct Stage {
    world: World,
    directory: tempfile::TempDir,
    database: Database,
    clock: Clock,
    beacons: Arc<SomeBeacons>,
}

/// The test world's beacons, as long as they are available.
struct SomeBeacons {
    all: WorldBeacons,
    silent: AtomicBool,
}

impl BeaconSource for SomeBeacons {
    fn beacon(&self, round: BeaconRound) -> Result<Beacon, BeaconError> {
        match self.silent.load(Ordering::SeqCst) {
            true => Err(BeaconError::Unavailable {
                round,
                failures: assize_drand::Failures::default(),
            }),
            false => self.all.beacon(round),
        }
    }
}

struct Shared(Arc<SomeBeacons>);

impl BeaconSource for Shared {
    fn beacon(&self, round: BeaconRound) -> Result<Beacon, BeaconError> {
        self.0.beacon(round)
    }
}

impl Stage {
    /// A chain without rounds, a database with three stations, a file of tasks.
    async fn set() -> Self {
        let stage = Self::empty().await;
        for station in 1..=3 {
            stage
                .heartbeat(station, station, NOW - 10 + u64::from(station))
                .await;
        }
        stage.write_tasks(&fixtures::tasks().unwrap().to_ndjson());
        stage
    }

    async fn empty() -> Self {
        let world = World::start(600).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let location = Location::File(directory.path().join("api.sqlite"));
        let beacons = SomeBeacons {
            all: world.beacons().unwrap(),
            silent: AtomicBool::new(false),
        };
        Self {
            world,
            directory,
            database: Database::open(&location).unwrap(),
            clock: Clock::standing(NOW),
            beacons: Arc::new(beacons),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn store(&self) -> LocalStore {
        LocalStore::open(self.path("store")).unwrap()
    }

    fn write_tasks(&self, file: &[u8]) {
        std::fs::write(self.path("tasks.ndjson"), file).unwrap();
    }

    /// A heartbeat of station number `station` from subnet number `subnet`.
    async fn heartbeat(&self, station: u8, subnet: u8, at: u64) {
        self.hear_version(station, subnet, at, Version(1, 0, 0)).await;
    }

    async fn hear_version(&self, station: u8, subnet: u8, at: u64, version: Version) {
        let heartbeat = Heartbeat {
            station: Address::repeat_byte(station),
            operator: Address::repeat_byte(0xee),
            subnet: B128::repeat_byte(subnet),
            version,
            time: at,
            received_at: at,
        };
        self.database.record(heartbeat).await.unwrap();
    }

    fn settings(&self) -> Settings {
        Settings {
            tasks: self.path("tasks.ndjson"),
            live_for: 3_600,
            min_stations: 1,
            max_per_subnet: 2,
            minimum_version: Version(1, 0, 0),
        }
    }

    fn open(&self) -> Coordinator {
        self.open_with(Policy::local())
    }

    fn open_with(&self, policy: Policy) -> Coordinator {
        self.try_open("coordinator.sqlite", policy, self.world.rounds.client().clone())
            .unwrap()
    }

    fn try_open(&self, state: &str, policy: Policy, client: ChainClient) -> Result<Coordinator, OutboxError> {
        let rounds = Rounds::new(client.clone(), self.world.deployment.rounds);
        let outbox = Outbox::open(&self.path(state), client, self.world.owner().clone(), policy)?;
        let chain = self.world.drand_chain().clone();
        let beacons = Verified::new(chain, Box::new(Shared(Arc::clone(&self.beacons))) as _);
        Ok(self.coordinator(outbox, rounds, beacons))
    }

    fn coordinator(&self, outbox: Outbox, rounds: Rounds, beacons: Beacons) -> Coordinator {
        Coordinator::new(
            self.database.clone(),
            outbox,
            rounds,
            Arc::new(self.store()),
            Arc::new(beacons),
            self.settings(),
            self.clock.clone(),
        )
    }

    async fn latest(&self) -> Option<RoundNumber> {
        self.world.rounds.latest_round().await.unwrap()
    }

    async fn round(&self, number: u64) -> Round {
        self.world.rounds.round(RoundNumber(number)).await.unwrap()
    }

    fn roster_of(&self, round: &Round) -> Vec<u8> {
        let roster = Roster::parse(&self.store().get(&round.roster.cid).unwrap()).unwrap();
        assert_eq!(
            (roster.root(), roster.count()),
            (round.roster.root, round.roster.count)
        );
        roster.entries().iter().map(|entry| entry.station[0]).collect()
    }

    /// Moves the chain to a time, unless it is later.
    fn come_to(&self, time: u64) {
        if self.world.anvil.timestamp().unwrap() < time {
            self.world.anvil.mine_at(time).unwrap();
        }
    }

    fn published_at(&self, round: &Round) -> u64 {
        let schedule = self.world.drand_chain().schedule();
        schedule.time_of(round.beacon_round).unwrap()
    }

    /// Number of transactions of the coordinator's key.
    async fn transactions(&self) -> u64 {
        let owner = self.world.owner().address();
        self.world.rounds.client().mined_nonce(owner).await.unwrap()
    }

    /// A transaction by another key.
    async fn by_another(&self, draft: &Draft) {
        let another = Signer::from_bytes(&self.world.anvil.dev_key(7)).unwrap();
        let client = self.world.rounds.client();
        client.transact(&another, draft, PATIENCE).await.unwrap();
    }

    fn reveal_of(&self, round: &Round) -> Draft {
        let beacon = self.world.beacon(round.beacon_round);
        let signature = with_y(&beacon.signature).unwrap();
        self.world.rounds.reveal(round.number, &signature)
    }
}

async fn pass(coordinator: &mut Coordinator) -> PassReport {
    coordinator.pass(&|| false).await.unwrap()
}

/// Runs passes until the last report meets a condition.
async fn until(coordinator: &mut Coordinator, mut done: impl FnMut(&PassReport) -> bool) -> PassReport {
    for _ in 0..400 {
        let report = pass(coordinator).await;
        if done(&report) {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came to that: {:?}", pass(coordinator).await);
}

fn is_revealed(report: &PassReport) -> bool {
    report.unrevealed.is_empty()
}

fn kinds(report: &PassReport) -> Vec<&'static str> {
    report.alerts.iter().map(CoordinatorAlert::kind).collect()
}

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
    let closes_at = first.closes_at;
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
    stage.come_to(first.closes_at);
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
    stage.come_to(stage.round(2).await.closes_at);
    let report = until(&mut coordinator, |report| report.latest == Some(RoundNumber(3))).await;
    assert_eq!(stage.round(3).await.tasks.count, first.tasks.count - 1);
    assert!(!kinds(&report).contains(&"tasks"));
}

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
    stage.come_to(stage.round(1).await.closes_at + DURATION / 2);
    let report = until(&mut coordinator, |report| kinds(report).contains(&"parked")).await;
    assert!(kinds(&report).contains(&"opening_late"), "{report:?}");
    assert!(report.overdue >= DURATION / 2);
    stage.come_to(stage.round(1).await.closes_at + DURATION);
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
    stage.come_to(stage.round(2).await.closes_at);
    until(&mut coordinator, |report| report.latest == Some(RoundNumber(3))).await;
    assert_eq!(stage.roster_of(&stage.round(3).await), [1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_opening_that_is_too_late_is_cancelled() {
    let stage = Stage::set().await;
    let mut coordinator = stage.open();
    until(&mut coordinator, |report| report.latest.is_some()).await;
    stage.come_to(stage.round(1).await.closes_at + DURATION);
    stage.heartbeat(4, 4, NOW).await;
    // It signs the opening of round 2 and dies before it is sent; someone else opens the round.
    coordinator.watch(|boundary| boundary != Boundary::Outbox(assize_outbox::Boundary::Stored));
    coordinator.pass(&|| false).await.unwrap_err();
    drop(coordinator);
    stage.by_another(&stage.world.rounds.open_as_before()).await;
    // Much later, when it would open round 3 with the lists of round 2.
    stage.come_to(stage.round(2).await.closes_at);
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
    stage.come_to(first.closes_at);
    until(&mut coordinator, |report| report.latest == Some(RoundNumber(2))).await;
    let second = stage.round(2).await;
    stage.come_to(stage.published_at(&second));
    stage.beacons.silent.store(false, Ordering::SeqCst);
    until(&mut coordinator, is_revealed).await;
    assert!(stage.round(1).await.seed.is_some() && stage.round(2).await.seed.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_is_over_unrevealed_is_let_be() {
    let stage = Stage::set().await;
    stage.beacons.silent.store(true, Ordering::SeqCst);
    let mut coordinator = stage.open();
    until(&mut coordinator, |report| report.latest.is_some()).await;
    let first = stage.round(1).await;
    stage.come_to(first.commits_until + 1);
    stage.beacons.silent.store(false, Ordering::SeqCst);
    let report = until(&mut coordinator, |report| report.latest == Some(RoundNumber(2))).await;
    assert_eq!(report.unrevealed, [RoundNumber(2)]);
    assert_eq!(stage.round(1).await.seed, None);
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
async fn another_key_than_the_coordinators_is_reported() {
    let stage = Stage::set().await;
    let draft = Draft::call(
        "Rounds",
        stage.world.deployment.rounds,
        [&keccak256("setCoordinator(address)")[..4], &[0; 12], &[9; 20]].concat(),
    );
    stage.world.send(&draft).await.unwrap();
    let mut coordinator = stage.open();
    let report = until(&mut coordinator, |report| kinds(report).contains(&"refused")).await;
    let alert = report
        .alerts
        .iter()
        .find(|alert| alert.kind() == "refused")
        .unwrap();
    assert!(alert.to_string().contains("NotCoordinator"), "{alert}");
    // And not requested again at once.
    let report = pass(&mut coordinator).await;
    assert_eq!(report.waiting, Some(Waiting::Refused));
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
