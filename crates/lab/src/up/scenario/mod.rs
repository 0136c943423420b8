//! What goes wrong in the network on purpose, and what must come of it all the same.
//!
//! Every scenario ends as a run without one: each round is settled and paid, and a new process recomputes the last settlement.

mod garbage;
mod idle;
mod outage;
mod refusal;
mod squatter;
mod theft;
mod withheld;

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

use super::environment::Environment;
use super::network::Processes;
use super::screen::State;

pub(super) use self::idle::{AWAY, Idling};
pub(super) use self::refusal::refusing_proxy;

/// What goes wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scenario {
    /// A publisher commits a batch that nobody has.
    Garbage,
    /// A publisher copies the other's commitments before they are mined.
    Squatter,
    /// Two evaluators grant everything to a thief, and try again after the veto.
    Theft,
    /// The coordinator takes no measurements from one station.
    LeftOut,
    /// Two of three evaluators are down for a while.
    Outage,
    /// The publisher commits batches and gives their files to nobody.
    Withheld,
    /// Nobody measures in 600 rounds.
    Idle,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Garbage => "garbage: a publisher commits a batch that nobody has",
            Self::Squatter => "squatter: a publisher copies the other's commitments before they are mined",
            Self::Theft => "theft: two evaluators grant everything to a thief, and try again after the veto",
            Self::LeftOut => "left out: the coordinator takes no measurements from one station",
            Self::Outage => "outage: two of three evaluators are down for a while",
            Self::Withheld => "withheld: the publisher commits batches and gives their files to nobody",
            Self::Idle => "idle: nobody measures in 600 rounds; their clock is simulated",
        })
    }
}

/// A scenario in progress.
pub(super) enum Mischief {
    Garbage(garbage::Garbage),
    Squatter(squatter::Squatter),
    Theft(theft::Theft),
    LeftOut(refusal::LeftOut),
    Outage(outage::Outage),
    Withheld(withheld::Withheld),
    Idle(idle::Idle),
}

impl Mischief {
    pub(super) fn of(scenario: Scenario) -> Self {
        match scenario {
            Scenario::Garbage => Self::Garbage(garbage::Garbage::default()),
            Scenario::Squatter => Self::Squatter(squatter::Squatter::default()),
            Scenario::Theft => Self::Theft(theft::Theft::default()),
            Scenario::LeftOut => Self::LeftOut(refusal::LeftOut),
            Scenario::Outage => Self::Outage(outage::Outage::default()),
            Scenario::Withheld => Self::Withheld(withheld::Withheld),
            Scenario::Idle => Self::Idle(idle::Idle::default()),
        }
    }

    /// Does what is due at this point of the run.
    pub(super) async fn step(
        &mut self,
        environment: &Environment,
        processes: &mut Processes,
        state: &State,
    ) -> eyre::Result<()> {
        match self {
            Self::Garbage(mischief) => mischief.step(environment, state).await,
            Self::Squatter(mischief) => mischief.step(environment).await,
            Self::Theft(mischief) => mischief.step(environment, processes, state).await,
            Self::LeftOut(_) | Self::Withheld(_) => Ok(()),
            Self::Outage(mischief) => mischief.step(environment, processes, state),
            Self::Idle(mischief) => mischief.step(processes, state),
        }
    }

    /// What came of it, once everything is paid.
    ///
    /// # Errors
    /// It did not happen, or was not made good.
    pub(super) async fn outcome(&self, environment: &Environment) -> eyre::Result<String> {
        match self {
            Self::Garbage(_) => garbage::outcome(environment).await,
            Self::Squatter(mischief) => mischief.outcome(environment).await,
            Self::Theft(mischief) => mischief.outcome(environment).await,
            Self::LeftOut(_) => refusal::outcome(environment).await,
            Self::Outage(mischief) => mischief.outcome(),
            Self::Withheld(_) => withheld::outcome(environment).await,
            Self::Idle(_) => idle::outcome(environment).await,
        }
    }
}
