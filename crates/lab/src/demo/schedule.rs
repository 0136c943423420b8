//! When the demo's rounds open and close, so that the contract requires recorded beacons.

use assize_protocol::{BeaconRound, BeaconSchedule};
use eyre::{OptionExt, ensure};

/// Pairs of recorded quicknet rounds: one seeds a round, the other chooses its voters after it closes. The distance
/// makes rounds of one to five minutes.
const PAIRS: [(u64, u64); 3] = [
    (17_133_822, 17_133_832),
    (30_662_982, 30_662_992),
    (31_543_729, 31_543_812),
];
/// Below it are more recorded rounds, four and a half days apart; demos of more than three rounds use pairs of them.
const SPARSE_BEFORE: u64 = 3_100_000;
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
        .filter(|round| round.0 < SPARSE_BEFORE)
        .collect();
    let available = PAIRS.len() + sparse.len() / 2;
    ensure!(
        (1..=available).contains(&rounds),
        "--rounds {rounds}: beacons are recorded for 1 to {available} rounds"
    );
    let extra = rounds.saturating_sub(PAIRS.len());
    let pairs = sparse.chunks_exact(2).take(extra).map(|pair| (pair[0], pair[1]));
    let before = |beacon| Some(schedule.time_of(beacon)? - MARGIN);
    let slot = |(beacon, dedupe_beacon)| {
        let opens_before = before(beacon)?;
        Some(Slot {
            opened_at: opens_before - u64::from(beacon_delay),
            duration: (before(dedupe_beacon)? - opens_before) as u32 + beacon_delay,
            beacon,
            dedupe_beacon,
        })
    };
    pairs
        .chain(
            PAIRS
                .into_iter()
                .take(rounds)
                .map(|(beacon, dedupe)| (BeaconRound(beacon), BeaconRound(dedupe))),
        )
        .map(slot)
        .collect::<Option<_>>()
        .ok_or_eyre("a beacon's time is out of range")
}

#[cfg(test)]
mod tests {
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
            let slots = plan(rounds, &recorded, schedule, 30).unwrap();
            assert_eq!(slots.len(), rounds);
            for slot in &slots {
                let closes_at = slot.opened_at + u64::from(slot.duration);
                assert_eq!(schedule.round_after(slot.opened_at + 30), slot.beacon);
                assert_eq!(schedule.round_after(closes_at), slot.dedupe_beacon);
                assert!(recorded.contains(&slot.beacon) && recorded.contains(&slot.dedupe_beacon));
            }
            for pair in slots.windows(2) {
                assert!(pair[0].opened_at + u64::from(pair[0].duration) + 1_200 < pair[1].opened_at);
            }
        }
        assert!(plan(0, &recorded, schedule, 30).is_err());
        assert!(plan(16, &recorded, schedule, 30).is_err());
    }
}
