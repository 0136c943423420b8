//! Which faults a node has.

use std::fmt;
use std::time::Duration;

/// What a fault node does wrong, and how often. Probabilities are of 1000.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// What everything is drawn from.
    pub seed: u64,
    /// Blocks are numbered as epochs, with null rounds between them.
    pub null_rounds: bool,
    /// Answers as of some blocks ago.
    pub lag: u32,
    /// By how many blocks.
    pub lag_blocks: u64,
    /// Transactions that are taken, and forgotten.
    pub dropped: u32,
    /// Transactions that are taken, and held back until a later one has passed them.
    pub reordered: u32,
    /// `nonce too low` for a transaction that was taken.
    pub nonce_too_low: u32,
    /// `already known` for one that was not known before.
    pub already_known: u32,
    /// Replacements by Filecoin's rule: a premium of 1.25 times the old one, and one.
    pub replacement_rule: bool,
    /// No nonce before the one below it: the rule of Filecoin's public nodes.
    pub nonce_gap_rule: bool,
    /// Messages of at most 64 KiB.
    pub size_rule: bool,
    /// HTTP status 429.
    pub busy: u32,
    /// HTTP status 502, with a page of HTML.
    pub bad_gateway: u32,
    /// Connections closed without an answer, before anything was done.
    pub hang_up: u32,
    /// Transactions that are taken, and the connection closed without an answer.
    pub timeout_after_send: u32,
    /// How long that takes.
    pub timeout: Duration,
    /// Receipts that are not there yet, or not any more.
    pub missing_receipts: u32,
    /// Most epochs for which `eth_getLogs` gives logs.
    pub log_range: Option<u64>,
    /// Forks: the last blocks are replaced by empty ones.
    pub forks: u32,
    /// By how many blocks at most.
    pub fork_depth: u64,
    /// Blocks up to this one are never replaced.
    pub fork_floor: u64,
    /// How far behind the head the `finalized` block is; the tag is refused if this is not given.
    pub finalized_behind: Option<u64>,
}

/// A fault that was done.
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
    Fork,
}

impl Faults {
    /// A node without fault.
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
            busy: 0,
            bad_gateway: 0,
            hang_up: 0,
            timeout_after_send: 0,
            timeout: Duration::ZERO,
            missing_receipts: 0,
            log_range: None,
            forks: 0,
            fork_depth: 0,
            fork_floor: 0,
            finalized_behind: None,
        }
    }

    /// Everything at once, so that a patient client still gets on.
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
            busy: 20,
            bad_gateway: 20,
            hang_up: 20,
            timeout_after_send: 50,
            timeout: Duration::from_millis(100),
            missing_receipts: 100,
            log_range: Some(2_880),
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
