//! Populations and strategies.

use std::fmt;

use assize_protocol::{ListError, Parameters};
use serde::Serialize;
use thiserror::Error;

/// The strategy of the adversary's stations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Report that one provider serves although it never does; measure all others honestly.
    LieForOne,
    /// Report random results, and retrieve nothing.
    LieAtRandom,
    /// Report a different result each, so that no majority is found; retrieve nothing.
    SplitVotes,
    /// Same as `LieForOne`, but with a tenth of the subnets.
    FewSubnets,
    /// Report what the majority will report, and retrieve nothing.
    CopyVotes,
}

impl Strategy {
    /// All strategies.
    pub const ALL: [Self; 5] = [
        Self::LieForOne,
        Self::LieAtRandom,
        Self::SplitVotes,
        Self::FewSubnets,
        Self::CopyVotes,
    ];

    /// The name on the command line.
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

/// Costs, in the same unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Costs {
    /// Cost of a station per round.
    pub station: f64,
    /// Cost of an address in a separate subnet, per round.
    pub subnet: f64,
    /// Cost of a retrieval.
    pub retrieval: f64,
}

impl Default for Costs {
    /// A subnet address costs ten times as much as a station, and a retrieval as much as a station.
    fn default() -> Self {
        Self {
            station: 1.0,
            subnet: 10.0,
            retrieval: 1.0,
        }
    }
}

/// Maximum number of stations. With committees of one and a hundred tasks each, there are still fewer than 2^32 tasks.
const MAX_STATIONS: u32 = 1 << 24;

/// The setup of a simulation.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Number of all stations.
    pub stations: u32,
    /// The adversary's share of them.
    pub share: f64,
    /// The adversary's share of all subnets. Equal to [`Self::share`] if each of its stations has its own subnet, like
    /// honest ones.
    pub subnet_share: f64,
    /// The adversary's strategy.
    pub strategy: Strategy,
    /// Number of rounds.
    pub rounds: u32,
    /// Probability that an honest station deviates from the others, for example by a timeout of its own.
    pub noise: f64,
    /// Parameters of the network; `target_measurements` also sets the number of tasks per committee.
    pub parameters: Parameters,
    /// Seed: the same seed gives the same simulation.
    pub seed: u64,
}

/// Numbers of stations and subnets, after rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Population {
    /// Number of all stations.
    pub stations: u32,
    /// Number of the adversary's stations.
    pub hostile: u32,
    /// Number of the adversary's subnets.
    pub hostile_subnets: u32,
}

/// An invalid scenario.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// A share outside of 0 to 1.
    #[error("{name} is {value}: use a share of at least 0 and less than 1")]
    Share {
        /// The name of the share.
        name: &'static str,
        /// The given value.
        value: f64,
    },
    /// Too few stations.
    #[error("{stations} stations are too few: a committee has at least {min}")]
    Stations {
        /// The given number.
        stations: u32,
        /// The minimum.
        min: u16,
    },
    /// Too many stations.
    #[error("{stations} stations are too many: the maximum is {MAX_STATIONS}")]
    TooMany {
        /// The given number.
        stations: u32,
    },
    /// No rounds.
    #[error("the number of rounds is 0: use at least 1")]
    Rounds,
    /// More stations than a roster can hold.
    #[error(transparent)]
    List(#[from] ListError),
}

impl Scenario {
    /// The adversary's stations are spread evenly over its subnets. Both numbers are rounded, so that all subnets are
    /// equally full.
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
        let min = self.parameters.min_committee_size;
        if self.stations < u32::from(min) {
            return Err(ScenarioError::Stations {
                stations: self.stations,
                min,
            });
        }
        if self.stations > MAX_STATIONS {
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
