//! How patient and how generous the queue is.

use std::time::Duration;

use alloy_primitives::U256;

use crate::Kind;

/// When to send again, when to pay more, when to believe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// When what is put on record counts: a batch's commitment, a round's opening or reveal.
    pub commit: Depth,
    /// When a payment counts.
    pub payout: Depth,
    /// When nothing can undo a transaction any more.
    pub finality: Finality,
    /// Pause between two looks at the chain.
    pub poll: Duration,
    /// Most transactions under way at once. They are sent in order: Filecoin's public nodes take no nonce before the one
    /// below it.
    pub in_flight: usize,
    /// Seconds without a receipt after which the same bytes are sent again.
    pub resend_after: u64,
    /// Seconds without a receipt after which the fees of the oldest one are raised.
    pub bump_after: u64,
    /// Seconds that a receipt may come after its nonce is used; after that, somebody else used the nonce.
    pub receipt_lag: u64,
    /// Seconds that a receipt may be missing again before a reorganisation is believed.
    pub reorg_after: u64,
    /// Seconds between two looks at a transaction that counts and is not final.
    pub recheck_after: u64,
    /// Seconds for which an estimate of gas is good.
    pub estimate_good_for: u64,
    /// Most that may be spent.
    pub caps: Caps,
    /// Seconds after which a run ends though intents are still under way; the next run goes on with them.
    pub patience: u64,
}

/// What may be spent, attoFIL. What would go above a cap is parked, with an alert, and never dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// On a unit of gas.
    pub gas_price: u128,
    /// On the fees of one intent, all its attempts together.
    pub intent: U256,
    /// On fees and value of the transactions signed in one day (UTC). What one may cost at most counts, until it is final
    /// and what it did cost is known.
    pub daily: U256,
}

impl Caps {
    /// No caps.
    pub const NONE: Self = Self {
        gas_price: u128::MAX,
        intent: U256::MAX,
        daily: U256::MAX,
    };
}

/// When a transaction counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// With so many blocks on top of its own.
    Blocks(u64),
    /// When it is final.
    Final,
}

/// When a transaction is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finality {
    /// With so many blocks on top of its own.
    Blocks(u64),
    /// When the node's `finalized` block is not before its own; or, for nodes that know no such block, with so many
    /// blocks on top.
    Tag {
        /// Blocks.
        or: u64,
    },
}

impl Policy {
    /// For a chain of one's own, which mines at once and never reorganises.
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

    /// For other public chains: blocks of some seconds, finality in minutes.
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

    /// The local one on chains that anvil and its like make up, Filecoin's on its own, else the public one.
    #[must_use]
    pub const fn for_chain(chain_id: u64) -> Self {
        match chain_id {
            314 | 314_159 => Self::filecoin(),
            1_337 | 31_337 => Self::local(),
            _ => Self::public(),
        }
    }

    /// When an intent of a kind counts.
    #[must_use]
    pub const fn depth(&self, kind: Kind) -> Depth {
        match kind {
            Kind::Commit => self.commit,
            Kind::Payout => self.payout,
            Kind::Fill => Depth::Final,
        }
    }
}

/// Tells the time.
pub trait Clock: Send {
    /// Seconds since the Unix epoch.
    fn now(&self) -> u64;
}

/// The machine's clock. It decides only when to send again, never what is computed.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the time comes in")]
    fn now(&self) -> u64 {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
    }
}
