//! Reading, writing and hashing of reports of a hundred measurements, as a checker of a public network makes them.
#![allow(clippy::unwrap_used, reason = "a failed benchmark panics")]

use assize_measurement::report::{Measured, Report, digest};
use assize_protocol::{B128, RoundNumber, StationIndex, TaskNumber};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

const MEASUREMENTS: u32 = 100;

fn main() {
    divan::main();
}

fn line() -> String {
    let measured = |k: u32| Measured {
        indexer: Some("OK"),
        peer: Some("12D3KooWQSgZkCp3BYGNPHzvyzVsrx7S5xWJyM6Vb1JLkE6Vp5hR"),
        address: Some("/dns/provider.example.net/tcp/443/https"),
        protocol: Some("http"),
        status: Some(200),
        head: Some(200),
        start: Some(1_764_550_000_000 + u64::from(k) * 3_217),
        first_byte: Some(120 + u64::from(k)),
        end: Some(450 + u64::from(k)),
        bytes: Some(1_048_576),
        checksum: Some("1220a5b3c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273849a6b7c8d9e"),
        ..Measured::of(TaskNumber(k))
    };
    let report = Report {
        round: RoundNumber(26_000),
        station: StationIndex(1_234),
        version: "2.0.0",
        salt: B128::repeat_byte(0xab),
        measurements: (0..MEASUREMENTS).map(measured).collect(),
    };
    report.to_line()
}

#[divan::bench]
fn read(bencher: Bencher<'_, '_>) {
    let line = line();
    bencher
        .counter(ItemsCount::new(MEASUREMENTS))
        .counter(BytesCount::new(line.len()))
        .bench(|| Report::read(line.as_bytes()).unwrap());
}

#[divan::bench]
fn write(bencher: Bencher<'_, '_>) {
    let line = line();
    let report = Report::read(line.as_bytes()).unwrap();
    bencher
        .counter(ItemsCount::new(MEASUREMENTS))
        .counter(BytesCount::new(line.len()))
        .bench(|| report.to_line());
}

#[divan::bench]
fn hash(bencher: Bencher<'_, '_>) {
    let line = line();
    bencher
        .counter(ItemsCount::new(MEASUREMENTS))
        .counter(BytesCount::new(line.len()))
        .bench(|| digest(line.as_bytes()));
}
