//! How a network of a certain size is set up, so that its rounds are short and still mean something.

use assize_protocol::Parameters;

use super::UpArgs;

const ATTO: u128 = 1_000_000_000_000_000_000;

/// Seconds between beacons, and between blocks.
pub(super) const TICK: u64 = 1;
/// Seconds in which a settlement can be vetoed: the least that the contracts are deployed with.
pub(super) const CHALLENGE_WINDOW: u64 = 20;
/// Seconds after a round in which its batches are committed: the least that the contract allows.
const COMMIT_GRACE: u32 = 60;
/// Seconds before the end of that at which the publisher closes what it has. The api takes measurements in its first half.
pub(super) const MARGIN: u64 = 25;
/// A checker has so many seconds for each of its tasks.
const SECONDS_PER_TASK: u32 = 3;
/// Tasks of a checker in a round, at most.
const MOST_TASKS: u16 = 20;

/// attoFIL that the pool begins with.
pub(super) const DEPOSIT: u128 = 100 * ATTO;

/// The parameters of the rounds.
pub(super) fn parameters(args: &UpArgs) -> Parameters {
    let checkers = args.checkers;
    let tasks = (args.round / SECONDS_PER_TASK).clamp(1, MOST_TASKS.into()) as u16;
    Parameters {
        round_duration: args.round,
        // The least that the contract allows.
        beacon_delay: 15,
        commit_grace: COMMIT_GRACE,
        min_committee_size: committee(checkers),
        max_committee_size: Parameters::default().max_committee_size,
        quorum: quorum(checkers),
        max_tasks_per_committee: tasks,
        target_measurements: checkers * u32::from(tasks),
        budget: ATTO,
    }
}

/// A public network wants 40 in a committee. A smaller network has one of all its checkers.
fn committee(checkers: u32) -> u16 {
    Parameters::default().min_committee_size.min(checkers as u16)
}

/// Three quarters of the smallest committee, as in a public network.
fn quorum(checkers: u32) -> u16 {
    (committee(checkers) * 3 / 4).max(1)
}
