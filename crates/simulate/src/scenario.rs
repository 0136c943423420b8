//! Who plays.

use std::fmt;

use assize_protocol::{ListError, Parameters};
use serde::Serialize;
use thiserror::Error;

/// What the adversary's stations do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Claim that one provider serves, which never does; measure all others honestly.
    LieForOne,
    /// Report anything, and retrieve nothing.
    LieAtRandom,
    /// Each report something else, so that no majority is found; retrieve nothing.
    SplitVotes,
    /// As `LieForOne`, but with a tenth of the subnets that one station each would need.
    FewSubnets,
    /// Report what the majority will report, and retrieve nothing.
    CopyVotes,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::LieForOne,
        Self::LieAtRandom,
        Self::SplitVotes,
        Self::FewSubnets,
        Self::CopyVotes,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LieForOne => "lie-for-one",
            Self::LieAtRandom => "lie-at-random",
            Self::SplitVotes => "split-votes",
            Self::FewSubnets => "few-subnets",
            Self::CopyVotes => "copy-votes",
        }
    }

    /// Whether the stations really retrieve what they report on.
    #[must_use]
    pub const fn retrieves(self) -> bool {
        matches!(self, Self::LieForOne | Self::FewSubnets)
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What things cost, in any one unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Costs {
    /// A station for a round.
    pub station: f64,
    /// An address in a subnet of its own, for a round.
    pub subnet: f64,
    /// A retrieval.
    pub retrieval: f64,
}

impl Default for Costs {
    /// An address costs ten times what a station costs beside it, and a retrieval as much as a station.
    fn default() -> Self {
        Self {
            station: 1.0,
            subnet: 10.0,
            retrieval: 1.0,
        }
    }
}

/// Most stations of a play; with committees of one and a hundred tasks each, there are still fewer than 2^32 tasks.
const MOST_STATIONS: u32 = 1 << 24;

/// What is played.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Stations in all.
    pub stations: u32,
    /// The adversary's share of them.
    pub share: f64,
    /// The adversary's share of all subnets; as [`Self::share`] if each of its stations has a subnet, as honest ones do.
    pub subnet_share: f64,
    /// What the adversary does.
    pub strategy: Strategy,
    /// Rounds to play.
    pub rounds: u32,
    /// Probability that an honest station reports something else than its like, such as a timeout of its own.
    pub noise: f64,
    /// Of the network; `target_measurements` also says how many tasks a committee has.
    pub parameters: Parameters,
    /// The same number gives the same play.
    pub seed: u64,
}

/// How many there are of each, after rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Population {
    /// Stations in all.
    pub stations: u32,
    /// The adversary's stations.
    pub hostile: u32,
    /// The adversary's subnets.
    pub hostile_subnets: u32,
}

/// A scenario that cannot be played.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// A share outside of 0 to 1.
    #[error("{name} is {value}: give a share from 0 up to, but not including, 1")]
    Share {
        /// Which.
        name: &'static str,
        /// What was given.
        value: f64,
    },
    /// Too few to draw from.
    #[error("{stations} stations are too few: a committee has {least} at least")]
    Stations {
        /// How many were given.
        stations: u32,
        /// Fewest.
        least: u16,
    },
    /// More than a play has room for.
    #[error("{stations} stations are too many: {MOST_STATIONS} are the most")]
    TooMany {
        /// How many were given.
        stations: u32,
    },
    /// Nothing to play.
    #[error("there is no round to play: give at least one")]
    Rounds,
    /// More stations than a roster holds.
    #[error(transparent)]
    List(#[from] ListError),
}

impl Scenario {
    /// The adversary's stations, evenly spread over its subnets; both are rounded, so that subnets are equally full.
    ///
    /// # Errors
    /// [`ScenarioError`].
    pub fn population(&self) -> Result<Population, ScenarioError> {
        for (name, value) in [
            ("share", self.share),
            ("subnet share", self.subnet_share),
            ("noise", self.noise),
        ] {
            if !(0.0..1.0).contains(&value) {
                return Err(ScenarioError::Share { name, value });
            }
        }
        let least = self.parameters.min_committee_size;
        if self.stations < u32::from(least) {
            return Err(ScenarioError::Stations {
                stations: self.stations,
                least,
            });
        }
        if self.stations > MOST_STATIONS {
            return Err(ScenarioError::TooMany {
                stations: self.stations,
            });
        }
        if self.rounds == 0 {
            return Err(ScenarioError::Rounds);
        }
        let hostile = (self.share * f64::from(self.stations)).round() as u32;
        if hostile == 0 {
            return Ok(Population {
                stations: self.stations,
                hostile: 0,
                hostile_subnets: 0,
            });
        }
        let honest = self.stations - hostile;
        let wanted = self.subnet_share / (1.0 - self.subnet_share) * f64::from(honest);
        let subnets = (wanted.round() as u32).clamp(1, hostile);
        let each = hostile.div_ceil(subnets);
        let hostile_subnets = hostile / each;
        Ok(Population {
            stations: self.stations,
            hostile: hostile_subnets * each,
            hostile_subnets,
        })
    }
}
