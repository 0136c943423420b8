//! How patient and how generous the queue is.

use std::time::Duration;

/// When to send again, when to pay more, when to believe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Blocks on top of a transaction's own before it counts.
    pub confirmations: u64,
    /// Pause between two looks at the chain.
    pub poll: Duration,
    /// Seconds without a receipt after which the same bytes are sent again.
    pub resend_after: u64,
    /// Seconds without a receipt after which fees are raised.
    pub bump_after: u64,
    /// Seconds that a receipt may come after its nonce is used; after that, somebody else used the nonce.
    pub receipt_lag: u64,
    /// Most that a unit of gas may cost, attoFIL. Above it the intent waits for the price to fall: it is never dropped.
    pub max_fee: u128,
    /// Seconds after which a run ends though intents are still under way; the next run goes on with them.
    pub patience: u64,
}

impl Policy {
    /// For a chain of one's own, which mines at once.
    #[must_use]
    pub fn local() -> Self {
        Self {
            confirmations: 0,
            poll: Duration::from_millis(10),
            resend_after: 2,
            bump_after: 10,
            receipt_lag: 5,
            max_fee: u128::MAX,
            patience: 60,
        }
    }

    /// For Filecoin: epochs of 30 s, and reorganisations of a few epochs.
    #[must_use]
    pub fn filecoin() -> Self {
        Self {
            confirmations: 10,
            poll: Duration::from_secs(5),
            resend_after: 90,
            bump_after: 180,
            receipt_lag: 600,
            max_fee: 100_000_000_000,
            patience: 3_600,
        }
    }

    /// Filecoin's on its own chains, else the local one.
    #[must_use]
    pub fn for_chain(chain_id: u64) -> Self {
        match chain_id {
            314 | 314_159 => Self::filecoin(),
            _ => Self::local(),
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
