//! A network after four rounds and two settlements, without a node: the chain's facts, a store on disk, and genuine
//! beacons.

use std::fs;
use std::sync::LazyLock;

use assize_drand::{Chain, RecordedBeacons, Verified};
use assize_evaluate::SettlementDocument;
use assize_facts::{
    BatchCommitment, ChainFacts, ChainRound, Contracts, FileKey, ListCommitment, OwnReport, Proposal, Round,
    Settlement, SettlementId, Status, Times,
};
use assize_measurement::{Domain, Measurement, ndjson, unixfs};
use assize_protocol::{
    Address, Assignment, AttoFil, B256, BeaconSchedule, Codec, LinesRoot, Parameters, Randomness, Roster,
    RoundNumber, Seed, SheetEntry, StationIndex, TaskList, positional,
};
use assize_store::{LocalStore, Source, Store};
use assize_testkit::fixtures;
use assize_testkit::network::{Network, NetworkPlan, RoundContext};
use assize_verify::{Conclusion, Evidence, OwnReports, VerifiedSettlement, VerifyError};
use tempfile::TempDir;

pub(crate) const CONTRACTS: Contracts = Contracts {
    chain_id: 31_337,
    rounds: Address::repeat_byte(0xa1),
    rewards: Address::repeat_byte(0xa2),
};

/// The round whose beacon is never revealed.
pub(crate) const UNREVEALED: RoundNumber = RoundNumber(3);

/// Two committees; three of the stations share a subnet, so that two of them are in one committee.
const STATIONS: u32 = 60;

/// The round to which a station committed its own report, because publishers left it out.
pub(crate) const OWN: RoundNumber = RoundNumber(2);

/// That station.
pub(crate) const LEFT_OUT: StationIndex = StationIndex(5);

/// Committed batches of every other round.
pub(crate) const BATCHES: usize = 2;

pub(crate) struct Case {
    pub(crate) facts: ChainFacts,
    pub(crate) own: OwnReports,
    pub(crate) store: LocalStore,
    /// Found elsewhere than by CID.
    pub(crate) elsewhere: Vec<Vec<u8>>,
    pub(crate) beacons: Verified<RecordedBeacons>,
    /// Deleted when dropped.
    _directory: TempDir,
}

/// Shared by all tests; each works on a copy.
struct Original {
    facts: ChainFacts,
    own: OwnReports,
    directory: TempDir,
}

/// Rounds 1 and 2 make settlement 1, rounds 3 and 4 settlement 2.
static ORIGINAL: LazyLock<Original> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path()).unwrap();
    let mut own = OwnReports::default();
    let mut case = Case {
        facts: rounds(&store, &mut own),
        own,
        store,
        elsewhere: Vec::new(),
        beacons: beacons(),
        _directory: tempfile::tempdir().unwrap(),
    };
    for (id, first, last) in [(1, 1, 2), (2, 3, 4)] {
        let parent = (id > 1).then_some(SettlementId(id - 1));
        let range = case
            .evidence()
            .evaluate_range(RoundNumber(first), RoundNumber(last), parent)
            .unwrap();
        case.post(SettlementId(id), &range.document);
    }
    Original {
        facts: case.facts,
        own: case.own,
        directory,
    }
});

fn beacons() -> Verified<RecordedBeacons> {
    Verified::new(
        Chain::quicknet(),
        RecordedBeacons::new(fixtures::beacons().unwrap()).unwrap(),
    )
}

fn rounds(store: &LocalStore, own: &mut OwnReports) -> ChainFacts {
    let tasks = TaskList::new(fixtures::tasks().unwrap().entries()[..120].to_vec()).unwrap();
    let network = Network::new(
        NetworkPlan {
            seed: 1,
            stations: STATIONS,
            refusing_operator: None,
        },
        &tasks,
    );
    let roster = network.roster().unwrap();
    // Those before are too near to each other for a round between them.
    let mut beacons = fixtures::beacons().unwrap();
    beacons.retain(|beacon| beacon.round.0 > 64_000);
    let schedule = BeaconSchedule::QUICKNET;
    let mut facts = ChainFacts {
        contracts: CONTRACTS,
        drops: Vec::new(),
        now: 0,
        rounds: [].into(),
        settlements: [].into(),
    };
    for (number, pair) in (1..=4).map(RoundNumber).zip(beacons.as_chunks().0) {
        let [beacon, dedupe_beacon] = pair;
        // Chosen so that the two beacons are the first after their moments.
        let mut parameters = parameters();
        let closes_at = schedule.time_of(dedupe_beacon.round).unwrap() - 1 - 32 * u64::from(parameters.step);
        let opened_at = schedule.time_of(beacon.round).unwrap() - 1 - u64::from(parameters.beacon_delay);
        parameters.round_duration = (closes_at - opened_at) as u32;
        let seed = Seed::derive(
            CONTRACTS.chain_id,
            CONTRACTS.rounds,
            number,
            Randomness::of_signature(&beacon.signature),
        );
        let assignment = Assignment::new(seed, &parameters, roster.count(), tasks.count());
        let domain = Domain {
            chain_id: CONTRACTS.chain_id,
            rounds: CONTRACTS.rounds,
        };
        let context = RoundContext {
            round: number,
            opened_at,
            assignment: &assignment,
            tasks: &tasks,
            domain,
        };
        let measurements = if number == UNREVEALED {
            Vec::new()
        } else {
            network.measure(&context)
        };
        let station = roster.get(LEFT_OUT).unwrap().station;
        let is_left_out = |measurement: &Measurement| number == OWN && measurement.station == station;
        let (report, measurements): (Vec<_>, Vec<_>) = measurements.into_iter().partition(is_left_out);
        let reports = if number == OWN {
            let report = ndjson::to_ndjson(&report);
            let digest = B256::new(unixfs::block_cid(Codec::Raw, &report).digest);
            own.insert(report);
            vec![OwnReport {
                station: LEFT_OUT,
                report: digest,
            }]
        } else {
            Vec::new()
        };
        let commitments = measurements
            .chunks(measurements.len().div_ceil(BATCHES).max(1))
            .map(|batch| commit(store, &ndjson::to_ndjson(batch), closes_at));
        let round = Round {
            number,
            roster: ListCommitment::of(&roster, store.put(&roster.to_ndjson()).unwrap()),
            tasks: ListCommitment::of(&tasks, store.put(&tasks.to_ndjson()).unwrap()),
            parameters,
            opened_at,
            times: Times::of(closes_at, parameters.step),
            beacon_round: beacon.round,
            dedupe_beacon_round: dedupe_beacon.round,
            seed: (number != UNREVEALED).then_some(seed),
        };
        facts.now = round.times.dedupe_from + 1;
        facts.rounds.insert(
            number,
            ChainRound {
                round,
                commitments: commitments.collect(),
                own: reports,
            },
        );
    }
    facts
}

/// Stores a batch, and commits to it.
pub(crate) fn commit(store: &LocalStore, batch: &[u8], committed_at: u64) -> BatchCommitment {
    let lines = LinesRoot::of(batch);
    BatchCommitment {
        publisher: Address::repeat_byte(0xa3),
        root: lines.root(),
        count: lines.count(),
        cid: store.put(batch).unwrap(),
        committed_at,
    }
}

fn parameters() -> Parameters {
    Parameters {
        min_committee_size: 10,
        max_committee_size: 40,
        quorum: 8,
        max_tasks_per_committee: 3,
        target_measurements: 3 * STATIONS,
        ..Parameters::default()
    }
}

impl Case {
    /// A copy of the original network.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for file in fs::read_dir(ORIGINAL.directory.path())
            .unwrap()
            .map(Result::unwrap)
        {
            fs::copy(file.path(), directory.path().join(file.file_name())).unwrap();
        }
        Self {
            facts: ORIGINAL.facts.clone(),
            own: ORIGINAL.own.clone(),
            elsewhere: Vec::new(),
            store: LocalStore::open(directory.path()).unwrap(),
            beacons: beacons(),
            _directory: directory,
        }
    }

    /// Works on the evidence, which looks for batches in `elsewhere` too.
    pub(crate) fn with<T>(&self, work: impl FnOnce(Evidence<'_, RecordedBeacons>) -> T) -> T {
        let elsewhere = |_: FileKey, commitment: &BatchCommitment| {
            let mut files = self.elsewhere.iter();
            files
                .find(|file| LinesRoot::of(file).count() == commitment.count)
                .cloned()
        };
        work(Evidence {
            elsewhere: &elsewhere,
            ..self.evidence()
        })
    }

    pub(crate) fn evidence(&self) -> Evidence<'_, RecordedBeacons> {
        Evidence {
            chain: &self.facts,
            own: &self.own,
            store: &self.store,
            elsewhere: &|_, _| None,
            beacons: &self.beacons,
            progress: &|_| {},
        }
    }

    pub(crate) fn round(&mut self, number: u64) -> &mut Round {
        &mut self.chain_round(number).round
    }

    pub(crate) fn chain_round(&mut self, number: u64) -> &mut ChainRound {
        self.facts.rounds.get_mut(&RoundNumber(number)).unwrap()
    }

    pub(crate) fn proposal(&mut self, settlement: u64) -> &mut Proposal {
        &mut self
            .facts
            .settlements
            .get_mut(&SettlementId(settlement))
            .unwrap()
            .proposal
    }

    /// The posted document.
    pub(crate) fn document(&self, settlement: u64) -> SettlementDocument {
        let cid = self.facts.settlements[&SettlementId(settlement)].proposal.cid;
        SettlementDocument::decode(&self.store.get(&cid).unwrap()).unwrap()
    }

    /// Posts a document: stores it, and updates the chain's facts.
    pub(crate) fn post(&mut self, id: SettlementId, document: &SettlementDocument) {
        self.store.put(&document.to_bytes()).unwrap();
        let proposal = Proposal {
            parent: (id.0 > 1).then_some(SettlementId(id.0 - 1)),
            ..document.proposal()
        };
        let settlement = Settlement {
            id,
            proposal,
            posted_at: self.facts.now,
            active_at: self.facts.now,
            status: Status::Active,
        };
        self.facts.settlements.insert(id, settlement);
    }

    /// Posts a changed document in place of settlement 1, with consistent roots and sums.
    pub(crate) fn forge(&mut self, change: impl FnOnce(&mut SettlementDocument)) {
        let mut document = self.document(1);
        change(&mut document);
        let sheets = document
            .sheets()
            .map(|(_, sheet)| sheet.iter().map(SheetEntry::leaf).collect());
        let roots: Vec<B256> = sheets
            .map(|leaves| positional::Tree::new(leaves).root())
            .collect();
        let mut running = AttoFil::ZERO;
        for (allocation, root) in document.allocations.iter_mut().zip(roots) {
            running = running.checked_add(allocation.cumulative).unwrap();
            (allocation.running, allocation.sheet) = (running, root);
        }
        document.cumulative_total = running;
        document.root = document.rewards_tree().root();
        self.post(SettlementId(1), &document);
    }

    pub(crate) fn verify(&self, settlement: u64) -> Result<Conclusion<VerifiedSettlement>, VerifyError> {
        self.evidence().verify_settlement(SettlementId(settlement))
    }

    /// Verifies settlement 1, which must not match: path, ours, theirs.
    pub(crate) fn mismatch(&self) -> (String, String, String) {
        let conclusion = self.verify(1).unwrap();
        let mismatch = conclusion.mismatch().expect("a mismatch").clone();
        (mismatch.path, mismatch.ours, mismatch.theirs)
    }

    /// Verifies settlement 1, which must fail.
    pub(crate) fn error(&self) -> VerifyError {
        self.verify(1).unwrap_err()
    }

    pub(crate) fn batch(&self, round: u64, index: usize) -> BatchCommitment {
        self.facts.rounds[&RoundNumber(round)].commitments[index]
    }

    /// The roster of all rounds.
    pub(crate) fn roster(&self) -> Roster {
        Roster::parse(
            &self
                .store
                .get(&self.facts.rounds[&RoundNumber(1)].round.roster.cid)
                .unwrap(),
        )
        .unwrap()
    }
}
