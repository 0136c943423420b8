//! Committees: ranges of the shuffled roster.

use alloc::vec::Vec;
use core::ops::Range;

use crate::{CommitteeIndex, ListIndex, OutOfRange, Place, Seat, Seed, Shuffle, StationIndex};

/// The committees of a round (`docs/protocol.md` §5): `C = ceil(N / maxCommitteeSize)`, and committee `c` is
/// `{ shuffled(p, N, rosterSeed) : floor(N·c/C) ≤ p < floor(N·(c+1)/C) }`.
///
/// One committee, or the committee of one station, is derived without the others: about 5 µs per station.
#[derive(Clone, Debug)]
pub struct Committees {
    shuffle: Shuffle,
    count: u32,
}

impl Committees {
    /// The committees of `stations` stations under a round's seed. There are none without stations, or if
    /// `max_size` is 0.
    #[must_use]
    pub fn new(seed: &Seed, stations: u32, max_size: u16) -> Self {
        let count = if max_size == 0 {
            0
        } else {
            stations.div_ceil(max_size.into())
        };
        Self {
            shuffle: Shuffle::new(seed.roster(), stations),
            count,
        }
    }

    /// No committees, over a roster of `stations`.
    pub(crate) fn none(seed: &Seed, stations: u32) -> Self {
        Self::new(seed, stations, 0)
    }

    /// Number of committees (C).
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Number of stations in the roster (N).
    #[must_use]
    pub fn stations(&self) -> u32 {
        self.shuffle.count()
    }

    /// The seats of a committee: consecutive positions of the shuffled roster.
    ///
    /// # Errors
    /// [`OutOfRange`] if there is no such committee.
    pub fn seats(&self, committee: CommitteeIndex) -> Result<Range<Seat>, OutOfRange> {
        OutOfRange::check("committee", committee.0, self.count)?;
        let start = |c: u64| Seat((u64::from(self.stations()) * c / u64::from(self.count)) as u32);
        let committee = u64::from(committee.0);
        Ok(start(committee)..start(committee + 1))
    }

    /// The committee of a seat.
    ///
    /// # Errors
    /// [`OutOfRange`] if there is no such seat, or no committee at all.
    pub fn committee_of(&self, seat: Seat) -> Result<CommitteeIndex, OutOfRange> {
        let seats = if self.count == 0 { 0 } else { self.stations() };
        OutOfRange::check("seat", seat.0, seats)?;
        // floor(N·c/C) ≤ p is N·c < C·(p+1), so the last such c is ceil(C·(p+1)/N) − 1.
        let first_beyond = (u64::from(self.count) * (u64::from(seat.0) + 1)).div_ceil(seats.into());
        Ok(CommitteeIndex((first_beyond - 1) as u32))
    }

    /// The committee and the seat of a station.
    ///
    /// # Errors
    /// [`OutOfRange`] if there is no such station, or no committee at all.
    pub fn seat_of(&self, station: StationIndex) -> Result<(CommitteeIndex, Seat), OutOfRange> {
        OutOfRange::check("station", station.0, self.stations())?;
        let Place(seat) = self.shuffle.inverse(ListIndex(station.0))?;
        let seat = Seat(seat);
        Ok((self.committee_of(seat)?, seat))
    }

    /// The station in a seat.
    ///
    /// # Errors
    /// [`OutOfRange`] if there is no such seat.
    pub fn station_on(&self, seat: Seat) -> Result<StationIndex, OutOfRange> {
        OutOfRange::check("seat", seat.0, self.stations())?;
        let ListIndex(station) = self.shuffle.forward(Place(seat.0))?;
        Ok(StationIndex(station))
    }

    /// The stations of one committee, by ascending seat.
    ///
    /// # Errors
    /// [`OutOfRange`] if there is no such committee.
    pub fn members(&self, committee: CommitteeIndex) -> Result<Vec<StationIndex>, OutOfRange> {
        let Range { start, end } = self.seats(committee)?;
        (start.0..end.0).map(|seat| self.station_on(Seat(seat))).collect()
    }

    /// The stations of all committees, each by ascending seat. Derived in one sweep: 60 ms for a million stations.
    #[must_use]
    pub fn all_members(&self) -> Vec<Vec<StationIndex>> {
        if self.count == 0 {
            return Vec::new();
        }
        let mapping = self.shuffle.mapping();
        (0..self.count)
            .filter_map(|committee| self.seats(CommitteeIndex(committee)).ok())
            .map(|seats| {
                mapping[seats.start.0 as usize..seats.end.0 as usize]
                    .iter()
                    .copied()
                    .map(|ListIndex(station)| StationIndex(station))
                    .collect()
            })
            .collect()
    }
}
