//! Distinct types for numbers that must not be confused: rounds, stations, tasks, committees, seats.

use core::fmt;
use core::num::ParseIntError;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// An index that does not exist in its round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {index} does not exist: there are {count}, numbered from 0")]
pub struct OutOfRange {
    /// What is counted: "station", "committee", "task", "seat" or "index".
    pub what: &'static str,
    /// The index requested.
    pub index: u64,
    /// Number of settlements.
    pub count: u64,
}

impl OutOfRange {
    /// `Ok` if `index` is below `count`.
    pub(crate) fn check(what: &'static str, index: u32, count: u32) -> Result<(), Self> {
        if index < count {
            return Ok(());
        }
        Err(Self {
            what,
            index: index.into(),
            count: count.into(),
        })
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, ParseIntError> {
                text.parse().map(Self)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
}

number!(
    /// Number of a round of the `Rounds` contract, from 1; 0 means none. Not a drand round.
    RoundNumber(u64)
);
number!(
    /// Number of a drand round, from 1; 0 does not exist. Not a round of the protocol: see [`RoundNumber`].
    BeaconRound(u64)
);
number!(
    /// Position of a station in its round's roster, from 0.
    StationIndex(u32)
);
number!(
    /// Position of a task in its round's task list, from 0.
    TaskIndex(u32)
);
number!(
    /// Number of a committee of a round, from 0.
    CommitteeIndex(u32)
);
number!(
    /// A position in the shuffled roster, from 0: the station in seat `p` is `shuffled(p)`. Each committee has a range of
    /// consecutive seats (`docs/protocol.md` §5).
    Seat(u32)
);
number!(
    /// Number `k` of a task among its committee's T tasks, from 0. Not its index in the list: see [`TaskIndex`].
    TaskNumber(u32)
);
number!(
    /// Index of an entry in the list before shuffling, from 0.
    ListIndex(u32)
);
number!(
    /// Position in the shuffled order of a list, from 0. `shuffled(place)` is the index of the entry there.
    Place(u32)
);
