//! Time to evaluate one round: 300 stations, 100 tasks each, 30 000 signed measurements. `cargo bench -p
//! assize-evaluate`.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its results and panics on failure"
)]

use std::time::Instant;

use alloy_primitives::{Address, B128, B256};
use assize_evaluate::{Committed, RoundInput, evaluate_round};
use assize_facts::BatchCommitment;
use assize_measurement::ndjson::{read_batch, to_ndjson};
use assize_measurement::{Domain, Measurement, Millis, station_address, unixfs};
use assize_protocol::{
    Assignment, DedupeSeed, LinesRoot, Parameters, ProviderId, Randomness, Roster, RosterEntry, RoundNumber,
    Seed, StationIndex, Task, TaskList,
};
use rayon::prelude::*;
use secp256k1::SecretKey;

const STATIONS: u32 = 300;
const TASKS: u32 = 2_000;
const BATCH: usize = 10_000;
const DOMAIN: Domain = Domain {
    chain_id: 31_337,
    rounds: Address::repeat_byte(0xa1),
};

fn key(number: u32) -> SecretKey {
    let mut secret = [1; 32];
    secret[28..].copy_from_slice(&number.to_be_bytes());
    SecretKey::from_secret_bytes(secret).unwrap()
}

fn measurement(
    round: RoundNumber,
    station: u32,
    index: assize_protocol::TaskIndex,
    task: &Task,
) -> Measurement {
    let key = key(station);
    let mut measurement = Measurement {
        provider_id: Some("12D3KooWPNbkEgjdBNeaCGpsgCrPRETe4uBZf1ShFXStobdN18ys".into()),
        provider_address: Some("/dns/provider.example/tcp/443/https".into()),
        protocol: Some("http".into()),
        spark_version: Some("1.20.0".into()),
        zinnia_version: Some("0.20.0".into()),
        start_at: Some(Millis(1_700_000_000_000)),
        first_byte_at: Some(Millis(1_700_000_000_100)),
        end_at: Some(Millis(1_700_000_000_200)),
        status_code: Some(200),
        head_status_code: Some(200),
        byte_length: Some(1_024),
        car_checksum: Some("12202b2961a431b23c9007efe270c1d7eb79c19d4192d7cd2d924176eb0b19e7d2a1".into()),
        indexer_result: Some("OK".into()),
        ..Measurement::new(round, index, station_address(&key), task.cid, task.provider)
    };
    measurement.sign(&key, &DOMAIN);
    measurement
}

fn main() {
    let entry = |number| RosterEntry {
        station: station_address(&key(number)),
        operator: Address::repeat_byte(1 + (number / 3) as u8),
        subnet: B128::left_padding_from(&number.to_be_bytes()),
    };
    let roster = Roster::new((0..STATIONS).map(entry).collect()).unwrap();
    let task = |number: u32| Task {
        cid: unixfs::file_cid(&number.to_be_bytes())
            .to_string()
            .parse()
            .unwrap(),
        provider: ProviderId(u64::from(number % 58)),
        clients: Vec::new(),
        allocators: Vec::new(),
    };
    let tasks = TaskList::new((0..TASKS).map(task).collect()).unwrap();
    let round = RoundNumber(1);
    let seed = Seed::derive(
        DOMAIN.chain_id,
        DOMAIN.rounds,
        round,
        Randomness(B256::repeat_byte(1)),
    );
    let parameters = Parameters::default();
    let assignment = Assignment::new(seed, &parameters, roster.count(), tasks.count());
    let measurements: Vec<_> = (0..STATIONS)
        .into_par_iter()
        .flat_map_iter(|station| {
            let (committee, _) = assignment.seat_of(StationIndex(station)).unwrap();
            let drawn = assignment.tasks(committee).unwrap();
            let tasks = &tasks;
            drawn
                .into_iter()
                .map(move |index| measurement(round, station, index, tasks.get(index).unwrap()))
        })
        .collect();
    let files: Vec<_> = measurements.chunks(BATCH).map(to_ndjson).collect();

    let began = Instant::now();
    let batches: Vec<_> = files
        .par_iter()
        .map(|file| {
            let lines = LinesRoot::of(file);
            let commitment = BatchCommitment {
                publisher: Address::ZERO,
                root: lines.root(),
                count: lines.count(),
                cid: unixfs::file_cid(file),
                committed_at: 0,
            };
            (
                commitment,
                read_batch(round, lines.root(), lines.count(), &file[..]).unwrap(),
            )
        })
        .collect();
    let parsed = began.elapsed();
    let committed: Vec<_> = batches
        .iter()
        .map(|(commitment, batch)| Committed::Batch {
            commitment: *commitment,
            batch,
        })
        .collect();
    let input = RoundInput {
        round,
        domain: DOMAIN,
        parameters,
        seed,
        dedupe_seed: DedupeSeed::derive(Randomness(B256::repeat_byte(2))),
        roster: &roster,
        tasks: &tasks,
    };
    let began = Instant::now();
    let evaluation = evaluate_round(&input, &committed);
    let evaluated = began.elapsed();
    assert_eq!(evaluation.verdicts.majority_result as usize, measurements.len());
    println!(
        "{} measurements on {} threads: parsed in {parsed:.2?}, evaluated in {evaluated:.2?}",
        measurements.len(),
        rayon::current_num_threads()
    );
}
