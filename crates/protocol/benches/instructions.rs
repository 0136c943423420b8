//! Number of instructions of derivation, which does not depend on the machine's load: `make bench-instructions` (needs
//! valgrind). A benchmark above its limit fails.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot derive has no count")]
#![expect(missing_docs, reason = "the macros below make public items")]

use std::hint::black_box;

use assize_protocol::{
    Assignment, B256, CommitteeIndex, ListIndex, Parameters, Place, Seed, Shuffle, ShuffleSeed, StationIndex,
};
use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};

const SEED: B256 = B256::repeat_byte(0x5e);

/// Callgrind's processor has no SHA instructions, so hashing counts in full: about 3 400 instructions per hash.
/// Limits are a twentieth above the measured numbers.
fn limit(instructions: u64) -> LibraryBenchmarkConfig {
    LibraryBenchmarkConfig::default()
        .tool(Callgrind::default().hard_limits([(EventKind::Ir, instructions)]))
        .to_owned()
}

#[library_benchmark(config = limit(214_000_000))]
#[bench::hundred_thousand(Shuffle::new(ShuffleSeed(SEED), 100_000))]
fn whole_list(shuffle: Shuffle) -> Vec<ListIndex> {
    black_box(shuffle).mapping()
}

#[library_benchmark(config = limit(330_000))]
#[bench::of_a_million(Shuffle::new(ShuffleSeed(SEED), 1_000_000))]
fn single_index(shuffle: Shuffle) -> ListIndex {
    black_box(shuffle).forward(Place(777_777)).unwrap()
}

#[library_benchmark(config = limit(33_000_000))]
#[bench::of_a_million(Assignment::new(Seed(SEED), &Parameters::default(), 1_000_000, 22_000_000))]
fn one_committee(assignment: Assignment) -> Vec<StationIndex> {
    black_box(assignment).members(CommitteeIndex(7_777)).unwrap()
}

library_benchmark_group!(
    name = derivation,
    benchmarks = [whole_list, single_index, one_committee]
);

main!(library_benchmark_groups = derivation);
