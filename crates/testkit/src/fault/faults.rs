//! The faults of a node.

use std::fmt;
use std::time::Duration;

use super::Estimates;

/// Faults and their probabilities, in thousandths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// Seed of all draws.
    pub seed: u64,
    /// Blocks are numbered as epochs, with null rounds in between.
    pub null_rounds: bool,
    /// Responses from a state some blocks ago.
    pub lag: u32,
    /// Number of those blocks.
    pub lag_blocks: u64,
    /// Transactions that are accepted and then dropped.
    pub dropped: u32,
    /// Transactions that are accepted and held back until a later one has passed them.
    pub reordered: u32,
    /// `nonce too low` for an accepted transaction.
    pub nonce_too_low: u32,
    /// `already known` for a new transaction.
    pub already_known: u32,
    /// Filecoin's rule for replacements: a premium of 1.25 times the old one, plus one.
    pub replacement_rule: bool,
    /// No nonce before the one below it: the rule of Filecoin's public nodes.
    pub nonce_gap_rule: bool,
    /// Messages have at most 64 KiB.
    pub size_rule: bool,
    /// Who estimates gas.
    pub estimates: Estimates,
    /// HTTP status 429.
    pub busy: u32,
    /// HTTP status 502, with an HTML page.
    pub bad_gateway: u32,
    /// Connections closed without a response, before anything is done.
    pub hang_up: u32,
    /// Accepted transactions whose connection is closed without a response.
    pub timeout_after_send: u32,
    /// Delay before the connection is closed.
    pub timeout: Duration,
    /// Receipts that are not available yet, or no longer.
    pub missing_receipts: u32,
    /// Maximum number of epochs for `eth_getLogs`.
    pub log_range: Option<u64>,
    /// Maximum number of events that `eth_getLogs` answers with.
    pub log_results: Option<usize>,
    /// Forks: the last blocks are replaced by empty ones.
    pub forks: u32,
    /// Maximum number of replaced blocks.
    pub fork_depth: u64,
    /// Blocks up to this one are never replaced.
    pub fork_floor: u64,
    /// Distance of the `finalized` block from the head; without it, the tag is rejected.
    pub finalized_behind: Option<u64>,
}

/// A fault that occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "named as in Faults")]
pub enum Fault {
    NullRound,
    Lag,
    Dropped,
    Reordered,
    NonceTooLow,
    AlreadyKnown,
    Underpriced,
    NonceGap,
    TooLarge,
    Busy,
    BadGateway,
    HangUp,
    TimeoutAfterSend,
    MissingReceipt,
    LogRange,
    LogResults,
    Fork,
}

impl Faults {
    /// No faults.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            seed: 0,
            null_rounds: false,
            lag: 0,
            lag_blocks: 0,
            dropped: 0,
            reordered: 0,
            nonce_too_low: 0,
            already_known: 0,
            replacement_rule: false,
            nonce_gap_rule: false,
            size_rule: false,
            estimates: Estimates::Upstream,
            busy: 0,
            bad_gateway: 0,
            hang_up: 0,
            timeout_after_send: 0,
            timeout: Duration::ZERO,
            missing_receipts: 0,
            log_range: None,
            log_results: None,
            forks: 0,
            fork_depth: 0,
            fork_floor: 0,
            finalized_behind: None,
        }
    }

    /// All faults at once, at rates that a patient client survives.
    #[must_use]
    pub const fn everything(seed: u64) -> Self {
        Self {
            seed,
            null_rounds: true,
            lag: 100,
            lag_blocks: 3,
            dropped: 150,
            reordered: 100,
            nonce_too_low: 50,
            already_known: 50,
            replacement_rule: true,
            nonce_gap_rule: true,
            size_rule: true,
            estimates: Estimates::Upstream,
            busy: 20,
            bad_gateway: 20,
            hang_up: 20,
            timeout_after_send: 50,
            timeout: Duration::from_millis(100),
            missing_receipts: 100,
            log_range: Some(2_880),
            log_results: None,
            forks: 5,
            fork_depth: 4,
            fork_floor: 0,
            finalized_behind: None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
