//! Parameters for a network of a given size: rounds are short, and committees still decide.

use assize_protocol::{AttoFil, Parameters};

use super::UpArgs;
use super::scenario::Scenario;

/// Seconds between beacons, and between blocks.
pub(super) const TICK: u64 = 1;
/// Seconds in which a settlement can be vetoed.
pub(super) const CHALLENGE_WINDOW: u64 = 20;
/// Unit of the timetable after closing, seconds: measurements are handed in for 22 s, batches committed for 42, and the round is
/// over after 64.
const STEP: u32 = 2;
/// Seconds that a checker has for each task.
const SECONDS_PER_TASK: u32 = 3;
/// Maximum tasks of a checker in a round.
const MAX_TASKS: u16 = 20;

/// Budget of a round.
pub(super) const BUDGET: AttoFil = AttoFil::from_fil(1);
/// Initial deposit.
pub(super) const DEPOSIT: AttoFil = AttoFil::from_fil(100);

/// Parameters of the rounds.
pub(super) fn parameters(args: &UpArgs) -> Parameters {
    let checkers = args.checkers;
    let tasks = (args.round / SECONDS_PER_TASK).clamp(1, MAX_TASKS.into()) as u16;
    Parameters {
        round_duration: args.round,
        // The contract's minimum.
        beacon_delay: 15,
        step: step(args.scenario),
        min_committee_size: committee(checkers),
        max_committee_size: Parameters::default().max_committee_size,
        quorum: quorum(checkers),
        max_tasks_per_committee: tasks,
        target_measurements: checkers * u32::from(tasks),
        budget: BUDGET,
    }
}

/// A file that nobody has delays a round by 147 steps, so that scenario has the shortest.
fn step(scenario: Option<Scenario>) -> u32 {
    match scenario {
        Some(Scenario::Garbage) => 1,
        _ => STEP,
    }
}

/// Minimum committee size: as in a public network, or all checkers if there are fewer.
fn committee(checkers: u32) -> u16 {
    Parameters::default().min_committee_size.min(checkers as u16)
}

/// Three quarters of the smallest committee, as in a public network.
fn quorum(checkers: u32) -> u16 {
    (committee(checkers) * 3 / 4).max(1)
}
