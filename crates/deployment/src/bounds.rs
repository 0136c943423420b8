//! The bounds of round parameters. `contracts/src/libraries/ParameterBounds.sol` enforces them, and names the first violation;
//! here all are named at once. A test compares the two.

use std::fmt::Display;

use assize_protocol::{AttoFil, Parameters};

/// `ParameterBounds.MIN_BEACON_DELAY`, seconds.
const MIN_BEACON_DELAY: u32 = 15;
/// `ParameterBounds.MIN_BEACON_DELAY_ON_FILECOIN`, seconds.
const MIN_BEACON_DELAY_ON_FILECOIN: u32 = 150;

/// The parameters that the contract would reject, on Filecoin or elsewhere: each key in the file, and what is wrong.
pub(crate) fn violations(p: &Parameters, is_filecoin: bool) -> Vec<(&'static str, String)> {
    let committee = u32::from(p.max_committee_size);
    let shortest_delay = match is_filecoin {
        true => MIN_BEACON_DELAY_ON_FILECOIN,
        false => MIN_BEACON_DELAY,
    };
    let longest_delay = p.round_duration.saturating_sub(1).min(3_600);
    let tasks = p.max_tasks_per_committee.into();
    let most_tasks = Parameters::MOST_TASKS_PER_COMMITTEE.into();
    let found = [
        check("roundDuration", p.round_duration, 60, 604_800),
        check("beaconDelay", p.beacon_delay, shortest_delay, longest_delay),
        check("step", p.step, 1, 3_600),
        check("maxCommitteeSize", committee, 1, 1_000),
        check("minCommitteeSize", p.min_committee_size.into(), 1, committee),
        check("quorum", p.quorum.into(), 1, committee),
        check("maxTasksPerCommittee", tasks, 1, most_tasks),
        check("targetMeasurements", p.target_measurements, 1, 100_000_000),
        check("budget", p.budget, AttoFil::ZERO, AttoFil::from_fil(1_000_000)),
    ];
    found.into_iter().flatten().collect()
}

fn check<T: PartialOrd + Display>(
    key: &'static str,
    value: T,
    least: T,
    most: T,
) -> Option<(&'static str, String)> {
    let is_in = least <= value && value <= most;
    (!is_in).then(|| {
        let reason = format!("{value} is out of the contract's bounds: use {least} to {most}");
        (key, reason)
    })
}
