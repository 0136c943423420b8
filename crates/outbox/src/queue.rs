//! The queue of one signer, as plain data.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use assize_chain::Fees;
use assize_protocol::AttoFil;

/// The kind of an intent. It decides how many confirmations it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A record: a batch's commitment, a round's opening or reveal.
    Commit,
    /// A record that waits behind no other: a veto, a file to be kept.
    Urgent,
    /// A payment to operators.
    Payout,
    /// An empty transaction to the sender. It replaces one that another program sent with this key and that a
    /// reorganisation dropped, because later nonces wait for it.
    Fill,
}

/// All open intents, and a summary of the closed ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Queue {
    /// Oldest first.
    pub intents: Vec<Intent>,
    /// One above the highest nonce of the closed intents, which are no longer listed; 0 before the first.
    pub floor: u64,
    /// Unix time in seconds since when a nonce below ours is known to be free.
    pub gap_since: Option<u64>,
    /// Cost of closed intents, by the day of their last attempt (UTC, counted from the Unix epoch).
    pub spent: BTreeMap<u64, AttoFil>,
}

/// A call to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Its id.
    pub id: i64,
    /// Its kind.
    pub kind: Kind,
    /// Value of the call.
    pub value: AttoFil,
    /// Whether it is to be cancelled, if that is still possible.
    pub cancelled: bool,
    /// Its phase.
    pub phase: Phase,
    /// All its attempts, oldest first.
    pub attempts: Vec<Attempt>,
}

/// The phase of an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// No attempt can still be mined.
    Queued {
        /// Its gas limit, once the node has been asked.
        gas: Option<Gas>,
    },
    /// Attempts with this nonce are sent; at most one of them can ever be mined.
    Pending {
        /// The nonce.
        nonce: u64,
        /// Unix time in seconds since when the nonce is known to be used although no attempt has a receipt.
        passed_at: Option<u64>,
    },
    /// Confirmed, and watched until it is final.
    Confirmed {
        /// The transaction.
        mined: Mined,
        /// Unix time in seconds since when its receipt has been missing.
        missing_since: Option<u64>,
    },
    /// Final. The receipt tells whether it took effect.
    Closed(Mined),
    /// Will never be mined: cancelled in time, or a gap that closed without it.
    Void,
    /// The contract would have rejected it, so nothing was sent.
    Refused,
}

/// A gas limit: the node's estimate, or the call's own with which it has succeeded there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gas {
    /// Units of gas.
    pub limit: u64,
    /// Unix time of that in seconds.
    pub at: u64,
}

/// A signed transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Its hash.
    pub hash: B256,
    /// Its nonce.
    pub nonce: u64,
    /// Its fees.
    pub fees: Fees,
    /// Its gas limit.
    pub gas_limit: u64,
    /// Its purpose.
    pub purpose: Purpose,
    /// Unix time of signing in seconds.
    pub made_at: u64,
    /// Unix time of the last send in seconds; `None` if it has never been sent.
    pub sent_at: Option<u64>,
}

/// The purpose of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The intent's call.
    Call,
    /// An empty transaction that uses up the nonce.
    Nothing,
}

/// A mined transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mined {
    /// The transaction.
    pub hash: B256,
    /// Its block's number.
    pub block: u64,
    /// Its block's hash.
    pub block_hash: B256,
    /// Whether it took effect.
    pub succeeded: bool,
    /// Units of gas charged.
    pub gas_used: u64,
    /// Fee paid.
    pub fee: AttoFil,
}

/// Seconds per day.
const DAY: u64 = 86_400;

/// The day (UTC) of a time, counted from the Unix epoch.
#[must_use]
pub const fn day(time: u64) -> u64 {
    time / DAY
}

impl Attempt {
    /// Its maximum fee, without the value.
    #[must_use]
    pub fn highest_fee(&self) -> AttoFil {
        self.fees.at_most(self.gas_limit)
    }
}

impl Intent {
    /// The attempt with this hash.
    #[must_use]
    pub fn attempt(&self, hash: &B256) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.hash == *hash)
    }

    /// The newest attempt with this nonce.
    #[must_use]
    pub fn newest(&self, nonce: u64) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| attempt.nonce == nonce)
    }

    /// The nonce that it holds.
    #[must_use]
    pub fn nonce(&self) -> Option<u64> {
        match self.phase {
            Phase::Pending { nonce, .. } => Some(nonce),
            Phase::Confirmed { mined, .. } | Phase::Closed(mined) => {
                self.attempt(&mined.hash).map(|attempt| attempt.nonce)
            }
            _ => None,
        }
    }

    /// Whether it needs no more work.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed(_) | Phase::Void | Phase::Refused)
    }

    /// Its maximum cost, by the day of the last attempt per nonce. Of the attempts with one nonce only one can be
    /// mined; of closed intents the cost is known. `fee` is without the value, `total` with it.
    pub(crate) fn costs(&self) -> Vec<Cost> {
        let mut costs: BTreeMap<u64, Cost> = BTreeMap::new();
        for attempt in &self.attempts {
            let value = match attempt.purpose {
                Purpose::Call => self.value,
                Purpose::Nothing => AttoFil::ZERO,
            };
            let fee = attempt.highest_fee();
            let cost = costs.entry(attempt.nonce).or_insert(Cost {
                nonce: attempt.nonce,
                day: 0,
                fee: AttoFil::ZERO,
                total: AttoFil::ZERO,
            });
            cost.day = cost.day.max(day(attempt.made_at));
            cost.fee = cost.fee.max(fee);
            cost.total = cost.total.max(fee.saturating_add(value));
        }
        if let Phase::Closed(mined) = self.phase {
            let nonce = self.nonce();
            // Attempts with other nonces can never be mined: another program used those nonces.
            costs.retain(|of, _| Some(*of) == nonce);
            let took_value = mined.succeeded
                && self
                    .attempt(&mined.hash)
                    .is_some_and(|attempt| attempt.purpose == Purpose::Call);
            let value = if took_value { self.value } else { AttoFil::ZERO };
            for cost in costs.values_mut() {
                cost.fee = mined.fee;
                cost.total = mined.fee.saturating_add(value);
            }
        }
        costs.into_values().collect()
    }
}

/// The maximum cost of the attempts with one nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    pub nonce: u64,
    pub day: u64,
    pub fee: AttoFil,
    pub total: AttoFil,
}
