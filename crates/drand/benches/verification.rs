//! Time to verify a beacon with a decoded key: `make bench`.
//!
//! Bound: `blst` is at least twice as fast as the pure implementation.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot verify has no time")]

use assize_drand::{Backend, Beacon, BeaconSource, Chain, RecordedBeacons};
use assize_protocol::{BeaconRound, Randomness};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

fn recorded(json: &[u8], round: u64) -> Beacon {
    RecordedBeacons::from_json(json)
        .unwrap()
        .beacon(BeaconRound(round))
        .unwrap()
}

fn verify(bencher: Bencher<'_, '_>, backend: Backend, chain: &Chain, beacon: &Beacon) {
    let verify = || -> Randomness { chain.verify_with(backend, black_box(beacon)).unwrap() };
    // Decodes and caches the key.
    verify();
    bencher.bench_local(verify);
}

#[divan::bench(args = Backend::ALL)]
fn quicknet(bencher: Bencher<'_, '_>, backend: Backend) {
    let beacon = recorded(include_bytes!("../tests/fixtures/quicknet.json"), 1000);
    verify(bencher, backend, &Chain::quicknet(), &beacon);
}

#[divan::bench(args = Backend::ALL)]
fn default_chain(bencher: Bencher<'_, '_>, backend: Backend) {
    let beacon = recorded(include_bytes!("../tests/fixtures/default.json"), 2);
    verify(bencher, backend, &Chain::default_chain(), &beacon);
}

#[divan::bench]
fn evmnet(bencher: Bencher<'_, '_>) {
    let beacon = recorded(include_bytes!("../tests/fixtures/evmnet.json"), 10_000_000);
    verify(bencher, Backend::default(), &Chain::evmnet(), &beacon);
}
