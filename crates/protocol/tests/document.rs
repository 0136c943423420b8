//! The vectors of `docs/protocol.md`, which another implementation computed from its text.
#![expect(clippy::unwrap_used, reason = "a vector that cannot be read fails the test")]

use assize_protocol::{
    Address, Assignment, B256, BeaconRound, BeaconSchedule, CommitteeIndex, DedupeSeed, FileCid, ListIndex,
    Parameters, Randomness, Roster, RoundNumber, Seat, Seed, Shuffle, StationIndex, TaskIndex, TaskList,
    TaskNumber, U256, merkle,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

fn vector<T: DeserializeOwned>(name: &str) -> T {
    let document = include_str!("../../../docs/protocol.md");
    let (_, block) = document.split_once("```json vectors\n").unwrap();
    let (json, _) = block.split_once("\n```").unwrap();
    let mut vectors: Value = serde_json::from_str(json).unwrap();
    serde_json::from_value(vectors[name].take()).unwrap()
}

#[test]
fn schedule() {
    let pairs: Vec<(u64, BeaconRound)> = vector("schedule");
    assert_eq!(pairs.len(), 6);
    for (time, round) in pairs {
        assert_eq!(BeaconSchedule::QUICKNET.round_after(time), round, "{time}");
    }
}

#[test]
fn seeds() {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Seeds {
        chain_id: u64,
        rounds: Address,
        round: RoundNumber,
        randomness: Randomness,
        seed: B256,
        roster_seed: B256,
        task_seed: B256,
        dedupe_seed: B256,
        station: Address,
        task: TaskIndex,
        rank: B256,
    }
    let expected: Seeds = vector("seeds");
    let seed = Seed::derive(
        expected.chain_id,
        expected.rounds,
        expected.round,
        expected.randomness,
    );
    assert_eq!(seed.0, expected.seed);
    assert_eq!(seed.roster().0, expected.roster_seed);
    assert_eq!(seed.tasks().0, expected.task_seed);
    let dedupe = DedupeSeed::derive(expected.randomness);
    assert_eq!(dedupe.0, expected.dedupe_seed);
    assert_eq!(dedupe.rank(expected.station, expected.task), expected.rank);
}

#[test]
fn shuffle() {
    #[derive(Deserialize)]
    struct Vector {
        seed: B256,
        count: u32,
        mapping: Vec<ListIndex>,
    }
    let Vector { seed, count, mapping } = vector("shuffle");
    assert_eq!(
        Shuffle::new(assize_protocol::ShuffleSeed(seed), count).mapping(),
        mapping
    );
}

#[test]
fn assignment() {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Vector {
        seed: Seed,
        stations: u32,
        tasks: u32,
        max_committee_size: u16,
        target_measurements: u32,
        max_tasks_per_committee: u16,
        committees: u32,
        tasks_per_committee: u32,
        seats: Vec<(u32, u32)>,
        first_members: Vec<Vec<StationIndex>>,
        first_tasks: Vec<Vec<TaskIndex>>,
        station: StationIndex,
        seat: Seat,
        committee: CommitteeIndex,
    }
    let vector: Vector = vector("assignment");
    let parameters = Parameters {
        max_committee_size: vector.max_committee_size,
        target_measurements: vector.target_measurements,
        max_tasks_per_committee: vector.max_tasks_per_committee,
        ..Parameters::default()
    };
    let assignment = Assignment::new(vector.seed, &parameters, vector.stations, vector.tasks);
    assert_eq!(assignment.committee_count(), vector.committees);
    assert_eq!(assignment.tasks_per_committee(), vector.tasks_per_committee);
    for committee in 0..vector.committees {
        let (place, committee) = (committee as usize, CommitteeIndex(committee));
        let (first, end) = vector.seats[place];
        assert_eq!(
            assignment.committees().seats(committee),
            Ok(Seat(first)..Seat(end))
        );
        assert_eq!(
            assignment.members(committee).unwrap()[..5],
            vector.first_members[place]
        );
        assert_eq!(
            assignment.tasks(committee).unwrap()[..5],
            vector.first_tasks[place]
        );
    }
    assert_eq!(
        assignment.seat_of(vector.station),
        Ok((vector.committee, vector.seat))
    );
}

#[derive(Deserialize)]
struct ProvenTree {
    root: B256,
    leaf: B256,
    proof: Vec<B256>,
}

impl ProvenTree {
    fn check(&self, tree: &merkle::Tree, leaf: B256) {
        assert_eq!(tree.root(), self.root);
        assert_eq!(leaf, self.leaf);
        assert_eq!(tree.proof(leaf).as_ref(), Some(&self.proof));
        assert!(merkle::verify(self.root, leaf, &self.proof));
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileVector {
    file: String,
    cid: FileCid,
    binary_cid: String,
    #[serde(flatten)]
    tree: ProvenTree,
}

impl FileVector {
    fn check_cid(&self) {
        assert_eq!(const_hex::encode_prefixed(self.cid.to_bytes()), self.binary_cid);
        assert_eq!(self.cid.digest[..], Sha256::digest(&self.file)[..]);
    }
}

#[test]
fn roster() {
    let vector: FileVector = vector("roster");
    vector.check_cid();
    let roster = Roster::parse(vector.file.as_bytes()).unwrap();
    assert_eq!(roster.to_ndjson(), vector.file.as_bytes());
    let entry = roster.get(StationIndex(1)).unwrap();
    let leaf = merkle::roster_leaf(StationIndex(1), entry.station, entry.operator, entry.subnet);
    vector.tree.check(&roster.tree(), leaf);
}

#[test]
fn task_list() {
    let vector: FileVector = vector("tasks");
    vector.check_cid();
    let tasks = TaskList::parse(vector.file.as_bytes()).unwrap();
    assert_eq!(tasks.to_ndjson(), vector.file.as_bytes());
    let task = tasks.get(TaskIndex(1)).unwrap();
    let leaf = merkle::task_leaf(TaskIndex(1), &task.cid.to_bytes(), task.provider);
    vector.tree.check(&tasks.tree(), leaf);
}

#[test]
fn rewards() {
    #[derive(Deserialize)]
    struct Vector {
        leaves: Vec<(Address, String)>,
        #[serde(flatten)]
        tree: ProvenTree,
    }
    let Vector { leaves, tree } = vector("rewards");
    let amount = |text: &str| text.parse::<U256>().unwrap();
    let leaves: Vec<B256> = leaves
        .iter()
        .map(|(operator, it)| merkle::reward_leaf(*operator, amount(it)))
        .collect();
    tree.check(&merkle::Tree::new(leaves.clone()), leaves[1]);
}

#[test]
fn accepted() {
    #[derive(Deserialize)]
    struct Vector {
        leaves: Vec<(RoundNumber, StationIndex, CommitteeIndex, TaskNumber)>,
        #[serde(flatten)]
        tree: ProvenTree,
    }
    let Vector { leaves, tree } = vector("accepted");
    let leaf = |&(round, station, committee, k): &_| merkle::accepted_leaf(round, station, committee, k);
    let leaves: Vec<B256> = leaves.iter().map(leaf).collect();
    tree.check(&merkle::Tree::new(leaves.clone()), leaves[1]);
}
