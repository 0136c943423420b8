//! How many batches of a round a publisher may still commit, and how large the next one has to be.

use assize_measurement::ndjson::MAX_LINES;

/// Batches that a publisher may commit to a round, beside twice those that all its measurements fill.
const SPARE_BATCHES: u64 = 4;

/// What a publisher has taken of a round, and may still take (docs/protocol.md §9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Measurements that the round can have: one of each station and task.
    expected: u64,
    /// Batches that were closed.
    batches: u64,
    /// Their measurements.
    batched: u64,
}

impl Plan {
    /// The plan of a round of which nothing is batched.
    pub(crate) fn new(expected: u64) -> Self {
        Self {
            expected,
            batches: 0,
            batched: 0,
        }
    }

    /// Counts a closed batch.
    pub(crate) fn count(&mut self, lines: u32) {
        self.batches += 1;
        self.batched += u64::from(lines);
    }

    /// The batches that the contract takes from a publisher.
    pub(crate) fn most(&self) -> u64 {
        SPARE_BATCHES + 2 * full_batches(self.expected)
    }

    /// The number of lines at which the next batch is closed; `None` if it has to wait for more, or if the contract takes no
    /// more batches.
    ///
    /// Batches may be small, of `chosen` lines or of the `waiting` ones, while what is to come afterwards needs no more than
    /// half of the batches left: large measurements may fill a batch by their bytes. Otherwise they are merged. `is_last` says
    /// that nothing is to come.
    pub(crate) fn next(&self, waiting: u64, chosen: u32, is_last: bool) -> Option<u32> {
        let left = self.most().saturating_sub(self.batches);
        let to_come = match is_last {
            true => waiting,
            false => waiting.max(self.expected.saturating_sub(self.batched)),
        };
        let after = to_come - waiting.min(chosen.into());
        let largest = MAX_LINES as u32;
        match left {
            0 => None,
            _ if 2 * full_batches(after) < left => Some(chosen),
            _ if is_last || waiting >= u64::from(largest) => Some(largest),
            _ => None,
        }
    }
}

/// Batches that so many measurements fill.
fn full_batches(measurements: u64) -> u64 {
    measurements.div_ceil(MAX_LINES as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(expected: u64, closed: &[u32]) -> Plan {
        let mut plan = Plan::new(expected);
        closed.iter().for_each(|lines| plan.count(*lines));
        plan
    }

    #[test]
    fn the_contract_takes_four_batches_and_twice_the_full_ones() {
        let most = |expected| plan(expected, &[]).most();
        assert_eq!([0, 1, 100_000, 100_001, 250_000].map(most), [4, 6, 6, 8, 10]);
    }

    /// All measurements of a round arrive in pieces, each of which is published as soon as possible.
    fn published(expected: u64, piece: u64, chosen: u32) -> Vec<u32> {
        let mut plan = plan(expected, &[]);
        let (mut waiting, mut arrived, mut batches) = (0, 0, Vec::new());
        while waiting > 0 || arrived < expected {
            let new = piece.min(expected - arrived);
            (waiting, arrived) = (waiting + new, arrived + new);
            while let Some(lines) = plan
                .next(waiting, chosen, arrived == expected)
                .filter(|_| waiting > 0)
            {
                let taken = waiting.min(lines.into());
                plan.count(taken as u32);
                batches.push(taken as u32);
                waiting -= taken;
            }
            assert!(
                arrived < expected || waiting == 0,
                "{waiting} are left: {batches:?}"
            );
        }
        assert!(batches.len() as u64 <= plan.most(), "{batches:?}");
        batches
    }

    #[test]
    fn small_batches_are_merged_before_the_contract_refuses_them() {
        assert_eq!(published(1_000, 10, 10), [10, 10, 10, 10, 960]);
        for expected in [1, 5, 99_999, 250_000, 1_000_000] {
            for piece in [1_000, 33_333, 250_000] {
                for chosen in [100, 50_000, 100_000] {
                    let batches = published(expected, piece, chosen);
                    assert_eq!(
                        batches.iter().map(|lines| u64::from(*lines)).sum::<u64>(),
                        expected
                    );
                }
            }
        }
    }

    #[test]
    fn the_last_batches_take_everything_that_is_left() {
        let mut plan = plan(1_000, &[1; 5]);
        assert_eq!(plan.next(995, 10, false), None);
        assert_eq!(plan.next(995, 10, true), Some(100_000));
        assert_eq!(plan.next(9, 10, true), Some(10));
        plan.count(995);
        assert_eq!(plan.next(1, 10, true), None);
    }

    #[test]
    fn full_batches_need_no_thought() {
        let plan = plan(250_000, &[100_000, 100_000]);
        assert_eq!(plan.next(100_000, 100_000, false), Some(100_000));
        assert_eq!(plan.next(7, 100_000, false), Some(100_000));
    }
}
