//! Alerts for the operator of a publisher.

use std::fmt;

use assize_outbox::QueueAlert;
use assize_protocol::RoundNumber;
use assize_service::duration;

/// A condition under which measurements may be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublisherAlert {
    /// Most of the time for a round's commits is over, and some of its measurements are not committed.
    Uncommitted {
        /// The round.
        round: RoundNumber,
        /// Seconds until its time for batches ends.
        left: u64,
    },
    /// Measurements were not committed in time, and no batch has been committed since.
    Lost {
        /// Their number.
        measurements: u64,
    },
    /// The queue does not move.
    Queue(QueueAlert),
}

impl PublisherAlert {
    /// All kinds, as metrics name them.
    pub const KINDS: [&str; 5] = ["uncommitted", "lost", "parked", "stuck", "stale_node"];
}

impl assize_service::Alert for PublisherAlert {
    fn kind(&self) -> &'static str {
        match self {
            Self::Uncommitted { .. } => Self::KINDS[0],
            Self::Lost { .. } => Self::KINDS[1],
            Self::Queue(alert) => alert.kind(),
        }
    }

    fn subject(&self) -> Option<String> {
        match self {
            Self::Uncommitted { round, .. } => Some(round.to_string()),
            Self::Lost { .. } | Self::Queue(_) => None,
        }
    }

    fn is_grave(&self) -> bool {
        true
    }
}

impl fmt::Display for PublisherAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uncommitted { round, left } => write!(
                f,
                "measurements of round {round} are not committed, and its time for batches ends in {}: see why the store or the transactions wait",
                duration(*left)
            ),
            Self::Lost { measurements } => write!(
                f,
                "{} not committed before the end of their round's time for batches, and earn nothing unless their stations commit them: see in the log why the store or the transactions waited",
                match measurements {
                    1 => "1 measurement was".to_owned(),
                    many => format!("{many} measurements were"),
                }
            ),
            Self::Queue(alert) => alert.fmt(f),
        }
    }
}
