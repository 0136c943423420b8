//! Alerts for the operator.

use std::fmt;

use alloy_primitives::Address;
use assize_chain::Announced;
use assize_outbox::QueueAlert;
use assize_protocol::RoundNumber;
use assize_service::date_and_time;

/// A problem that needs attention before rounds are missed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CoordinatorAlert {
    /// A round's opening is late by half a round. After a whole round, anyone may open it with the old lists.
    OpeningLate {
        /// The round.
        round: RoundNumber,
        /// Seconds since it could have been opened.
        seconds: u64,
    },
    /// A round's beacon was published half a round ago and has not been revealed.
    RevealLate {
        /// The round.
        round: RoundNumber,
        /// Seconds since its publication.
        seconds: u64,
    },
    /// Too few stations are live.
    TooFewStations {
        /// Number of live stations.
        live: u32,
        /// Number required.
        wanted: u32,
    },
    /// The task file is invalid.
    Tasks {
        /// The problem, and its consequence.
        reason: String,
    },
    /// A beacon is due but unavailable.
    Beacon {
        /// The round that needs it.
        round: RoundNumber,
        /// The sources' errors.
        reason: String,
    },
    /// The contract rejects an opening or a reveal.
    Refused {
        /// The transaction's name in the queue.
        what: String,
        /// The contract's reason.
        reason: String,
    },
    /// A round whose opening was final is missing on chain.
    Vanished {
        /// The round.
        round: RoundNumber,
    },
    /// The guardian suspended the coordinator, and no other one has taken office.
    Suspended {
        /// The announced coordinator.
        next: Option<Announced<Address>>,
    },
    /// Another key is the coordinator's.
    Replaced {
        /// The coordinator.
        coordinator: Address,
        /// The announced one.
        next: Option<Announced<Address>>,
    },
    /// The queue does not move.
    Queue(QueueAlert),
}

impl CoordinatorAlert {
    /// All kinds, as metrics name them.
    pub const KINDS: [&str; 12] = [
        "opening_late",
        "reveal_late",
        "too_few_stations",
        "tasks",
        "beacon",
        "refused",
        "vanished",
        "suspended",
        "replaced",
        "parked",
        "stuck",
        "stale_node",
    ];
}

impl assize_service::Alert for CoordinatorAlert {
    fn kind(&self) -> &'static str {
        let place = match self {
            Self::OpeningLate { .. } => 0,
            Self::RevealLate { .. } => 1,
            Self::TooFewStations { .. } => 2,
            Self::Tasks { .. } => 3,
            Self::Beacon { .. } => 4,
            Self::Refused { .. } => 5,
            Self::Vanished { .. } => 6,
            Self::Suspended { .. } => 7,
            Self::Replaced { .. } => 8,
            Self::Queue(alert) => return alert.kind(),
        };
        Self::KINDS[place]
    }

    /// Whether rounds are at risk.
    fn is_grave(&self) -> bool {
        !matches!(self, Self::TooFewStations { .. } | Self::Tasks { .. })
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
                "the beacon of round {round} was published {seconds} s ago and is not revealed: see why it waits; anyone may reveal it with `assize round reveal {round}`"
            ),
            Self::TooFewStations { live, wanted } => write!(
                f,
                "only {live} of the required {wanted} stations are live, so no round is opened: check that their heartbeats arrive"
            ),
            Self::Tasks { reason } => f.write_str(reason),
            Self::Beacon { round, reason } => write!(f, "no beacon for round {round}: {reason}"),
            Self::Refused { what, reason } => write!(f, "the contract rejects {what}: {reason}"),
            Self::Vanished { round } => write!(
                f,
                "the chain does not have round {round}, whose opening was final: if it was reset, move coordinator.sqlite out of --data; if the node lags, wait"
            ),
            Self::Suspended { next } => {
                f.write_str(
                    "the guardian suspended the coordinator, so this one opens no rounds; anyone can, with the old lists: `assize round open --as-before`; ",
                )?;
                match next {
                    Some(next) => takes_office(f, next),
                    None => f.write_str(
                        "the next one takes office one challenge window after the owner has announced it: `assize admin set-coordinator ADDRESS`",
                    ),
                }
            }
            Self::Replaced { coordinator, next } => {
                write!(
                    f,
                    "the network's coordinator is {coordinator}, so this one opens no rounds: stop it, or use that key"
                )?;
                match next {
                    Some(next) => {
                        f.write_str("; ")?;
                        takes_office(f, next)
                    }
                    None => Ok(()),
                }
            }
            Self::Queue(alert) => alert.fmt(f),
        }
    }
}

fn takes_office(f: &mut fmt::Formatter<'_>, next: &Announced<Address>) -> fmt::Result {
    write!(
        f,
        "{} takes office at {}",
        next.value,
        date_and_time(next.effective_at)
    )
}
