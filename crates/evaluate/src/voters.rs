//! One vote per station and task, and per subnet and task.

use std::collections::hash_map::Entry;

use alloy_primitives::{Address, B128};
use assize_protocol::{DedupeSeed, TaskIndex};
use rustc_hash::FxHashMap;

use crate::Label;

/// A measurement that was assigned to its station.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub station: Address,
    pub subnet: B128,
    pub task: TaskIndex,
}

/// Labels candidates, given in commit order: `DUPLICATE`, `DUP_SUBNET` or `OK`.
pub(crate) fn choose(seed: &DedupeSeed, candidates: &[Candidate]) -> Vec<Label> {
    let mut labels = vec![Label::Duplicate; candidates.len()];
    // By station and task: the first one counts.
    let mut firsts = FxHashMap::default();
    // By subnet and task: the lowest rank so far, and its candidate.
    let mut voters = FxHashMap::default();
    for (index, candidate) in candidates.iter().enumerate() {
        let task = candidate.task;
        if firsts.insert((candidate.station, task), ()).is_some() {
            continue;
        }
        labels[index] = Label::DupSubnet;
        let rank = seed.rank(candidate.station, task);
        match voters.entry((candidate.subnet, task)) {
            Entry::Vacant(vote) => {
                vote.insert((rank, index));
            }
            Entry::Occupied(mut vote) if rank < vote.get().0 => {
                vote.insert((rank, index));
            }
            Entry::Occupied(_) => {}
        }
    }
    for (_, index) in voters.into_values() {
        labels[index] = Label::Ok;
    }
    labels
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use proptest::prelude::*;

    use super::*;

    fn candidate(station: u8, subnet: u8, task: u32) -> Candidate {
        Candidate {
            station: Address::repeat_byte(station),
            subnet: B128::repeat_byte(subnet),
            task: TaskIndex(task),
        }
    }

    #[test]
    fn the_first_counts_and_tasks_are_independent() {
        let seed = DedupeSeed(B256::ZERO);
        let candidates = [
            candidate(1, 1, 0),
            candidate(1, 1, 1),
            candidate(1, 1, 0),
            candidate(2, 2, 0),
        ];
        assert_eq!(
            choose(&seed, &candidates),
            [Label::Ok, Label::Ok, Label::Duplicate, Label::Ok]
        );
    }

    #[test]
    fn the_lowest_rank_of_a_subnet_votes() {
        let seed = DedupeSeed(B256::repeat_byte(7));
        let candidates: Vec<_> = (1..20).map(|station| candidate(station, 1, 3)).collect();
        let lowest = candidates
            .iter()
            .map(|c| seed.rank(c.station, c.task))
            .min()
            .unwrap();
        for (candidate, label) in candidates.iter().zip(choose(&seed, &candidates)) {
            let expected = if seed.rank(candidate.station, candidate.task) == lowest {
                Label::Ok
            } else {
                Label::DupSubnet
            };
            assert_eq!(label, expected);
        }
    }

    proptest! {
        #[test]
        fn one_voter_per_subnet_and_task_and_one_first_per_station_and_task(
            rows in proptest::collection::vec((0_u8..6, 0_u32..3), 0..60),
            seed: [u8; 32],
        ) {
            // A station is always in the same subnet.
            let candidates: Vec<_> = rows.iter().map(|&(s, task)| candidate(s, s / 2, task)).collect();
            let labels = choose(&DedupeSeed(seed.into()), &candidates);
            for (index, (candidate, label)) in candidates.iter().zip(&labels).enumerate() {
                let earlier = rows[..index].contains(&rows[index]);
                prop_assert_eq!(*label == Label::Duplicate, earlier);
                let voters = candidates.iter().zip(&labels).filter(|(other, label)| {
                    **label == Label::Ok && (other.subnet, other.task) == (candidate.subnet, candidate.task)
                });
                prop_assert_eq!(voters.count(), 1);
            }
        }
    }
}
