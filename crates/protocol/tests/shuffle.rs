//! The shuffle against Ethereum's vectors, and its properties.

use std::fs;
use std::path::Path;

use assize_protocol::{B256, ListIndex, OutOfRange, Place, Shuffle, ShuffleSeed};
use proptest::prelude::*;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The vectors of one seed: mappings up to 100 in full, longer ones by digest.
#[derive(Deserialize)]
struct SeedVectors {
    rounds: u8,
    seed: B256,
    mappings: Vec<Vec<ListIndex>>,
    digests: Vec<(u32, String)>,
}

fn digest(mapping: &[ListIndex]) -> String {
    let mut hasher = Sha256::new();
    for ListIndex(index) in mapping {
        hasher.update(u64::from(*index).to_le_bytes());
    }
    const_hex::encode(hasher.finalize())
}

#[test]
fn ethereum_vectors() {
    #[derive(Deserialize)]
    struct File {
        seeds: Vec<SeedVectors>,
    }
    let file: File = serde_json::from_str(include_str!("fixtures/shuffle.json")).unwrap();
    let cases: usize = file
        .seeds
        .iter()
        .map(|seed| seed.mappings.len() + seed.digests.len())
        .sum();
    assert_eq!(cases, 360);
    for SeedVectors {
        rounds,
        seed,
        mappings,
        digests,
    } in file.seeds
    {
        for expected in mappings {
            let shuffle = Shuffle::with_rounds(ShuffleSeed(seed), expected.len() as u32, rounds);
            assert_eq!(shuffle.mapping(), expected, "seed {seed}, {rounds} rounds");
            let one_by_one: Vec<_> = (0..shuffle.count())
                .map(|place| shuffle.forward(Place(place)).unwrap())
                .collect();
            assert_eq!(one_by_one, expected, "seed {seed}, {rounds} rounds");
        }
        for (count, expected) in digests {
            let mapping = Shuffle::with_rounds(ShuffleSeed(seed), count, rounds).mapping();
            assert_eq!(
                digest(&mapping),
                expected,
                "seed {seed}, {rounds} rounds, count {count}"
            );
        }
    }
}

/// All published vectors, if the file is available.
#[test]
fn ethereum_vectors_in_full() {
    #[derive(Deserialize)]
    struct File {
        cases: Vec<Case>,
    }
    #[derive(Deserialize)]
    struct Case {
        rounds: u8,
        seed: B256,
        count: u32,
        mapping: Vec<ListIndex>,
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/shuffle.json");
    let Ok(json) = fs::read(path) else { return };
    let file: File = serde_json::from_slice(&json).unwrap();
    assert_eq!(file.cases.len(), 360);
    for Case {
        rounds,
        seed,
        count,
        mapping,
    } in file.cases
    {
        assert_eq!(
            Shuffle::with_rounds(ShuffleSeed(seed), count, rounds).mapping(),
            mapping,
            "{seed} {count}"
        );
    }
}

#[test]
fn an_index_beyond_the_count_is_an_error() {
    for count in [0, 1, 10] {
        let shuffle = Shuffle::new(ShuffleSeed(B256::ZERO), count);
        let error = |what| OutOfRange {
            what,
            index: count.into(),
            count: count.into(),
        };
        assert_eq!(shuffle.forward(Place(count)), Err(error("place")));
        assert_eq!(shuffle.inverse(ListIndex(count)), Err(error("index")));
        assert_eq!(shuffle.mapping().len(), count as usize);
    }
}

#[test]
fn the_largest_counts_work_too() {
    // Ethereum clients stop at 2^24 indices; the rule itself does not.
    for count in [(1 << 24) - 1, (1 << 24) + 1, u32::MAX] {
        let shuffle = Shuffle::new(ShuffleSeed(B256::repeat_byte(7)), count);
        for place in [0, 1, count / 2, count - 1].map(Place) {
            let entry = shuffle.forward(place).unwrap();
            assert!(entry.0 < count);
            assert_eq!(shuffle.inverse(entry), Ok(place));
        }
    }
}

fn any_shuffle(max: u32) -> impl Strategy<Value = Shuffle> {
    (any::<[u8; 32]>(), 1..max, prop_oneof![Just(90), 0..=255_u8])
        .prop_map(|(seed, count, rounds)| Shuffle::with_rounds(ShuffleSeed(B256::new(seed)), count, rounds))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn inverse_undoes_forward(shuffle in any_shuffle(u32::MAX), index: u32) {
        let index = index % shuffle.count();
        prop_assert_eq!(shuffle.inverse(shuffle.forward(Place(index))?)?, Place(index));
        prop_assert_eq!(shuffle.forward(shuffle.inverse(ListIndex(index))?)?, ListIndex(index));
    }

    #[test]
    fn the_list_form_equals_the_index_form(shuffle in any_shuffle(1_200)) {
        for (place, entry) in (0..).map(Place).zip(shuffle.mapping()) {
            prop_assert_eq!(shuffle.forward(place)?, entry);
        }
    }

    #[test]
    fn it_is_a_bijection(shuffle in any_shuffle(5_000)) {
        let mut mapping = shuffle.mapping();
        mapping.sort_unstable();
        prop_assert!(mapping.into_iter().eq((0..shuffle.count()).map(ListIndex)));
    }
}
