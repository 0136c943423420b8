//! When the demo's rounds open and close, so that the contract requires recorded beacons.

use std::ops::RangeInclusive;

use assize_protocol::{BeaconRound, BeaconSchedule};
use eyre::{OptionExt, ensure};

/// Pairs of recorded quicknet rounds: one seeds a round, the other chooses its voters after it is over. The distance
/// makes rounds of three to six minutes.
const PAIRS: [(u64, u64); 3] = [(43, 123), (30_662_982, 30_663_002), (31_543_729, 31_543_812)];
/// Between them are more recorded rounds, four and a half days apart; demos of more than three rounds use pairs of them.
const SPARSE: RangeInclusive<u64> = 64_000..=3_100_000;
/// Unit of the timetable after closing, seconds: the recorded beacons leave no time for the minute of a public network.
pub(super) const STEP: u32 = 1;
/// Steps from the closing to the time after which the dedupe beacon is published (docs/protocol.md §3.1).
const STEPS_TO_DEDUPE: u64 = 32;
/// A round opens this many seconds before the last moment for its beacon.
const MARGIN: u64 = 2;

/// One round of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    /// Unix seconds.
    pub opened_at: u64,
    /// Seconds.
    pub duration: u32,
    /// drand round that seeds the committees.
    pub beacon: BeaconRound,
    /// drand round that chooses one voter for each subnet.
    pub dedupe_beacon: BeaconRound,
}

/// Plans `rounds` rounds with recorded beacons, in order of time.
pub(super) fn plan(
    rounds: usize,
    recorded: &[BeaconRound],
    schedule: BeaconSchedule,
    beacon_delay: u32,
) -> eyre::Result<Vec<Slot>> {
    let sparse: Vec<BeaconRound> = recorded
        .iter()
        .copied()
        .filter(|round| SPARSE.contains(&round.0))
        .collect();
    let available = PAIRS.len() + sparse.len() / 2;
    ensure!(
        (1..=available).contains(&rounds),
        "--rounds {rounds}: beacons are recorded for 1 to {available} rounds"
    );
    let extra = rounds.saturating_sub(PAIRS.len());
    let pairs = sparse.chunks_exact(2).take(extra).map(|pair| (pair[0], pair[1]));
    let before = |beacon| Some(schedule.time_of(beacon)? - MARGIN);
    let after_closing = STEPS_TO_DEDUPE * u64::from(STEP);
    let slot = |(beacon, dedupe_beacon)| {
        let opens_before = before(beacon)?;
        Some(Slot {
            opened_at: opens_before - u64::from(beacon_delay),
            duration: (before(dedupe_beacon)? - after_closing - opens_before) as u32 + beacon_delay,
            beacon,
            dedupe_beacon,
        })
    };
    let mut slots: Vec<_> = pairs
        .chain(
            PAIRS
                .into_iter()
                .take(rounds)
                .map(|(beacon, dedupe)| (BeaconRound(beacon), BeaconRound(dedupe))),
        )
        .map(slot)
        .collect::<Option<_>>()
        .ok_or_eyre("a beacon's time is out of range")?;
    slots.sort_unstable_by_key(|slot| slot.opened_at);
    Ok(slots)
}

#[cfg(test)]
mod tests {
    use assize_chain::Times;

    use super::*;

    #[test]
    fn every_plan_uses_recorded_beacons_and_never_overlaps() {
        let recorded: Vec<BeaconRound> = assize_testkit::fixtures::beacons()
            .unwrap()
            .iter()
            .map(|beacon| beacon.round)
            .collect();
        let schedule = BeaconSchedule::QUICKNET;
        for rounds in 1..=15 {
            let slots = plan(rounds, &recorded, schedule, 150).unwrap();
            assert_eq!(slots.len(), rounds);
            for slot in &slots {
                let closes_at = slot.opened_at + u64::from(slot.duration);
                assert_eq!(schedule.round_after(slot.opened_at + 150), slot.beacon);
                let times = Times::of(closes_at, STEP);
                assert_eq!(schedule.round_after(times.dedupe_from), slot.dedupe_beacon);
                assert!(recorded.contains(&slot.beacon) && recorded.contains(&slot.dedupe_beacon));
            }
            for pair in slots.windows(2) {
                // A change of parameters is announced a day ahead, after the round before.
                assert!(pair[0].opened_at + u64::from(pair[0].duration) + 86_500 < pair[1].opened_at);
            }
        }
        assert!(plan(0, &recorded, schedule, 150).is_err());
        assert!(plan(16, &recorded, schedule, 150).is_err());
    }
}
