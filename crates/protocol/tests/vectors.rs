//! The vectors of `docs/vectors/v2`, which another implementation computed from `docs/protocol.md`.
#![expect(clippy::unwrap_used, reason = "a vector that cannot be read fails the test")]

use assize_protocol::{
    Address, Allocation, Assignment, AttoFil, B256, BeaconRound, BeaconSchedule, CommitteeIndex, DedupeSeed,
    FileCid, LinesRoot, ListIndex, Parameters, Place, Randomness, Roster, RoundNumber, Seat, Seed,
    SheetEntry, Shuffle, ShuffleSeed, StationIndex, TaskIndex, TaskList, TaskSet, line_leaf, lines_of,
    merkle, positional,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// The cases of a file.
fn cases<T: DeserializeOwned>(json: &str, count: usize) -> Vec<T> {
    #[derive(Deserialize)]
    struct File<T> {
        version: u32,
        cases: Vec<T>,
    }
    let file: File<T> = serde_json::from_str(json).unwrap();
    assert_eq!((file.version, file.cases.len()), (2, count));
    file.cases
}

#[test]
fn schedule() {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Case {
        time: u64,
        round_after: BeaconRound,
    }
    for Case { time, round_after } in cases(include_str!("../../../docs/vectors/v2/schedule.json"), 6) {
        assert_eq!(BeaconSchedule::QUICKNET.round_after(time), round_after, "{time}");
    }
}

#[test]
fn seeds() {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Case {
        chain_id: u64,
        rounds: Address,
        round: RoundNumber,
        randomness: Randomness,
        seed: Seed,
        roster_seed: ShuffleSeed,
        task_seed: ShuffleSeed,
        dedupe_seed: DedupeSeed,
        station: Address,
        task: TaskIndex,
        rank: B256,
    }
    for case in cases::<Case>(include_str!("../../../docs/vectors/v2/seeds.json"), 3) {
        let seed = Seed::derive(case.chain_id, case.rounds, case.round, case.randomness);
        assert_eq!(seed, case.seed);
        assert_eq!(seed.roster(), case.roster_seed);
        assert_eq!(seed.tasks(), case.task_seed);
        assert_eq!(DedupeSeed::derive(case.randomness), case.dedupe_seed);
        assert_eq!(case.dedupe_seed.rank(case.station, case.task), case.rank);
    }
}

#[test]
fn shuffle() {
    #[derive(Deserialize)]
    struct Whole {
        seed: ShuffleSeed,
        count: u32,
        mapping: Vec<ListIndex>,
    }
    for Whole { seed, count, mapping } in cases(include_str!("../../../docs/vectors/v2/shuffle.json"), 11) {
        assert_eq!(Shuffle::new(seed, count).mapping(), mapping, "{count}");
    }

    #[derive(Deserialize)]
    struct Single {
        seed: ShuffleSeed,
        count: u32,
        place: Place,
        entry: ListIndex,
    }
    for case in cases::<Single>(include_str!("../../../docs/vectors/v2/single-shuffle.json"), 5) {
        let shuffle = Shuffle::new(case.seed, case.count);
        assert_eq!(shuffle.forward(case.place), Ok(case.entry));
        assert_eq!(shuffle.inverse(case.entry), Ok(case.place));
    }
}

#[test]
fn assignment() {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Case {
        seed: Seed,
        stations: u32,
        tasks: u32,
        max_committee_size: u16,
        target_measurements: u32,
        max_tasks_per_committee: u16,
        committee_count: u32,
        tasks_per_committee: u32,
        committees: Vec<Committee>,
        station: Option<Station>,
    }
    #[derive(Deserialize)]
    struct Committee {
        committee: CommitteeIndex,
        seats: (Seat, Seat),
        members: Vec<StationIndex>,
        tasks: Vec<TaskIndex>,
    }
    #[derive(Deserialize)]
    struct Station {
        station: StationIndex,
        committee: CommitteeIndex,
        seat: Seat,
    }
    for case in cases::<Case>(include_str!("../../../docs/vectors/v2/assignment.json"), 11) {
        let parameters = Parameters {
            max_committee_size: case.max_committee_size,
            target_measurements: case.target_measurements,
            max_tasks_per_committee: case.max_tasks_per_committee,
            ..Parameters::default()
        };
        let assignment = Assignment::new(case.seed, &parameters, case.stations, case.tasks);
        assert_eq!(assignment.committee_count(), case.committee_count);
        assert_eq!(assignment.tasks_per_committee(), case.tasks_per_committee);
        for Committee {
            committee,
            seats: (first, end),
            members,
            tasks,
        } in &case.committees
        {
            assert_eq!(assignment.committees().seats(*committee), Ok(*first..*end));
            assert_eq!(assignment.members(*committee).as_ref(), Ok(members));
            assert_eq!(assignment.tasks(*committee).as_ref(), Ok(tasks));
        }
        if case.committees.len() == case.committee_count as usize {
            let all: Vec<_> = case
                .committees
                .iter()
                .map(|committee| &committee.members)
                .collect();
            assert!(assignment.all_members().iter().eq(all));
            let all: Vec<_> = case.committees.iter().map(|committee| &committee.tasks).collect();
            assert!(assignment.all_tasks().iter().eq(all));
        }
        if let Some(Station {
            station,
            committee,
            seat,
        }) = case.station
        {
            assert_eq!(assignment.seat_of(station), Ok((committee, seat)));
        }
    }
}

#[derive(Deserialize)]
struct TreeCase {
    root: B256,
    leaves: Vec<B256>,
    proofs: Vec<Vec<B256>>,
}

impl TreeCase {
    /// The tree and the leaves of its entries in their order.
    fn check(&self, tree: &merkle::Tree, leaves: &[B256]) {
        assert_eq!(tree.root(), self.root);
        assert_eq!(leaves, self.leaves);
        assert_eq!(self.proofs.len(), leaves.len());
        for (leaf, proof) in leaves.iter().zip(&self.proofs) {
            assert_eq!(tree.proof(*leaf).as_ref(), Some(proof));
            assert!(merkle::verify(self.root, *leaf, proof));
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileCase {
    file: String,
    cid: FileCid,
    binary_cid: String,
    #[serde(flatten)]
    tree: TreeCase,
}

impl FileCase {
    fn check_cid(&self) {
        assert_eq!(const_hex::encode_prefixed(self.cid.to_bytes()), self.binary_cid);
        assert_eq!(self.cid.digest[..], Sha256::digest(&self.file)[..]);
    }
}

#[test]
fn roster() {
    for case in cases::<FileCase>(include_str!("../../../docs/vectors/v2/roster.json"), 5) {
        case.check_cid();
        let roster = Roster::parse(case.file.as_bytes()).unwrap();
        assert_eq!(roster.to_ndjson(), case.file.as_bytes());
        let leaf = |(index, entry): (u32, &assize_protocol::RosterEntry)| {
            merkle::roster_leaf(StationIndex(index), entry.station, entry.operator, entry.subnet)
        };
        let leaves: Vec<_> = (0..).zip(roster.entries()).map(leaf).collect();
        case.tree.check(&roster.tree(), &leaves);
    }
}

#[test]
fn task_list() {
    for case in cases::<FileCase>(include_str!("../../../docs/vectors/v2/tasks.json"), 6) {
        case.check_cid();
        let tasks = TaskList::parse(case.file.as_bytes()).unwrap();
        assert_eq!(tasks.to_ndjson(), case.file.as_bytes());
        let leaf = |(index, task): (u32, &assize_protocol::Task)| {
            merkle::task_leaf(TaskIndex(index), &task.cid.to_bytes(), task.provider)
        };
        let leaves: Vec<_> = (0..).zip(tasks.entries()).map(leaf).collect();
        case.tree.check(&tasks.tree(), &leaves);
    }
}

#[derive(Deserialize)]
struct PositionalCase {
    root: B256,
    leaves: Vec<B256>,
    proofs: Vec<Vec<B256>>,
    ranges: Vec<RangeCase>,
}

#[derive(Deserialize)]
struct RangeCase {
    start: u32,
    length: u32,
    siblings: Vec<B256>,
}

impl PositionalCase {
    fn check(&self, leaves: Vec<B256>) {
        assert_eq!(leaves, self.leaves);
        let (root, count) = (self.root, leaves.len() as u32);
        assert_eq!(
            leaves.iter().copied().collect::<positional::RootOf>().root(),
            root
        );
        let tree = positional::Tree::new(leaves);
        assert_eq!(tree.root(), root);
        assert_eq!(self.proofs.len(), self.leaves.len());
        for ((index, leaf), proof) in (0..).zip(&self.leaves).zip(&self.proofs) {
            assert_eq!(tree.proof(index).as_ref(), Some(proof));
            assert!(positional::verify(root, count, *leaf, index, proof));
        }
        for RangeCase {
            start,
            length,
            siblings,
        } in &self.ranges
        {
            assert_eq!(tree.range_proof(*start, *length).as_ref(), Some(siblings));
            let shown = &self.leaves[*start as usize..(start + length) as usize];
            assert!(positional::verify_range(root, count, shown, *start, siblings));
        }
    }
}

#[test]
fn rewards() {
    #[derive(Deserialize)]
    struct Case {
        entries: Vec<Allocation>,
        rests: Vec<B256>,
        #[serde(flatten)]
        tree: PositionalCase,
    }
    for Case { entries, rests, tree } in cases(include_str!("../../../docs/vectors/v2/rewards.json"), 6) {
        assert_eq!(entries.iter().map(Allocation::rest).collect::<Vec<_>>(), rests);
        tree.check(entries.iter().map(Allocation::leaf).collect());
    }
}

#[test]
fn sheets() {
    #[derive(Deserialize)]
    struct Entry {
        round: RoundNumber,
        station: StationIndex,
        tasks: TaskSet,
        rank: u32,
        accepted: u32,
        running: AttoFil,
    }
    #[derive(Deserialize)]
    struct Case {
        entries: Vec<Entry>,
        #[serde(flatten)]
        tree: PositionalCase,
    }
    for Case { entries, tree } in cases(include_str!("../../../docs/vectors/v2/sheets.json"), 6) {
        let leaf = |entry: &Entry| {
            let &Entry {
                round,
                station,
                tasks,
                rank,
                accepted,
                running,
            } = entry;
            SheetEntry {
                round,
                station,
                tasks,
                rank,
                accepted,
                running,
            }
            .leaf()
        };
        tree.check(entries.iter().map(leaf).collect());
    }
}

#[test]
fn lines() {
    #[derive(Deserialize)]
    struct Case {
        file: String,
        count: u32,
        root: B256,
        leaves: Vec<B256>,
    }
    for case in cases::<Case>(include_str!("../../../docs/vectors/v2/lines.json"), 10) {
        let leaves: Vec<B256> = lines_of(case.file.as_bytes()).map(line_leaf).collect();
        assert_eq!(leaves, case.leaves, "{:?}", case.file);
        let lines = LinesRoot::of(case.file.as_bytes());
        assert_eq!((lines.count(), lines.root()), (case.count, case.root));
    }
}

/// A valid file, and invalid ones derived from it.
#[derive(Deserialize)]
struct InvalidCase {
    good: String,
    invalid: Vec<Damage>,
}

/// `remove` bytes from byte `at` on are replaced by `insert`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Damage {
    family: String,
    reason: String,
    at: usize,
    remove: usize,
    insert: Option<String>,
    insert_hex: Option<String>,
}

impl Damage {
    fn apply(&self, good: &[u8]) -> Vec<u8> {
        let insert = match (&self.insert, &self.insert_hex) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(digits)) => const_hex::decode(digits).unwrap(),
            _ => panic!("{}: either insert or insertHex", self.reason),
        };
        [&good[..self.at], &insert, &good[self.at + self.remove..]].concat()
    }
}

/// Each invalid file is rejected; the valid one is written as it was read.
fn refuses_invalid_files<T: PartialEq + std::fmt::Debug>(
    json: &str,
    parse: impl Fn(&[u8]) -> Result<T, assize_protocol::ListError>,
    write: impl Fn(&T) -> Vec<u8>,
) {
    for InvalidCase { good, invalid } in cases(json, 1) {
        let good = good.into_bytes();
        let list = parse(&good).unwrap();
        assert_eq!(write(&list), good);
        let taken: Vec<_> = invalid
            .iter()
            .filter(|damage| parse(&damage.apply(&good)).is_ok())
            .map(|damage| format!("{}: {}", damage.family, damage.reason))
            .collect();
        assert!(
            taken.is_empty(),
            "{} of {}: {taken:#?}",
            taken.len(),
            invalid.len()
        );
    }
}

#[test]
fn invalid_rosters() {
    let json = include_str!("../../../docs/vectors/v2/roster-invalid.json");
    refuses_invalid_files(json, Roster::parse, Roster::to_ndjson);
}

#[test]
fn invalid_task_lists() {
    let json = include_str!("../../../docs/vectors/v2/tasks-invalid.json");
    refuses_invalid_files(json, TaskList::parse, TaskList::to_ndjson);
}
