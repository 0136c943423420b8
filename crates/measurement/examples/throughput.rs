//! How fast one core packs, reads and checks a full batch of 100 000 measurements.
//!
//! `cargo run --release -p assize-measurement --example throughput`
#![expect(clippy::print_stdout, reason = "the figures are its purpose")]
#![expect(clippy::unwrap_used, reason = "a developer tool")]

use std::hint::black_box;
use std::time::Instant;

use alloy_primitives::{Address, keccak256};
use assize_measurement::{Domain, Measurement, Millis, Verifier, car, ndjson, station_address, unixfs};
use assize_protocol::{ProviderId, RoundNumber, TaskIndex};
use secp256k1::SecretKey;

const ROWS: u32 = 100_000;
const MEGABYTE: f64 = 1e6;

fn measurement(task: u32) -> Measurement {
    Measurement {
        provider_id: Some("12D3KooWPNbkEgjdBNeaCGpsgCrPRETe4uBZf1ShFXStobdN18ys".into()),
        provider_address: Some(format!("/dns/f0{task}.example.net/tcp/443/https")),
        protocol: Some("http".into()),
        spark_version: Some("1.20.0".into()),
        zinnia_version: Some("0.20.0".into()),
        start_at: Some(Millis(1_698_829_200_000)),
        first_byte_at: Some(Millis(1_698_829_201_000)),
        end_at: Some(Millis(1_698_829_202_042)),
        status_code: Some(200),
        head_status_code: Some(200),
        byte_length: Some(i64::from(task)),
        car_checksum: Some(format!("1220{:x}", keccak256(task.to_be_bytes()))),
        indexer_result: Some("OK".into()),
        ..Measurement::new(
            RoundNumber(1),
            TaskIndex(task),
            Address::ZERO,
            "bafybeif53axbvb3gbbidww37e36kahbfzui4ypp44uqyjs7bvrdmvjesfq",
            ProviderId(task.into()),
        )
    }
}

/// Runs it three times, and prints the best rate.
fn time<T>(what: &str, amount: f64, unit: &str, work: impl Fn() -> T) -> T {
    let mut best = f64::INFINITY;
    let mut last = None;
    for _ in 0..3 {
        let start = Instant::now();
        last = Some(black_box(work()));
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{what:<28} {:>10.0} {unit}   {:>7.3} s", amount / best, best);
    last.unwrap()
}

fn main() {
    let domain = Domain {
        chain_id: 314,
        rounds: Address::repeat_byte(0xaa),
    };
    let key = SecretKey::from_secret_bytes([7; 32]).unwrap();
    let rows: Vec<_> = (0..ROWS)
        .map(|task| Measurement {
            station: station_address(&key),
            ..measurement(task)
        })
        .collect();

    let rows = time("sign (with copying)", ROWS.into(), "/s", || {
        let mut signed = rows.clone();
        signed.iter_mut().for_each(|row| row.sign(&key, &domain));
        signed
    });
    let text = time("write NDJSON", ROWS.into(), "/s", || ndjson::to_ndjson(&rows));
    let megabytes = text.len() as f64 / MEGABYTE;
    println!("a batch of {ROWS} has {megabytes:.1} MB");
    let root = time("CID", megabytes, "MB/s", || unixfs::file_cid(&text));
    let (_, car) = time("pack to CAR", megabytes, "MB/s", || car::pack(&text));
    let content = time("unpack and verify CAR", megabytes, "MB/s", || {
        car::unpack(&root, &car).unwrap()
    });
    let batch = time("read NDJSON", ROWS.into(), "/s", || {
        ndjson::parse_batch(RoundNumber(1), &content)
    });
    assert_eq!(batch.rows.len(), rows.len());
    let verifier = Verifier::new(&domain);
    let genuine = time("verify signatures", ROWS.into(), "/s", || {
        let genuine = |row: &&ndjson::Row| verifier.signed_by_station(&row.measurement);
        batch.rows.iter().filter(genuine).count()
    });
    assert_eq!(genuine, rows.len());
    time("digests alone", ROWS.into(), "/s", || {
        batch
            .rows
            .iter()
            .map(|row| row.measurement.digest(&domain))
            .fold(0, |sum, digest| sum ^ digest[0])
    });
}
