//! What a person should look at.

use std::fmt;

use assize_protocol::RoundNumber;

/// What a person should look at, before rounds are missed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CoordinatorAlert {
    /// A round could have been opened half a round ago. After a whole one, anyone may open it with the old lists.
    OpeningLate {
        /// Which.
        round: RoundNumber,
        /// Since it could have been.
        seconds: u64,
    },
    /// A round's beacon has been published for half a round, and is not revealed.
    RevealLate {
        /// Which.
        round: RoundNumber,
        /// Since it was published.
        seconds: u64,
    },
    /// Too few stations are live.
    TooFewStations {
        /// How many are.
        live: u32,
        /// How many must be.
        wanted: u32,
    },
    /// The file of tasks is not good.
    Tasks {
        /// What is wrong with it, and what goes on meanwhile.
        reason: String,
    },
    /// A beacon is due and not to be had.
    Beacon {
        /// Of which round.
        round: RoundNumber,
        /// What the sources said.
        reason: String,
    },
    /// The contract refuses an opening or a reveal.
    Refused {
        /// Which, as the queue names it.
        what: String,
        /// The contract's reason.
        reason: String,
    },
    /// The chain has forgotten a round whose opening was final.
    Vanished {
        /// Which.
        round: RoundNumber,
    },
    /// Transactions wait for a cap or for funds.
    Parked {
        /// How many.
        transactions: u64,
    },
}

impl CoordinatorAlert {
    /// The kinds, as metrics name them.
    pub const KINDS: [&str; 8] = [
        "opening_late",
        "reveal_late",
        "too_few_stations",
        "tasks",
        "beacon",
        "refused",
        "vanished",
        "parked",
    ];

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        Self::KINDS[match self {
            Self::OpeningLate { .. } => 0,
            Self::RevealLate { .. } => 1,
            Self::TooFewStations { .. } => 2,
            Self::Tasks { .. } => 3,
            Self::Beacon { .. } => 4,
            Self::Refused { .. } => 5,
            Self::Vanished { .. } => 6,
            Self::Parked { .. } => 7,
        }]
    }
}

impl assize_service::Alert for CoordinatorAlert {
    fn kind(&self) -> &'static str {
        Self::kind(self)
    }

    /// Whether rounds do not go on as they should.
    fn is_grave(&self) -> bool {
        !matches!(
            self,
            Self::TooFewStations { .. } | Self::Tasks { .. } | Self::Beacon { .. }
        )
    }
}

impl fmt::Display for CoordinatorAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpeningLate { round, seconds } => write!(
                f,
                "round {round} could have been opened {seconds} s ago: see why it waits; `assize round open --as-before` opens it with the old lists"
            ),
            Self::RevealLate { round, seconds } => write!(
                f,
                "the beacon of round {round} was published {seconds} s ago and is not revealed: see why it waits; anyone may, with `assize round reveal {round}`"
            ),
            Self::TooFewStations { live, wanted } => write!(
                f,
                "{live} stations are live and {wanted} must be, so no round is opened: do their heartbeats arrive?"
            ),
            Self::Tasks { reason } => f.write_str(reason),
            Self::Beacon { round, reason } => write!(f, "no beacon for round {round}: {reason}"),
            Self::Refused { what, reason } => write!(f, "the contract refuses {what}: {reason}"),
            Self::Vanished { round } => write!(
                f,
                "the chain does not know round {round}, whose opening was final: if it was reset, move coordinator.sqlite out of --data; if the node lags, this passes"
            ),
            Self::Parked { transactions } => write!(
                f,
                "{transactions} transactions wait for a cap on gas or spending, or for FIL in the wallet"
            ),
        }
    }
}
