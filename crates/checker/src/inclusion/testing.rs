//! A place in a round.

use alloy_primitives::{Address, B128, B256};
use assize_facts::Times;
use assize_protocol::{RoundNumber, StationIndex, TaskIndex};

use super::Place;

/// The first of three stations of a round that closed at 1 000 s, with a step of 10 s and these tasks in the order of `k`.
pub(crate) fn place(round: u64, tasks: &[u32]) -> Place {
    Place {
        round: RoundNumber(round),
        times: Times::of(1_000, 10),
        index: StationIndex(0),
        station: Address::repeat_byte(2),
        operator: Address::repeat_byte(0x0e),
        subnet: B128::repeat_byte(1),
        roster_proof: vec![B256::repeat_byte(3)],
        tasks: tasks.iter().copied().map(TaskIndex).collect(),
    }
}
