//! Timeouts, confirmations and spending limits of the queue.

use std::time::Duration;

use assize_protocol::{AttoFil, GasPrice};

use crate::Kind;

/// When to resend, when to raise fees, and when a transaction is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// When a record is confirmed: a batch's commitment, a round's opening or reveal.
    pub commit: Depth,
    /// When a payment is confirmed.
    pub payout: Depth,
    /// When a transaction is final.
    pub finality: Finality,
    /// Pause between two ticks.
    pub poll: Duration,
    /// Maximum number of pending transactions. They are sent in order, because Filecoin's public nodes reject a nonce
    /// before the one below it.
    pub in_flight: usize,
    /// Seconds without a receipt after which the same bytes are sent again.
    pub resend_after: u64,
    /// Seconds without a receipt after which the fees of the oldest pending transaction are raised.
    pub bump_after: u64,
    /// Seconds to wait for a receipt once the nonce is used. After that, another program used the nonce.
    pub receipt_lag: u64,
    /// Seconds that a receipt must be missing before it counts as a reorganisation.
    pub reorg_after: u64,
    /// Seconds between two checks of a transaction that is confirmed but not final.
    pub recheck_after: u64,
    /// Seconds for which a gas estimate is valid.
    pub estimate_good_for: u64,
    /// Spending limits.
    pub caps: Caps,
    /// Seconds after which a run ends although intents are pending; the next run continues.
    pub patience: u64,
}

/// Spending limits. A transaction that would exceed one is parked with an alert, and never dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Per unit of gas.
    pub gas_price: GasPrice,
    /// Fees of one intent, over all its attempts.
    pub intent: AttoFil,
    /// Fees and value of the transactions signed in one day (UTC). A transaction counts with its maximum cost until it
    /// is final and its actual cost is known.
    pub daily: AttoFil,
}

impl Caps {
    /// No limits.
    pub const NONE: Self = Self {
        gas_price: GasPrice::MAX,
        intent: AttoFil::MAX,
        daily: AttoFil::MAX,
    };
}

/// When a transaction is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// After this many blocks on top of its own.
    Blocks(u64),
    /// Once it is final.
    Final,
}

/// When a transaction is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finality {
    /// After this many blocks on top of its own.
    Blocks(u64),
    /// Once the node's `finalized` block is at or after its own. On nodes that do not support `finalized`, after this
    /// many blocks.
    Tag {
        /// Number of blocks.
        or: u64,
    },
}

impl Policy {
    /// For local chains, which mine at once and never reorganise.
    #[must_use]
    pub const fn local() -> Self {
        Self {
            commit: Depth::Blocks(0),
            payout: Depth::Blocks(0),
            finality: Finality::Blocks(0),
            poll: Duration::from_millis(10),
            in_flight: 10,
            resend_after: 2,
            bump_after: 10,
            receipt_lag: 5,
            reorg_after: 2,
            recheck_after: 0,
            estimate_good_for: 10,
            caps: Caps::NONE,
            patience: 60,
        }
    }

    /// For Filecoin: epochs of 30 s, reorganisations of a few epochs, finality by F3 or after 900 epochs.
    #[must_use]
    pub const fn filecoin() -> Self {
        Self {
            commit: Depth::Blocks(10),
            payout: Depth::Final,
            finality: Finality::Tag { or: 900 },
            poll: Duration::from_secs(5),
            in_flight: 10,
            resend_after: 90,
            bump_after: 180,
            receipt_lag: 600,
            reorg_after: 120,
            recheck_after: 60,
            estimate_good_for: 60,
            caps: Caps {
                gas_price: 100_000_000_000,
                ..Caps::NONE
            },
            patience: 3_600,
        }
    }

    /// For other public chains: blocks of a few seconds, finality in minutes.
    #[must_use]
    pub const fn public() -> Self {
        Self {
            commit: Depth::Blocks(5),
            finality: Finality::Tag { or: 100 },
            resend_after: 30,
            bump_after: 60,
            receipt_lag: 300,
            reorg_after: 60,
            recheck_after: 15,
            ..Self::filecoin()
        }
    }

    /// The local policy for the chain ids of anvil and similar tools, Filecoin's for its networks, otherwise the public
    /// one.
    #[must_use]
    pub const fn for_chain(chain_id: u64) -> Self {
        match chain_id {
            314 | 314_159 => Self::filecoin(),
            1_337 | 31_337 => Self::local(),
            _ => Self::public(),
        }
    }

    /// When an intent of a kind is confirmed.
    #[must_use]
    pub const fn depth(&self, kind: Kind) -> Depth {
        match kind {
            Kind::Commit | Kind::Urgent => self.commit,
            Kind::Payout => self.payout,
            Kind::Fill => Depth::Final,
        }
    }
}
