//! What a pass leaves.

use assize_protocol::RoundNumber;

use super::CoordinatorAlert;

/// Why the next round is not opened now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waiting {
    /// The one before has not closed.
    Until {
        /// When it does, Unix seconds by the chain's clock.
        closes_at: u64,
    },
    /// Its opening is under way.
    UnderWay,
    /// Too few stations are live, after those of crowded subnets are left out.
    TooFewStations {
        /// How many are.
        live: u32,
        /// How many must be.
        wanted: u32,
    },
    /// There is no good list of tasks.
    NoTasks,
    /// The contract refused the opening; it is tried again after a pause.
    Refused,
}

/// The state of affairs after a pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassReport {
    /// The newest round.
    pub latest: Option<RoundNumber>,
    /// Time of the newest block, Unix seconds.
    pub now: u64,
    /// Why the next round is not open.
    pub waiting: Option<Waiting>,
    /// Seconds since the next round could have been opened; 0 while it cannot.
    pub overdue: u64,
    /// Rounds that are not revealed and still can be, newest first.
    pub unrevealed: Vec<RoundNumber>,
    /// Seconds between the close of the round before and the opening of the newest one.
    pub opening_lag: Option<u64>,
    /// Seconds between the publication of a beacon and the first look at the chain that showed it revealed, for the
    /// newest round that this run saw revealed.
    pub reveal_lag: Option<u64>,
    /// Entries of roster and task list of the newest round.
    pub lists: Option<(u32, u32)>,
    /// What a person should look at.
    pub alerts: Vec<CoordinatorAlert>,
}
