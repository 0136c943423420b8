//! The bounds of round parameters. `contracts/src/libraries/ParameterBounds.sol` enforces them, and names the first violation;
//! here all are named at once. A test compares the two.

use std::ops::RangeInclusive;

use alloy_primitives::U256;
use assize_protocol::{AttoFil, Parameters};

/// Each parameter's key in the file, its value, and the values that the contract accepts beside the other parameters.
pub(crate) fn of(p: &Parameters) -> [(&'static str, U256, RangeInclusive<U256>); 9] {
    let bounded = |key, value: u32, least: u32, most: u32| {
        (key, U256::from(value), U256::from(least)..=U256::from(most))
    };
    let committee = p.max_committee_size.into();
    let longest_delay = p.round_duration.saturating_sub(1).min(3_600);
    [
        bounded("roundDuration", p.round_duration, 60, 604_800),
        bounded("beaconDelay", p.beacon_delay, 15, longest_delay),
        bounded("commitGrace", p.commit_grace, 60, 86_400),
        bounded("maxCommitteeSize", committee, 1, 1_000),
        bounded("minCommitteeSize", p.min_committee_size.into(), 1, committee),
        bounded("quorum", p.quorum.into(), 1, committee),
        bounded(
            "maxTasksPerCommittee",
            p.max_tasks_per_committee.into(),
            1,
            10_000,
        ),
        bounded("targetMeasurements", p.target_measurements, 1, 100_000_000),
        (
            "budget",
            p.budget.atto(),
            U256::ZERO..=AttoFil::from_fil(1_000_000).atto(),
        ),
    ]
}
