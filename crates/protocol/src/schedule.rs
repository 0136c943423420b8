//! When drand rounds are published.

use core::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::BeaconRound;

/// The timetable of a drand chain: round `r` is published at `genesis + (r − 1)·period` (`docs/protocol.md` §2).
///
/// ```
/// use assize_protocol::{BeaconRound, BeaconSchedule};
///
/// assert_eq!(BeaconSchedule::QUICKNET.round_at(1_692_803_367), Some(BeaconRound(1)));
/// assert_eq!(BeaconSchedule::QUICKNET.round_after(1_692_803_367), BeaconRound(2));
/// assert_eq!(BeaconSchedule::QUICKNET.time_of(BeaconRound(2)), Some(1_692_803_370));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeaconSchedule {
    /// Unix time of round 1, seconds.
    pub genesis: u64,
    /// Seconds between rounds.
    pub period: NonZeroU64,
}

impl BeaconSchedule {
    /// drand quicknet: every 3 s since 2023-08-23T15:09:27Z.
    pub const QUICKNET: Self = Self::every::<3>(1_692_803_367);
    /// drand's default chain: every 30 s since 2020-07-22T15:17:30Z.
    pub const DEFAULT_CHAIN: Self = Self::every::<30>(1_595_431_050);

    /// drand evmnet: every 3 s since 2024-09-28T10:57:55Z.
    pub const EVMNET: Self = Self::every::<3>(1_727_521_075);

    /// A timetable; `None` if the period is zero.
    #[must_use]
    pub const fn new(genesis: u64, period: u64) -> Option<Self> {
        match NonZeroU64::new(period) {
            Some(period) => Some(Self { genesis, period }),
            None => None,
        }
    }

    const fn every<const PERIOD: u64>(genesis: u64) -> Self {
        const { assert!(PERIOD > 0) };
        match Self::new(genesis, PERIOD) {
            Some(schedule) => schedule,
            None => Self {
                genesis,
                period: NonZeroU64::MIN,
            },
        }
    }

    /// The newest round published at or before Unix time `t` (seconds); `None` before genesis.
    #[must_use]
    pub const fn round_at(&self, t: u64) -> Option<BeaconRound> {
        match t.checked_sub(self.genesis) {
            Some(elapsed) => Some(BeaconRound((elapsed / self.period.get()).saturating_add(1))),
            None => None,
        }
    }

    /// Unix time (seconds) at which `round` is published; `None` for round 0, which does not exist, and for rounds
    /// beyond the end of 64-bit time.
    #[must_use]
    pub const fn time_of(&self, round: BeaconRound) -> Option<u64> {
        let Some(elapsed_rounds) = round.0.checked_sub(1) else {
            return None;
        };
        match elapsed_rounds.checked_mul(self.period.get()) {
            Some(elapsed) => self.genesis.checked_add(elapsed),
            None => None,
        }
    }

    /// The first round published strictly after Unix time `t` (seconds); `DrandBeacon.roundAfter` on chain.
    /// `FilecoinBeacon` returns a later round: the next one in a Filecoin epoch.
    #[must_use]
    pub const fn round_after(&self, t: u64) -> BeaconRound {
        match self.round_at(t) {
            Some(round) => BeaconRound(round.0.saturating_add(1)),
            None => BeaconRound(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BeaconRound, BeaconSchedule};

    const QUICKNET: BeaconSchedule = BeaconSchedule::QUICKNET;

    /// Times of Filecoin epochs, and the rounds that Spark computes for them.
    #[test]
    fn rounds_of_known_times() {
        for (time, round) in [
            (1_721_639_730, 9_612_122),
            (1_720_706_400, 9_301_012),
            (1_748_306_400, 18_501_012),
        ] {
            assert_eq!(QUICKNET.round_at(time), Some(BeaconRound(round)));
        }
    }

    #[test]
    fn edges() {
        assert_eq!(QUICKNET.round_at(QUICKNET.genesis - 1), None);
        assert_eq!(QUICKNET.round_after(QUICKNET.genesis - 1), BeaconRound(1));
        assert_eq!(QUICKNET.round_after(0), BeaconRound(1));
        assert_eq!(QUICKNET.round_after(QUICKNET.genesis), BeaconRound(2));
        assert_eq!(QUICKNET.time_of(BeaconRound(0)), None);
        assert_eq!(QUICKNET.time_of(BeaconRound(u64::MAX)), None);
        assert_eq!(BeaconSchedule::new(5, 0), None);
        let densest = BeaconSchedule::new(0, 1).unwrap();
        assert_eq!(densest.round_after(u64::MAX), BeaconRound(u64::MAX));
    }

    proptest! {
        #[test]
        fn the_next_round_is_later_and_its_predecessor_is_not(t in 0..1_u64 << 40, genesis in 0..1_u64 << 35, period in 1..100_u64) {
            let schedule = BeaconSchedule::new(genesis, period).unwrap();
            let next = schedule.round_after(t);
            prop_assert!(schedule.time_of(next).unwrap() > t);
            if next.0 > 1 {
                prop_assert!(schedule.time_of(BeaconRound(next.0 - 1)).unwrap() <= t);
            }
        }
    }
}
