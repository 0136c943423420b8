//! One core: CIDs and CARs of batches, and signatures. Signatures once more over all cores.

use std::io::{Cursor, Write};

use assize_measurement::car::{self, Content, ReadError};
use assize_measurement::unixfs::file_cid;
use assize_measurement::{Domain, Measurement, Millis, Verifier, ndjson, station_address};
use assize_protocol::{Address, RoundNumber, TaskIndex};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use secp256k1::SecretKey;

const SIZE: usize = 64 << 20;
const SIGNED: usize = 2_000;

fn main() {
    divan::main();
}

fn content() -> Vec<u8> {
    (0..SIZE).map(|index| (index * 7 + index / 256) as u8).collect()
}

#[divan::bench]
fn cid(bencher: Bencher<'_, '_>) {
    let content = content();
    bencher
        .counter(BytesCount::from(SIZE))
        .bench(|| file_cid(black_box(&content)));
}

#[divan::bench]
fn pack_a_stream(bencher: Bencher<'_, '_>) {
    let content = content();
    bencher.counter(BytesCount::from(SIZE)).bench(|| {
        let mut packed = Cursor::new(Vec::with_capacity(SIZE + (1 << 20)));
        let pieces =
            |to: &mut (dyn Write + Send)| content.chunks(700).try_for_each(|piece| to.write_all(piece));
        car::pack_to(&mut packed, pieces)
    });
}

#[divan::bench]
fn read_a_stream(bencher: Bencher<'_, '_>) {
    let (root, packed) = car::pack(&content());
    bencher.counter(BytesCount::from(SIZE)).bench(|| {
        let mut content = Content::open(&root, Cursor::new(&packed))?;
        std::io::copy(&mut content, &mut std::io::sink()).map_err(ReadError::from)
    });
}

fn signed() -> (Verifier, Vec<Measurement>) {
    let domain = Domain {
        chain_id: 314,
        rounds: Address::repeat_byte(0xaa),
    };
    let measurements = (0..SIGNED).map(|number| {
        let mut secret = [7; 32];
        secret[..8].copy_from_slice(&(number as u64 + 1).to_be_bytes());
        let key = SecretKey::from_secret_bytes(secret).unwrap_or_else(|_| unreachable!("below the order"));
        let mut measurement = Measurement {
            provider_id: Some("12D3KooWPNbkEgjdBNeaCGpsgCrPRETe4uBZf1ShFXStobdN18ys".into()),
            provider_address: Some("/dns/f01697248.example.net/tcp/443/https".into()),
            protocol: Some("http".into()),
            spark_version: Some("1.20.0".into()),
            timeout: true,
            start_at: Some(Millis(1_760_000_000_000)),
            byte_length: Some(0),
            indexer_result: Some("OK".into()),
            ..Measurement::new(
                RoundNumber(7),
                TaskIndex(number as u32),
                station_address(&key),
                "bafybeif53axbvb3gbbidww37e36kahbfzui4ypp44uqyjs7bvrdmvjesfq",
                "f01697248",
            )
        };
        measurement.sign(&key, &domain);
        measurement
    });
    (Verifier::new(&domain), measurements.collect())
}

#[divan::bench]
fn verify_signatures(bencher: Bencher<'_, '_>) {
    let (verifier, measurements) = signed();
    bencher.counter(ItemsCount::new(SIGNED)).bench(|| {
        let good = measurements
            .iter()
            .filter(|measurement| verifier.signed_by_station(measurement));
        assert_eq!(good.count(), SIGNED);
    });
}

#[divan::bench]
fn verify_signatures_on_all_cores(bencher: Bencher<'_, '_>) {
    use rayon::prelude::*;

    let (verifier, measurements) = signed();
    bencher.counter(ItemsCount::new(SIGNED)).bench(|| {
        let good = measurements
            .par_iter()
            .filter(|measurement| verifier.signed_by_station(measurement));
        assert_eq!(good.count(), SIGNED);
    });
}

#[divan::bench]
fn parse_lines(bencher: Bencher<'_, '_>) {
    let (_, measurements) = signed();
    let batch = ndjson::to_ndjson(&measurements);
    bencher
        .counter(BytesCount::from(batch.len()))
        .bench(|| ndjson::parse_batch(RoundNumber(7), black_box(&batch)));
}
