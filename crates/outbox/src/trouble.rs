//! What a queue's daemon reports of it to its operator.

use std::fmt;

use assize_service::duration;

use crate::QueueState;

/// Seconds after which a transaction that is neither mined nor held back is stuck: half an hour.
const PATIENCE: u64 = 1_800;

/// Seconds without a new block after which the node does not follow the chain: ten epochs of Filecoin.
const STALE: u64 = 300;

/// A queue that does not move, or a node that does not.
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
    /// The node has no new block. Whatever depends on the chain's time waits with it.
    StaleNode {
        /// Seconds since the last one.
        seconds: u64,
    },
}

impl QueueAlert {
    /// All kinds, as metrics name them.
    pub const KINDS: [&str; 3] = ["parked", "stuck", "stale_node"];

    /// What is wrong with a queue, if anything is.
    #[must_use]
    pub fn of(queue: &QueueState) -> Option<Self> {
        if let Some(stale) = Self::of_node(queue.standing_for) {
            return Some(stale);
        }
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

    /// What is wrong with a node whose newest block has been the same for `seconds`, if anything is.
    #[must_use]
    pub fn of_node(seconds: u64) -> Option<Self> {
        (seconds >= STALE).then_some(Self::StaleNode { seconds })
    }
}

impl assize_service::Alert for QueueAlert {
    fn kind(&self) -> &'static str {
        match self {
            Self::Parked { .. } => Self::KINDS[0],
            Self::Stuck { .. } => Self::KINDS[1],
            Self::StaleNode { .. } => Self::KINDS[2],
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
            Self::StaleNode { seconds } => write!(
                f,
                "the node has had no new block for {}: check that it follows the chain, or use another node",
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
        let stale = QueueState {
            standing_for: 300,
            ..QueueState::default()
        };
        assert_eq!(
            QueueAlert::of(&stale),
            Some(QueueAlert::StaleNode { seconds: 300 })
        );
    }
}
