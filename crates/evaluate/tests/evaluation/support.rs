//! A small network for tests: real keys, real signatures, real committees.

use alloy_primitives::{Address, B128, B256};
use assize_evaluate::{Committed, RoundEvaluation, RoundFacts, RoundInput, evaluate_round};
use assize_facts::{BatchCommitment, Contracts, Draw, ListCommitment, OwnReport};
use assize_measurement::ndjson::{Batch, Row};
use assize_measurement::{AsSigned, Domain, Measurement, Millis, station_address, unixfs};
use assize_protocol::{
    ActorId, Assignment, AttoFil, BeaconRound, DedupeSeed, Parameters, PayloadCid, ProviderId, Randomness,
    Roster, RosterEntry, RoundNumber, Seed, StationIndex, Task, TaskIndex, TaskList, TaskNumber,
};
use secp256k1::SecretKey;

pub(crate) const DOMAIN: Domain = Domain {
    chain_id: 31_337,
    rounds: Address::repeat_byte(0xa1),
};

pub(crate) const CONTRACTS: Contracts = Contracts {
    chain_id: 31_337,
    rounds: DOMAIN.rounds,
    rewards: Address::repeat_byte(0xa2),
};

/// Stations of one operator.
pub(crate) const STATIONS_PER_OPERATOR: usize = 3;

pub(crate) struct World {
    pub(crate) round: RoundNumber,
    pub(crate) parameters: Parameters,
    pub(crate) randomness: Randomness,
    pub(crate) dedupe_randomness: Randomness,
    pub(crate) keys: Vec<SecretKey>,
    pub(crate) roster: Roster,
    pub(crate) tasks: TaskList,
}

pub(crate) fn key(number: usize) -> SecretKey {
    let mut secret = [1; 32];
    secret[24..].copy_from_slice(&(number as u64).to_be_bytes());
    SecretKey::from_secret_bytes(secret).unwrap()
}

pub(crate) fn operator(number: usize) -> Address {
    Address::left_padding_from(&(0x1000 + number as u64).to_be_bytes())
}

impl World {
    /// Committees of at most 10, quorum 3, 2 tasks per committee. `subnet_of` gives the subnet of each station.
    pub(crate) fn with_subnets(stations: usize, tasks: usize, subnet_of: impl Fn(usize) -> usize) -> Self {
        let keys: Vec<_> = (0..stations).map(key).collect();
        let entry = |(index, key): (usize, &SecretKey)| RosterEntry {
            station: station_address(key),
            operator: operator(index / STATIONS_PER_OPERATOR),
            subnet: B128::left_padding_from(&(1 + subnet_of(index) as u64).to_be_bytes()),
        };
        let roster = Roster::new(keys.iter().enumerate().map(entry).collect()).unwrap();
        let task = |number: usize| Task {
            cid: unixfs::file_cid(format!("payload {number}").as_bytes())
                .to_string()
                .parse()
                .unwrap(),
            provider: ProviderId(1_000 + number as u64 % 3),
            clients: vec![ActorId(2_000), ActorId(2_001 + number as u64 % 2)],
            allocators: vec![ActorId(3_000)],
        };
        Self {
            round: RoundNumber(1),
            parameters: Parameters {
                min_committee_size: 4,
                max_committee_size: 10,
                quorum: 3,
                max_tasks_per_committee: 2,
                target_measurements: 2 * stations as u32,
                budget: AttoFil::new(1_000_000_007),
                ..Parameters::default()
            },
            randomness: Randomness(B256::repeat_byte(0x11)),
            dedupe_randomness: Randomness(B256::repeat_byte(0x22)),
            keys,
            roster,
            tasks: TaskList::new((0..tasks).map(task).collect()).unwrap(),
        }
    }

    /// Every station has its own subnet.
    pub(crate) fn new(stations: usize, tasks: usize) -> Self {
        Self::with_subnets(stations, tasks, |station| station)
    }

    pub(crate) fn seed(&self) -> Seed {
        Seed::derive(DOMAIN.chain_id, DOMAIN.rounds, self.round, self.randomness)
    }

    pub(crate) fn dedupe_seed(&self) -> DedupeSeed {
        DedupeSeed::derive(self.dedupe_randomness)
    }

    pub(crate) fn assignment(&self) -> Assignment {
        Assignment::new(
            self.seed(),
            &self.parameters,
            self.roster.count(),
            self.tasks.count(),
        )
    }

    /// Task `k` of the committee of a station.
    pub(crate) fn task_of(&self, station: usize, k: u32) -> TaskIndex {
        let assignment = self.assignment();
        let (committee, _) = assignment.seat_of(StationIndex(station as u32)).unwrap();
        assignment.task(committee, TaskNumber(k)).unwrap()
    }

    /// A task of another committee.
    pub(crate) fn task_of_others(&self, station: usize) -> TaskIndex {
        let own = self.assignment().seat_of(StationIndex(station as u32)).unwrap().0;
        let own = self.assignment().tasks(own).unwrap();
        (0..self.tasks.count())
            .map(TaskIndex)
            .find(|task| !own.contains(task))
            .unwrap()
    }

    /// A success, changed by `change` and then signed.
    pub(crate) fn measure_task(
        &self,
        station: usize,
        task: TaskIndex,
        change: impl FnOnce(&mut Measurement),
    ) -> Measurement {
        let (cid, provider): (AsSigned<PayloadCid>, AsSigned<ProviderId>) = match self.tasks.get(task) {
            Some(task) => (task.cid.into(), task.provider.into()),
            None => ("bafkqaaa".into(), "f01".into()),
        };
        let mut measurement = Measurement {
            provider_id: Some("12D3KooW".into()),
            provider_address: Some("/dns/provider.example/tcp/443/https".into()),
            protocol: Some("http".into()),
            start_at: Some(Millis(1_000)),
            first_byte_at: Some(Millis(1_100)),
            end_at: Some(Millis(1_200)),
            status_code: Some(200),
            head_status_code: Some(200),
            byte_length: Some(1_024),
            car_checksum: Some("1220aa".into()),
            indexer_result: Some("OK".into()),
            ..Measurement::new(self.round, task, station_address(&key(station)), cid, provider)
        };
        change(&mut measurement);
        measurement.sign(&key(station), &DOMAIN);
        measurement
    }

    /// As [`Self::measure_task`], of task `k` of the station's committee.
    pub(crate) fn measure(
        &self,
        station: usize,
        k: u32,
        change: impl FnOnce(&mut Measurement),
    ) -> Measurement {
        self.measure_task(station, self.task_of(station, k), change)
    }

    /// Successes of all stations for all their tasks.
    pub(crate) fn honest(&self) -> Vec<Measurement> {
        let assignment = self.assignment();
        (0..self.keys.len())
            .flat_map(|station| {
                let (committee, _) = assignment.seat_of(StationIndex(station as u32)).unwrap();
                let tasks = assignment.tasks(committee).unwrap();
                tasks
                    .into_iter()
                    .map(move |task| self.measure_task(station, task, |_| ()))
            })
            .collect()
    }

    pub(crate) fn input(&self) -> RoundInput<'_> {
        RoundInput {
            round: self.round,
            domain: DOMAIN,
            parameters: self.parameters,
            seed: self.seed(),
            dedupe_seed: self.dedupe_seed(),
            roster: &self.roster,
            tasks: &self.tasks,
        }
    }

    pub(crate) fn evaluate(&self, batches: &[Vec<Measurement>]) -> RoundEvaluation {
        let batches: Vec<_> = batches.iter().map(|measurements| batch(measurements)).collect();
        let committed: Vec<_> = (0..)
            .zip(&batches)
            .map(|(number, batch)| Committed::Batch {
                commitment: commit(number, batch),
                batch,
            })
            .collect();
        evaluate_round(&self.input(), &committed)
    }

    pub(crate) fn facts(&self) -> RoundFacts {
        RoundFacts {
            round: self.round,
            parameters: self.parameters,
            roster: ListCommitment::of(&self.roster, unixfs::file_cid(&self.roster.to_ndjson())),
            tasks: ListCommitment::of(&self.tasks, unixfs::file_cid(&self.tasks.to_ndjson())),
            beacon_round: BeaconRound(100 + self.round.0),
            dedupe_beacon_round: BeaconRound(200 + self.round.0),
            draw: Some(Draw {
                randomness: self.randomness,
                seed: self.seed(),
                dedupe_randomness: self.dedupe_randomness,
            }),
            dropped_lists: Vec::new(),
        }
    }
}

pub(crate) fn batch(measurements: &[Measurement]) -> Batch {
    let rows = (1..).zip(measurements).map(|(line, measurement)| Row {
        line,
        measurement: measurement.clone(),
    });
    Batch {
        rows: rows.collect(),
        rejected: Vec::new(),
    }
}

pub(crate) fn commit(number: u32, batch: &Batch) -> BatchCommitment {
    BatchCommitment {
        publisher: Address::repeat_byte(0xa3),
        root: B256::left_padding_from(&number.to_be_bytes()),
        count: batch.line_count() as u32,
        cid: unixfs::file_cid(&number.to_be_bytes()),
        committed_at: 0,
    }
}

/// The commitment of a station to its own report.
pub(crate) fn own(station: u32) -> OwnReport {
    OwnReport {
        station: StationIndex(station),
        report: B256::repeat_byte(0xa4),
    }
}
