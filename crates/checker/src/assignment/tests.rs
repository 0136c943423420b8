//! Every kind of lie that a coordinator can tell about a round.

use alloy_primitives::{B128, B256};
use assize_drand::serve::Devnet;
use assize_facts::ListCommitment;
use assize_measurement::{Domain, unixfs::file_cid};
use assize_protocol::{
    BeaconRound, CommitteeIndex, ListEntry, Parameters, Roster, RosterEntry, RoundNumber, Seat, StationIndex,
    Task, TaskList,
};
use assize_wire::BeaconDocument;

use super::*;

const STATIONS: u32 = 250;
const TASKS: u32 = 400;

/// A revealed round, its lists, and an honest coordinator's documents for one of its stations.
struct Scene {
    devnet: Devnet,
    contracts: Contracts,
    round: Round,
    roster: Roster,
    tasks: TaskList,
    said: RoundDocument,
    part: StationDocument,
}

fn address(index: u32) -> Address {
    Address::left_padding_from(&(index + 1).to_be_bytes())
}

fn identity_cid(index: u32) -> PayloadCid {
    // CIDv1, raw, sha2-256.
    let digest = [&[1, 0x55, 0x12, 32][..], &[index as u8; 28], &index.to_be_bytes()].concat();
    PayloadCid::from_bytes(&digest).unwrap()
}

impl Scene {
    fn new() -> Self {
        let devnet = Devnet::new(&[7; 32], 1_000, 3).unwrap();
        let contracts = Contracts {
            chain_id: 31_337,
            rounds: Address::repeat_byte(0xaa),
            rewards: Address::repeat_byte(0xab),
        };
        let entry = |index| RosterEntry {
            station: address(index),
            operator: address(10_000 + index),
            subnet: B128::left_padding_from(&index.to_be_bytes()),
        };
        let roster = Roster::new((0..STATIONS).map(entry).collect()).unwrap();
        let task = |index| Task {
            cid: identity_cid(index),
            provider: ProviderId(1_000 + u64::from(index)),
            clients: Vec::new(),
            allocators: Vec::new(),
        };
        let tasks = TaskList::new((0..TASKS).map(task).collect()).unwrap();
        let number = RoundNumber(7);
        let beacon_round = BeaconRound(100);
        let beacon = devnet.sign(beacon_round);
        let seed = contracts.seed(number, beacon.randomness());
        let round = Round {
            number,
            roster: ListCommitment::of(&roster, file_cid(b"roster")),
            tasks: ListCommitment::of(&tasks, file_cid(b"tasks")),
            parameters: Parameters {
                beacon_delay: 30,
                target_measurements: 2_000,
                ..Parameters::default()
            },
            opened_at: 1_200,
            times: Times::of_round(1_200, &Parameters::default()),
            beacon_round,
            dedupe_beacon_round: BeaconRound(1_200),
            seed: Some(seed),
        };
        let beacon = BeaconDocument {
            chain_hash: devnet.chain().hash(),
            round: beacon_round,
            randomness: Some(beacon.randomness().0),
            signature: Some(const_hex::encode(&beacon.signature)),
        };
        let domain = Domain {
            chain_id: contracts.chain_id,
            rounds: contracts.rounds,
        };
        let document = RoundDocument::new(&domain, &round, beacon);
        let mut scene = Self {
            devnet,
            contracts,
            round,
            part: StationDocument::new(number, StationIndex(0), &entry(0), Vec::new()),
            roster,
            tasks,
            said: document,
        };
        scene.part = scene.part_of(StationIndex(42));
        scene
    }

    /// An honest coordinator's document of a station.
    fn part_of(&self, index: StationIndex) -> StationDocument {
        let seed = self.round.seed.unwrap();
        let assignment = self.round.assignment(seed);
        let (committee, seat) = assignment.seat_of(index).unwrap();
        let entry = self.roster.get(index).unwrap();
        let proof = self.roster.tree().proof(entry.leaf(index.0)).unwrap();
        let tasks = assignment.tasks(committee).unwrap();
        StationDocument {
            committee: Some(committee),
            seat: Some(seat),
            tasks: tasks.into_iter().map(|index| self.task(index)).collect(),
            ..StationDocument::new(self.round.number, index, entry, proof)
        }
    }

    fn task(&self, index: TaskIndex) -> TaskDocument {
        let task = self.tasks.get(index).unwrap();
        let proof = self.tasks.tree().proof(task.leaf(index.0)).unwrap();
        TaskDocument::new(index, task, proof)
    }

    /// As the checker of station 42 derives it.
    fn derive(&self) -> Result<RoundAssignment, Disagreement> {
        let (contracts, drand, round) = (&self.contracts, self.devnet.chain(), &self.round);
        check_round_document(contracts, drand, round, &self.said)?;
        let beacon = Beacon {
            round: self.said.beacon.round,
            signature: const_hex::decode(self.said.beacon.signature.as_deref().unwrap()).unwrap(),
            previous_signature: None,
        };
        let seed = check_draw(contracts, drand, round, beacon)?;
        check_station_document(round, seed, (address(42), address(10_042)), &self.part)
    }
}

#[test]
fn an_honest_coordinator_is_accepted() {
    let scene = Scene::new();
    let RoundAssignment { station, .. } = scene.derive().unwrap();
    assert_eq!(station.station, StationIndex(42));
    assert_eq!(station.tasks.len(), 8);
    for drawn in &station.tasks {
        let task = scene.tasks.get(drawn.index).unwrap();
        assert_eq!((drawn.cid, drawn.provider), (task.cid, task.provider));
    }
}

#[test]
fn a_round_that_was_opened_after_its_beacon_is_rejected() {
    let mut scene = Scene::new();
    let published = scene
        .devnet
        .chain()
        .schedule()
        .time_of(scene.round.beacon_round)
        .unwrap();
    let by = published - scene.round.opened_at;
    scene.round.opened_at += by;
    scene.round.times = Times::of_round(scene.round.opened_at, &scene.round.parameters);
    (scene.said.opened_at, scene.said.times) = (scene.round.opened_at, scene.round.times);
    let disagreement = scene.derive().unwrap_err();
    assert_eq!(disagreement.what, "beaconRound, as the node tells it");
}

#[test]
fn each_lie_about_the_round_is_named() {
    type Lie = fn(&mut RoundDocument);
    let lies: [(&str, Lie); 16] = [
        ("chain id", |said| said.chain_id = 314),
        ("contract of rounds", |said| {
            said.contract = Address::repeat_byte(0xbb)
        }),
        ("round", |said| said.round.0 += 1),
        ("time of opening", |said| said.opened_at += 1),
        ("closesAt", |said| said.times.closes_at += 1),
        ("commitsUntil", |said| said.times.commits_until += 1),
        ("root of the roster", |said| {
            said.roster.root = B256::repeat_byte(1)
        }),
        ("length of the roster", |said| said.roster.count += 1),
        ("file of the roster", |said| said.roster.cid = said.tasks.cid),
        ("root of the task list", |said| {
            said.tasks.root = B256::repeat_byte(1)
        }),
        ("length of the task list", |said| said.tasks.count -= 1),
        ("file of the task list", |said| said.tasks.cid = said.roster.cid),
        ("parameters", |said| said.parameters.max_committee_size += 1),
        ("drand chain", |said| {
            said.beacon.chain_hash = Chain::quicknet().hash()
        }),
        ("beacon round", |said| said.beacon.round.0 += 1),
        ("seed", |said| said.seed = Some(Seed(B256::repeat_byte(1)))),
    ];
    for (what, lie) in lies {
        let mut scene = Scene::new();
        lie(&mut scene.said);
        let disagreement = scene.derive().unwrap_err();
        assert_eq!(disagreement.what, what);
        assert_ne!(disagreement.expected, disagreement.got);
    }
}

#[test]
fn a_beacon_of_another_round_or_key_is_rejected() {
    let mut scene = Scene::new();
    let other = scene.devnet.sign(BeaconRound(101)).signature;
    scene.said.beacon.signature = Some(const_hex::encode(other));
    assert_eq!(scene.derive().unwrap_err().what, "beacon");

    let mut scene = Scene::new();
    let forger = Devnet::new(&[8; 32], 1_000, 3).unwrap();
    let forged = forger.sign(scene.round.beacon_round).signature;
    scene.said.beacon.signature = Some(const_hex::encode(forged));
    assert_eq!(scene.derive().unwrap_err().what, "beacon");
}

#[test]
fn a_node_with_another_seed_is_rejected_too() {
    let mut scene = Scene::new();
    let seed = Some(Seed(B256::repeat_byte(1)));
    (scene.round.seed, scene.said.seed) = (seed, seed);
    let disagreement = scene.derive().unwrap_err();
    assert!(disagreement.what.starts_with("seed"), "{disagreement}");
    // The draw depends on the round's number and network.
    let mut scene = Scene::new();
    scene.contracts.chain_id += 1;
    scene.said.chain_id += 1;
    assert!(scene.derive().unwrap_err().what.starts_with("seed"));
}

#[test]
fn each_lie_about_the_assignment_is_named() {
    type Lie = fn(&mut Scene);
    let lies: [(&str, Lie); 20] = [
        ("round of the station's assignment", |scene| {
            scene.part.round.0 += 1
        }),
        ("station", |scene| scene.part.station = address(43)),
        ("station", |scene| scene.part = scene.part_of(StationIndex(43))),
        ("operator", |scene| scene.part.operator = address(1)),
        ("index in the roster", |scene| scene.part.index.0 += STATIONS),
        ("place in the roster", |scene| scene.part.index.0 += 1),
        ("place in the roster", |scene| {
            scene.part.subnet = B128::repeat_byte(1)
        }),
        ("place in the roster", |scene| {
            scene.part.proof[0] = B256::repeat_byte(1)
        }),
        ("place in the roster", |scene| scene.part.proof.clear()),
        ("committee", |scene| {
            scene.part.committee = scene
                .part
                .committee
                .map(|committee| CommitteeIndex(committee.0 ^ 1));
        }),
        ("committee", |scene| scene.part.committee = None),
        ("seat", |scene| {
            scene.part.seat = scene.part.seat.map(|seat| Seat(seat.0 ^ 1))
        }),
        ("number of tasks", |scene| drop(scene.part.tasks.pop())),
        ("number of tasks", |scene| {
            let task = scene.part.tasks[0].clone();
            scene.part.tasks.push(task);
        }),
        ("index of task 0", |scene| scene.part.tasks.swap(0, 1)),
        // A task of the list, but not of this committee.
        ("index of task 0", |scene| {
            let drawn: Vec<_> = scene.part.tasks.iter().map(|task| task.index).collect();
            let other = (0..TASKS)
                .map(TaskIndex)
                .find(|index| !drawn.contains(index))
                .unwrap();
            scene.part.tasks[0] = scene.task(other);
        }),
        ("task 0", |scene| {
            // The right index with another task's content and proof.
            let other = scene.part.tasks[1].clone();
            let index = scene.part.tasks[0].index;
            scene.part.tasks[0] = TaskDocument { index, ..other };
        }),
        ("task 3", |scene| scene.part.tasks[3].provider.0 += 1),
        ("task 3", |scene| {
            scene.part.tasks[3].cid = scene.part.tasks[4].cid
        }),
        ("task 3", |scene| {
            scene.part.tasks[3].proof[0] = B256::repeat_byte(1)
        }),
    ];
    for (index, (what, lie)) in lies.into_iter().enumerate() {
        let mut scene = Scene::new();
        lie(&mut scene);
        let disagreement = scene.derive().unwrap_err();
        assert!(disagreement.what.starts_with(what), "lie {index}: {disagreement}");
        assert!(disagreement.to_string().contains("the coordinator says"));
    }
}

#[test]
fn a_seat_is_checked_even_if_the_whole_committee_matches() {
    // Index, seat and tasks of a neighbour, with the station's own address: only the proof reveals it.
    let mut scene = Scene::new();
    let neighbour = scene.part_of(StationIndex(41));
    scene.part = StationDocument {
        station: scene.part.station,
        operator: scene.part.operator,
        ..neighbour
    };
    assert_eq!(scene.derive().unwrap_err().what, "place in the roster");
}
