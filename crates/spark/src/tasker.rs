//! Spark's assignment of tasks: the k nearest by XOR.

use sha2::{Digest, Sha256};

use crate::{RetrievalTask, Round};

/// A SHA-256 digest as a 256-bit number, highest word first.
pub(crate) type Key = [u64; 4];

/// `sha256(text)` of the concatenated pieces.
pub(crate) fn key(pieces: &[&str]) -> Key {
    let mut hasher = Sha256::new();
    for piece in pieces {
        hasher.update(piece);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(digest.chunks_exact(8)) {
        *word = bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    words
}

pub(crate) fn distance(a: Key, b: Key) -> Key {
    [a[0] ^ b[0], a[1] ^ b[1], a[2] ^ b[2], a[3] ^ b[3]]
}

/// Assigns tasks to stations.
pub struct Tasker {
    /// By task index.
    pub(crate) keys: Vec<Key>,
    /// Ascending. A task that is listed twice occurs twice.
    sorted: Vec<Key>,
    /// Number of tasks per station.
    count: usize,
}

impl Tasker {
    /// Creates a tasker for a round, with the hex text of its beacon's randomness.
    #[must_use]
    pub fn new(round: &Round, randomness: &str) -> Self {
        let task = |task: &RetrievalTask| key(&[&task.cid, "\n", &task.miner_id, "\n", randomness]);
        let keys: Vec<_> = round.tasks.iter().map(task).collect();
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        Self {
            count: round.max_tasks_per_node.min(sorted.len()),
            keys,
            sorted,
        }
    }

    /// The tasks of a station, by their index in the round.
    #[must_use]
    pub fn tasks_of(&self, station_id: &str) -> Vec<usize> {
        let station = key(&[station_id]);
        let Some(reach) = self.reach(station) else {
            return Vec::new();
        };
        let is_own = |index: &usize| distance(self.keys[*index], station) <= reach;
        (0..self.keys.len()).filter(is_own).collect()
    }

    /// The distance of the farthest of a station's tasks; no farther task is its own. `None` if it has no tasks.
    ///
    /// The sorted keys are a trie: those that share the station's next bit are all nearer than the others.
    pub(crate) fn reach(&self, station: Key) -> Option<Key> {
        let (mut keys, mut count) = (&self.sorted[..], self.count);
        if count == 0 {
            return None;
        }
        loop {
            let (first, last) = (*keys.first()?, *keys.last()?);
            let Some(bit) = first_difference(first, last) else {
                return Some(distance(first, station));
            };
            let (zeros, ones) = keys.split_at(keys.partition_point(|key| !is_set(*key, bit)));
            let (near, far) = if is_set(station, bit) {
                (ones, zeros)
            } else {
                (zeros, ones)
            };
            if count <= near.len() {
                keys = near;
            } else {
                count -= near.len();
                keys = far;
            }
        }
    }
}

/// The highest bit in which two keys differ, counted from the top.
fn first_difference(a: Key, b: Key) -> Option<usize> {
    let words = distance(a, b);
    let word = words.iter().position(|word| *word != 0)?;
    Some(word * 64 + words[word].leading_zeros() as usize)
}

fn is_set(key: Key, bit: usize) -> bool {
    key[bit / 64] >> (63 - bit % 64) & 1 == 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../tests/fixtures/tasker.json")).unwrap()
    }

    fn hex(key: Key) -> String {
        key.map(|word| format!("{word:016x}")).concat()
    }

    fn round(tasks: &Value, max_tasks_per_node: usize) -> Round {
        Round {
            randomness: None,
            round_id: None,
            start_epoch: None,
            max_tasks_per_node,
            tasks: serde_json::from_value(tasks.clone()).unwrap(),
        }
    }

    #[test]
    fn keys_match_spark() {
        let vectors = vectors();
        let randomness = vectors["randomness"].as_str().unwrap();
        let mut seen = 0;
        for case in vectors["taskKey"].as_array().unwrap() {
            let tasker = Tasker::new(&round(&Value::from(vec![case.clone()]), 1), randomness);
            if let Some(expected) = case["hex"].as_str() {
                assert_eq!(hex(tasker.keys[0]), expected);
                seen += 1;
            } else {
                // The only value in decimal.
                let decimal = "19408172415633384483144889917969030396168570904487614072975030553911283422991";
                assert_eq!(case["dec"], decimal);
                let number = decimal.parse::<alloy_primitives::U256>().unwrap();
                assert_eq!(hex(tasker.keys[0]), format!("{number:064x}"));
            }
        }
        for case in vectors["stationKey"].as_array().unwrap() {
            assert_eq!(
                hex(key(&[case["stationId"].as_str().unwrap()])),
                case["hex"].as_str().unwrap()
            );
            seen += 1;
        }
        assert_eq!(seen, 11);
    }

    #[test]
    fn tasks_match_spark() {
        let vectors = vectors();
        let randomness = vectors["randomness"].as_str().unwrap();
        for case in vectors["pick"].as_array().unwrap() {
            let count = case["maxTasksPerNode"].as_u64().unwrap() as usize;
            let round = round(&case["tasks"], count);
            let tasker = Tasker::new(&round, randomness);
            let station = key(&[case["stationId"].as_str().unwrap()]);
            let reach = tasker.reach(station).unwrap();
            let mut own: Vec<_> = round
                .tasks
                .iter()
                .zip(&tasker.keys)
                .map(|(task, key)| (distance(*key, station), task.clone()))
                .filter(|(distance, _)| *distance <= reach)
                .collect();
            own.sort_by_key(|(distance, _)| *distance);
            let own: Vec<_> = own.into_iter().map(|(_, task)| task).collect();
            let expected: Vec<RetrievalTask> = serde_json::from_value(case["expected"].clone()).unwrap();
            assert_eq!(own, expected);
        }
        assert_eq!(
            Tasker::new(&round(&Value::from(Vec::<Value>::new()), 15), "").reach([0; 4]),
            None
        );
        let none = round(&vectors["pick"][0]["tasks"], 0);
        assert_eq!(Tasker::new(&none, "").reach([0; 4]), None);
    }

    proptest! {
        #[test]
        fn the_reach_matches_sorting(
            // Few different words, so that keys share long prefixes and some are equal.
            keys in proptest::collection::vec(proptest::array::uniform4(0_u64..3), 1..40),
            station in proptest::array::uniform4(0_u64..3),
            count in 1_usize..50,
        ) {
            let mut sorted = keys.clone();
            sorted.sort_unstable();
            let mut distances: Vec<_> = keys.iter().map(|key| distance(*key, station)).collect();
            distances.sort_unstable();
            let count = count.min(keys.len());
            let tasker = Tasker { keys, sorted, count };
            prop_assert_eq!(tasker.reach(station), Some(distances[count - 1]));
        }
    }
}
