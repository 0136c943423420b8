//! One signer's queue, as plain data.

use std::collections::BTreeMap;

use alloy_primitives::{B256, U256};
use assize_chain::Fees;

/// What an intent is for; it decides how deep it must lie to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Something put on record: a batch's commitment, a round's opening or reveal.
    Commit,
    /// A payment to operators.
    Payout,
    /// An empty transaction to oneself, in the place of one that another program sent with this key and that a
    /// reorganisation took away: later nonces wait for it.
    Fill,
}

/// All that has not come to its end, and what is known of the rest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Queue {
    /// Oldest first.
    pub intents: Vec<Intent>,
    /// One above the highest nonce of the intents that are closed, and not in the list any more; 0 before the first.
    pub floor: u64,
    /// Since when a nonce below ours is known to be free, Unix seconds.
    pub gap_since: Option<u64>,
    /// What closed intents have cost, attoFIL, by the day (UTC, counted from the Unix epoch) of their last attempt.
    pub spent: BTreeMap<u64, U256>,
}

/// A call to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Its number.
    pub id: i64,
    /// What it is for.
    pub kind: Kind,
    /// attoFIL sent along.
    pub value: U256,
    /// Whether it is to be undone, if that is still possible.
    pub cancelled: bool,
    /// Where it stands.
    pub phase: Phase,
    /// Everything signed for it, oldest first.
    pub attempts: Vec<Attempt>,
}

/// Where an intent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is signed that can still be mined.
    Queued {
        /// What it needs, once the node has been asked.
        gas: Option<Gas>,
    },
    /// Attempts with this nonce are out; at most one of them can ever be mined.
    Pending {
        /// The nonce.
        nonce: u64,
        /// Since when the nonce is known to be used though no attempt has a receipt, Unix seconds.
        passed_at: Option<u64>,
    },
    /// In a block that is deep enough to act on, and watched until it is final.
    Counts {
        /// The transaction.
        mined: Mined,
        /// Since when its receipt is missing again, Unix seconds.
        missing_since: Option<u64>,
    },
    /// Final. Whether it took effect, says the receipt.
    Closed(Mined),
    /// Never to be mined: cancelled in time, or a gap that closed without it.
    Void,
    /// The contract would have refused it, so nothing was sent.
    Refused,
}

/// A limit of gas that the node gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gas {
    /// Units.
    pub limit: u64,
    /// When, Unix seconds.
    pub at: u64,
}

/// A signed transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Its hash.
    pub hash: B256,
    /// Its nonce.
    pub nonce: u64,
    /// Its price.
    pub fees: Fees,
    /// Most units of gas.
    pub gas_limit: u64,
    /// What it does.
    pub purpose: Purpose,
    /// When it was made, Unix seconds.
    pub made_at: u64,
    /// When it was last sent; `None` before the first time.
    pub sent_at: Option<u64>,
}

/// What a transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The intent's call.
    Call,
    /// Nothing: it uses the nonce up.
    Nothing,
}

/// A transaction in a block.
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
    /// attoFIL paid for them.
    pub fee: U256,
}

/// Seconds of a day.
const DAY: u64 = 86_400;

/// The day (UTC) of a time, counted from the Unix epoch.
#[must_use]
pub const fn day(time: u64) -> u64 {
    time / DAY
}

impl Attempt {
    /// Most that it can cost, attoFIL, without the value sent along.
    #[must_use]
    pub fn highest_fee(&self) -> U256 {
        highest_fee(self.gas_limit, self.fees)
    }
}

/// Most that a transaction can cost, attoFIL, without the value sent along.
#[must_use]
pub fn highest_fee(gas_limit: u64, fees: Fees) -> U256 {
    U256::from(gas_limit) * U256::from(fees.max_fee)
}

impl Intent {
    /// The attempt with a hash.
    #[must_use]
    pub fn attempt(&self, hash: &B256) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.hash == *hash)
    }

    /// The newest attempt with a nonce.
    #[must_use]
    pub fn newest(&self, nonce: u64) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| attempt.nonce == nonce)
    }

    /// The nonce that it holds.
    #[must_use]
    pub fn nonce(&self) -> Option<u64> {
        match self.phase {
            Phase::Pending { nonce, .. } => Some(nonce),
            Phase::Counts { mined, .. } | Phase::Closed(mined) => {
                self.attempt(&mined.hash).map(|attempt| attempt.nonce)
            }
            _ => None,
        }
    }

    /// Whether it needs no more looking after.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed(_) | Phase::Void | Phase::Refused)
    }

    /// What it may cost at most, by the day of the last attempt of each nonce: of the attempts with one nonce only one can
    /// be mined, and of what is closed the cost is known. `fee` is without the value, `total` with it.
    pub(crate) fn costs(&self) -> Vec<Cost> {
        let mut costs: BTreeMap<u64, Cost> = BTreeMap::new();
        for attempt in &self.attempts {
            let value = match attempt.purpose {
                Purpose::Call => self.value,
                Purpose::Nothing => U256::ZERO,
            };
            let fee = attempt.highest_fee();
            let cost = costs.entry(attempt.nonce).or_insert(Cost {
                nonce: attempt.nonce,
                day: 0,
                fee: U256::ZERO,
                total: U256::ZERO,
            });
            cost.day = cost.day.max(day(attempt.made_at));
            cost.fee = cost.fee.max(fee);
            cost.total = cost.total.max(fee.saturating_add(value));
        }
        if let Phase::Closed(mined) = self.phase {
            let nonce = self.nonce();
            // Of other nonces nothing can come any more: somebody else used them.
            costs.retain(|of, _| Some(*of) == nonce);
            let took_value = mined.succeeded
                && self
                    .attempt(&mined.hash)
                    .is_some_and(|attempt| attempt.purpose == Purpose::Call);
            let value = if took_value { self.value } else { U256::ZERO };
            for cost in costs.values_mut() {
                cost.fee = mined.fee;
                cost.total = mined.fee.saturating_add(value);
            }
        }
        costs.into_values().collect()
    }
}

/// What the attempts with one nonce may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    pub nonce: u64,
    pub day: u64,
    pub fee: U256,
    pub total: U256,
}
