//! A coordinator's surroundings: chain, contracts, stations, task file, beacons and clock.

use super::*;

/// The database's time, Unix seconds.
pub(crate) const NOW: u64 = 1_760_000_000;
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Seconds for which a round is open.
pub(crate) const DURATION: u64 = 60;
/// Unit of the timetable after closing, seconds: four rounds and more can be revealed at once.
const STEP: u32 = 10;

pub(crate) type Beacons = Verified<Box<dyn BeaconSource + Send + Sync>>;

pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) beacons: Arc<SomeBeacons>,
}

/// The test world's beacons, as long as they are available.
pub(crate) struct SomeBeacons {
    all: WorldBeacons,
    pub(crate) silent: AtomicBool,
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

pub(crate) struct Shared(Arc<SomeBeacons>);

impl BeaconSource for Shared {
    fn beacon(&self, round: BeaconRound) -> Result<Beacon, BeaconError> {
        self.0.beacon(round)
    }
}

impl Stage {
    /// A chain without rounds, a database with three stations, a file of tasks.
    pub(crate) async fn set() -> Self {
        let stage = Self::empty().await;
        for station in 1..=3 {
            stage
                .heartbeat(station, station, NOW - 10 + u64::from(station))
                .await;
        }
        stage.write_tasks(&fixtures::tasks().unwrap().to_ndjson());
        stage
    }

    pub(crate) async fn empty() -> Self {
        let world = World::start(STEP).await.unwrap();
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

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn store(&self) -> LocalStore {
        LocalStore::open(self.path("store")).unwrap()
    }

    pub(crate) fn write_tasks(&self, file: &[u8]) {
        std::fs::write(self.path("tasks.ndjson"), file).unwrap();
    }

    /// A heartbeat of station number `station` from subnet number `subnet`.
    pub(crate) async fn heartbeat(&self, station: u8, subnet: u8, at: u64) {
        self.hear_version(station, subnet, at, Version(1, 0, 0)).await;
    }

    pub(crate) async fn hear_version(&self, station: u8, subnet: u8, at: u64, version: Version) {
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

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            tasks: self.path("tasks.ndjson"),
            live_for: 3_600,
            min_stations: 1,
            max_per_subnet: 2,
            minimum_version: Version(1, 0, 0),
        }
    }

    pub(crate) fn open(&self) -> Coordinator {
        self.open_with(Policy::local())
    }

    pub(crate) fn open_with(&self, policy: Policy) -> Coordinator {
        self.try_open("coordinator.sqlite", policy, self.world.rounds.client().clone())
            .unwrap()
    }

    pub(crate) fn try_open(
        &self,
        state: &str,
        policy: Policy,
        client: ChainClient,
    ) -> Result<Coordinator, OutboxError> {
        let rounds = Rounds::new(client.clone(), self.world.deployment.rounds);
        let outbox = Outbox::open(&self.path(state), client, self.world.owner().clone(), policy)?;
        let chain = self.world.drand_chain().clone();
        let beacons = Verified::new(chain, Box::new(Shared(Arc::clone(&self.beacons))) as _);
        Ok(self.coordinator(outbox, rounds, beacons))
    }

    pub(crate) fn coordinator(&self, outbox: Outbox, rounds: Rounds, beacons: Beacons) -> Coordinator {
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

    pub(crate) async fn latest(&self) -> Option<RoundNumber> {
        self.world.rounds.latest_round().await.unwrap()
    }

    pub(crate) async fn round(&self, number: u64) -> Round {
        self.world.rounds.round(RoundNumber(number)).await.unwrap()
    }

    pub(crate) fn roster_of(&self, round: &Round) -> Vec<u8> {
        let roster = Roster::parse(&self.store().get(&round.roster.cid).unwrap()).unwrap();
        assert_eq!(
            (roster.root(), roster.count()),
            (round.roster.root, round.roster.count)
        );
        roster.entries().iter().map(|entry| entry.station[0]).collect()
    }

    /// Moves the chain to a time, unless it is later.
    pub(crate) fn come_to(&self, time: u64) {
        if self.world.anvil.timestamp().unwrap() < time {
            self.world.anvil.mine_at(time).unwrap();
        }
    }

    pub(crate) fn published_at(&self, round: &Round) -> u64 {
        let schedule = self.world.drand_chain().schedule();
        schedule.time_of(round.beacon_round).unwrap()
    }

    /// Number of transactions of the coordinator's key.
    pub(crate) async fn transactions(&self) -> u64 {
        let owner = self.world.owner().address();
        self.world.rounds.client().mined_nonce(owner).await.unwrap()
    }

    /// A transaction by another key.
    pub(crate) async fn by_another(&self, draft: &Draft) {
        let another = Signer::from_bytes(&self.world.anvil.dev_key(7)).unwrap();
        let client = self.world.rounds.client();
        client.transact(&another, draft, PATIENCE).await.unwrap();
    }

    /// Lets the coordinator reveal round 1, and commits a batch to it: only then, others can open a round with its lists.
    pub(crate) async fn publish(&self, coordinator: &mut Coordinator) {
        self.come_to(self.published_at(&self.round(1).await));
        until(coordinator, is_revealed).await;
        self.world.commit(RoundNumber(1), b"a line\n").await.unwrap();
    }

    pub(crate) fn reveal_of(&self, round: &Round) -> Draft {
        let beacon = self.world.beacon(round.beacon_round);
        let signature = with_y(&beacon.signature).unwrap();
        self.world.rounds.reveal(round.number, &signature)
    }
}

pub(crate) async fn pass(coordinator: &mut Coordinator) -> PassReport {
    coordinator.pass(&|| false).await.unwrap()
}

/// Runs passes until the last report meets a condition.
pub(crate) async fn until(
    coordinator: &mut Coordinator,
    mut done: impl FnMut(&PassReport) -> bool,
) -> PassReport {
    for _ in 0..400 {
        let report = pass(coordinator).await;
        if done(&report) {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came to that: {:?}", pass(coordinator).await);
}

pub(crate) fn is_revealed(report: &PassReport) -> bool {
    report.unrevealed.is_empty()
}

pub(crate) fn kinds(report: &PassReport) -> Vec<&'static str> {
    report.alerts.iter().map(CoordinatorAlert::kind).collect()
}
