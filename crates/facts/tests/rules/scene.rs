//! A revealed round with its lists, drawn by genuine beacons of quicknet.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::Arc;

use assize_drand::{Chain, RecordedBeacons, Verified};
use assize_facts::{
    BatchCommitment, ChainRound, Contracts, DrawnRound, Drops, FileError, ListCommitment, OwnReport, Round,
    RoundChecks, RoundFault, RoundReport, Times,
};
use assize_protocol::{
    Address, B128, B256, BeaconRound, BeaconSchedule, FileCid, Parameters, PayloadCid, ProviderId, Roster,
    RosterEntry, RoundNumber, StationIndex, Task, TaskList,
};

pub(crate) const STATIONS: u32 = 250;
pub(crate) const TASKS: u32 = 400;
pub(crate) const BEACON: BeaconRound = BeaconRound(30_662_990);
pub(crate) const DEDUPE: BeaconRound = BeaconRound(30_663_002);

pub(crate) struct Scene {
    pub(crate) contracts: Contracts,
    pub(crate) facts: ChainRound,
    pub(crate) drops: Drops,
    pub(crate) now: u64,
    pub(crate) beacons: Verified<RecordedBeacons>,
    pub(crate) roster: Roster,
    pub(crate) tasks: TaskList,
    pub(crate) files: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// CID of a raw block with a given digest.
pub(crate) fn cid(number: u8) -> FileCid {
    FileCid::from_bytes(&[&[1, 0x55, 0x12, 32][..], &[number; 32]].concat()).unwrap()
}

pub(crate) fn recorded() -> RecordedBeacons {
    RecordedBeacons::from_json(include_bytes!("../../../drand/tests/fixtures/quicknet.json")).unwrap()
}

pub(crate) fn payload(index: u32) -> PayloadCid {
    let digest = [&[1, 0x55, 0x12, 32][..], &[7; 28], &index.to_be_bytes()].concat();
    PayloadCid::from_bytes(&digest).unwrap()
}

impl Scene {
    pub(crate) fn new() -> Self {
        let entry = |index: u32| RosterEntry {
            station: Address::left_padding_from(&(index + 1).to_be_bytes()),
            operator: Address::left_padding_from(&(10_001 + index).to_be_bytes()),
            subnet: B128::left_padding_from(&index.to_be_bytes()),
        };
        let task = |index: u32| Task {
            cid: payload(index),
            provider: ProviderId(1_000 + u64::from(index)),
            clients: Vec::new(),
            allocators: Vec::new(),
        };
        let roster = Roster::new((0..STATIONS).map(entry).collect()).unwrap();
        let tasks = TaskList::new((0..TASKS).map(task).collect()).unwrap();
        let contracts = Contracts {
            chain_id: 314,
            rounds: Address::repeat_byte(0xa1),
            rewards: Address::repeat_byte(0xa2),
        };
        let beacons = Verified::new(Chain::quicknet(), recorded());
        let number = RoundNumber(7);
        let parameters = Parameters {
            round_duration: 3,
            beacon_delay: 1,
            step: 1,
            target_measurements: 2_000,
            ..Parameters::default()
        };
        let opened_at = BeaconSchedule::QUICKNET.time_of(BEACON).unwrap() - 2;
        let round = Round {
            number,
            roster: ListCommitment::of(&roster, cid(1)),
            tasks: ListCommitment::of(&tasks, cid(2)),
            parameters,
            opened_at,
            times: Times::of(opened_at + 3, 1),
            beacon_round: BEACON,
            dedupe_beacon_round: DEDUPE,
            seed: Some(contracts.seed(number, beacons.randomness(BEACON).unwrap())),
        };
        let batch = BatchCommitment {
            publisher: Address::repeat_byte(0xa3),
            root: B256::repeat_byte(3),
            count: 5,
            cid: cid(3),
            committed_at: opened_at + 5,
        };
        let own = OwnReport {
            station: StationIndex(42),
            report: B256::repeat_byte(4),
        };
        let files = [(cid(1), roster.to_ndjson()), (cid(2), tasks.to_ndjson())];
        Self {
            contracts,
            facts: ChainRound {
                round,
                commitments: vec![batch],
                own: vec![own],
            },
            drops: Drops::default(),
            now: opened_at + 36,
            beacons,
            files: files
                .into_iter()
                .map(|(cid, file)| (cid.to_bytes().to_vec(), file))
                .collect(),
            roster,
            tasks,
        }
    }

    pub(crate) fn round(&mut self) -> &mut Round {
        &mut self.facts.round
    }

    fn file(&self, cid: &FileCid) -> Result<Box<dyn BufRead + '_>, FileError> {
        let file = self.files.get(cid.to_bytes().as_slice());
        let missing = || Arc::new(std::io::Error::other("it is missing")) as FileError;
        Ok(Box::new(file.ok_or_else(missing)?.as_slice()))
    }

    fn checks(&self) -> RoundChecks<'_, RecordedBeacons> {
        RoundChecks {
            contracts: &self.contracts,
            beacons: &self.beacons,
        }
    }

    pub(crate) fn check(&self) -> Result<Option<DrawnRound>, RoundFault> {
        self.checks()
            .check(&self.facts, &self.drops, self.now, &|cid| self.file(cid))
    }

    pub(crate) fn check_open(&self) -> Result<Option<assize_protocol::Seed>, RoundFault> {
        self.checks().check_open(&self.facts.round)
    }

    pub(crate) fn report(&self) -> RoundReport {
        self.checks()
            .report(&self.facts, &self.drops, self.now, &|cid| self.file(cid))
    }
}
