//! Time and memory of derivation: `make bench`.
//!
//! Bounds, on one core without target-cpu flags: the shuffle of a million ≤ 65 ms; one index ≤ 12 µs, ≤ 6 µs with the
//! pivots kept; a committee of 100 of a million ≤ 1.2 ms; everything that a million stations and 22 million tasks draw
//! ≤ 1.5 s and ≤ 200 MiB.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot derive has no time")]

use assize_protocol::{
    Assignment, B256, CommitteeIndex, ListIndex, Parameters, Place, Seed, Shuffle, ShuffleSeed, StationIndex,
    TaskNumber,
};
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

const STATIONS: u32 = 1_000_000;
const TASKS: u32 = 22_000_000;

fn main() {
    divan::main();
}

fn seed() -> ShuffleSeed {
    ShuffleSeed(B256::repeat_byte(0x5e))
}

/// A round with `target` measurements.
fn assignment(target: u32) -> Assignment {
    let parameters = Parameters {
        target_measurements: target,
        ..Parameters::default()
    };
    Assignment::new(Seed(seed().0), &parameters, STATIONS, TASKS)
}

#[divan::bench(args = [10_000, 100_000, 1_000_000])]
fn whole_list(bencher: Bencher<'_, '_>, count: u32) {
    bencher
        .counter(ItemsCount::new(count))
        .bench(|| Shuffle::new(seed(), black_box(count)).mapping());
}

#[divan::bench]
fn single_index() -> ListIndex {
    Shuffle::new(seed(), black_box(STATIONS))
        .forward(black_box(Place(777_777)))
        .unwrap()
}

#[divan::bench]
fn single_index_pivots_kept(bencher: Bencher<'_, '_>) {
    let shuffle = Shuffle::new(seed(), STATIONS);
    bencher.bench(|| shuffle.forward(black_box(Place(777_777))).unwrap());
}

#[divan::bench]
fn inverse_index_pivots_kept(bencher: Bencher<'_, '_>) {
    let shuffle = Shuffle::new(seed(), STATIONS);
    bencher.bench(|| shuffle.inverse(black_box(ListIndex(777_777))).unwrap());
}

#[divan::bench]
fn one_committee_of_100_of_a_million() -> Vec<StationIndex> {
    assignment(250_000)
        .members(black_box(CommitteeIndex(7_777)))
        .unwrap()
}

#[divan::bench]
fn one_task_of_22_million() -> assize_protocol::TaskIndex {
    assignment(250_000)
        .task(black_box(CommitteeIndex(7_777)), TaskNumber(0))
        .unwrap()
}

/// 1 task a committee at the network's target, 22 where every task is drawn.
#[divan::bench(args = [250_000, 22_000_000], sample_count = 5)]
fn everything_of_a_million_stations_and_22_million_tasks(bencher: Bencher<'_, '_>, target: u32) {
    bencher.bench(|| {
        let assignment = assignment(target);
        (assignment.all_members(), assignment.all_tasks())
    });
}
