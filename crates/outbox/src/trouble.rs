//! What a queue's daemon reports of it to its operator.

use std::fmt;

use assize_service::duration;

use crate::QueueState;

/// Seconds after which a transaction that is neither mined nor held back is stuck: half an hour.
const PATIENCE: u64 = 1_800;

/// A queue that does not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueAlert {
    /// Transactions are held back by a limit or a low balance.
    Parked {
        /// Their number.
        transactions: u64,
    },
    /// A transaction is not mined, although nothing holds it back.
    Stuck {
        /// Seconds since it was enqueued.
        seconds: u64,
    },
}

impl QueueAlert {
    /// All kinds, as metrics name them.
    pub const KINDS: [&str; 2] = ["parked", "stuck"];

    /// What is wrong with a queue, if anything is.
    #[must_use]
    pub fn of(queue: &QueueState) -> Option<Self> {
        let waited = queue
            .stats
            .oldest
            .map_or(0, |oldest| queue.now.saturating_sub(oldest));
        match queue.parked {
            0 if waited >= PATIENCE => Some(Self::Stuck { seconds: waited }),
            0 => None,
            transactions => Some(Self::Parked { transactions }),
        }
    }
}

impl assize_service::Alert for QueueAlert {
    fn kind(&self) -> &'static str {
        match self {
            Self::Parked { .. } => Self::KINDS[0],
            Self::Stuck { .. } => Self::KINDS[1],
        }
    }

    fn is_grave(&self) -> bool {
        true
    }
}

impl fmt::Display for QueueAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parked { transactions } => write!(
                f,
                "{transactions} transactions wait for a gas or spending limit, or for FIL in the wallet"
            ),
            Self::Stuck { seconds } => write!(
                f,
                "a transaction has not been mined for {}: check that the node follows the chain and that its mempool accepts it",
                duration(*seconds)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use assize_service::Alert as _;

    use super::*;
    use crate::Stats;

    #[test]
    fn a_queue_that_moves_has_no_alert() {
        let kind = |oldest, parked| {
            let stats = Stats {
                oldest,
                ..Stats::default()
            };
            let queue = QueueState {
                stats,
                parked,
                now: 10_000,
                ..QueueState::default()
            };
            QueueAlert::of(&queue).map(|alert| alert.kind())
        };
        assert_eq!(kind(None, 0), None);
        assert_eq!(kind(Some(8_201), 0), None);
        assert_eq!(kind(Some(8_200), 0), Some("stuck"));
        assert_eq!(kind(Some(10), 3), Some("parked"));
    }
}
