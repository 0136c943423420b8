//! From the ingest table to commitments on a real anvil: measurements per second, and memory.
//!
//!     cargo bench -p assize-publish [-- MEASUREMENTS]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints its results and panics on failure"
)]

use std::fs;
use std::time::Instant;

use assize_ingest::{FileMark, Ingest, NewRow, SqliteIngest};
use assize_measurement::{Measurement, Millis, Signature};
use assize_outbox::{Outbox, Policy};
use assize_protocol::{RoundNumber, TaskIndex};
use assize_publish::{Closing, Publisher};
use assize_store::LocalStore;
use assize_testkit::world::World;

const ROUNDS: u64 = 4;

#[tokio::main]
async fn main() {
    let count = std::env::args().find_map(|argument| argument.parse::<u32>().ok());
    for count in count.map_or(vec![100_000, 1_000_000], |count| vec![count]) {
        run(count).await;
    }
}

async fn run(count: u32) {
    let world = World::start(3_600).await.unwrap();
    for _ in 0..ROUNDS {
        world.open_round().await.unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let mut ingest = SqliteIngest::open(&directory.path().join("ingest.sqlite")).unwrap();
    let begun = Instant::now();
    let mut next = 0;
    let mut bytes = 0;
    let mark = FileMark {
        digest: [0; 32],
        name: "bench",
        received_at: 0,
    };
    let rows = &mut || {
        let row = (next < count).then(|| row(next));
        next += 1;
        bytes += row.as_ref().map_or(0, |row| row.line.len() + 1);
        Ok(row)
    };
    ingest.add_file(&mark, rows).unwrap();
    let taken_in = begun.elapsed().as_secs_f64();

    let client = world.rounds.client().clone();
    let outbox = Outbox::open(
        &directory.path().join("publisher.sqlite"),
        client,
        world.publisher.clone(),
        Policy::local(),
    );
    let closing = Closing {
        limit: 100_000,
        margin: Some(0),
    };
    let mut publisher = Publisher::new(Box::new(ingest), outbox.unwrap(), world.rounds.clone(), closing);
    let store = LocalStore::open(directory.path().join("store")).unwrap();
    let begun = Instant::now();
    let report = publisher.publish_once(&store).await.unwrap();
    let published = begun.elapsed().as_secs_f64();
    let committed: u32 = report.committed.iter().map(|batch| batch.count).sum();
    assert_eq!(committed, count);
    println!(
        "{count} measurements ({:.0} MB): taken in {:.0}/s; stored, read back and committed in {} batches {:.0}/s; \
         peak memory so far {} MiB",
        bytes as f64 / 1e6,
        f64::from(count) / taken_in,
        report.committed.len(),
        f64::from(count) / published,
        peak_memory() >> 20
    );
}

fn row(task: u32) -> NewRow {
    let round = RoundNumber(1 + u64::from(task) % ROUNDS);
    let mut station = [0; 20];
    station[..4].copy_from_slice(&task.wrapping_mul(2_654_435_761).to_be_bytes());
    let mut signature = [0; 65];
    for (index, byte) in signature.iter_mut().enumerate() {
        *byte = (task.wrapping_mul(index as u32 + 1_664_525) >> 24) as u8;
    }
    let measurement = Measurement {
        provider_id: Some("12D3KooWPNbkEgjdBNeaCGpsgCrPRETe4uBZf1ShFXStobdN18ys".into()),
        provider_address: Some("/dns/f01697248.example.net/tcp/443/https".into()),
        protocol: Some("http".into()),
        spark_version: Some("1.20.0".into()),
        zinnia_version: Some("0.20.0".into()),
        start_at: Some(Millis(1_760_000_000_000)),
        first_byte_at: Some(Millis(1_760_000_000_500)),
        end_at: Some(Millis(1_760_000_001_000)),
        status_code: Some(200),
        head_status_code: Some(200),
        byte_length: Some(1_024),
        car_checksum: Some("1220a5b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1".into()),
        indexer_result: Some("OK".into()),
        signature: Signature(signature),
        ..Measurement::new(
            round,
            TaskIndex(task),
            station.into(),
            "bafybeif53axbvb3gbbidww37e36kahbfzui4ypp44uqyjs7bvrdmvjesfq",
            "f01697248",
        )
    };
    NewRow {
        round,
        line: measurement.to_line(),
    }
}

/// Peak memory of this process in bytes.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() << 10
}
