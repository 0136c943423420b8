//! Transactions that a node has accepted but not passed on.

use alloy_primitives::{Address, B256};
use assize_protocol::GasPrice;

use super::transaction::Transaction;

/// Number of requests for which a node remembers a dropped transaction and shows it as pending.
const REMEMBERED: u64 = 40;

/// Accepted transactions.
#[derive(Debug, Default)]
pub(super) struct Mempool {
    held: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    transaction: Transaction,
    fate: Fate,
    /// Number of the request that submitted it.
    since: u64,
}

/// The fate of an accepted transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Dropped.
    Dropped,
    /// Passed on after a later one.
    HeldBack,
}

/// Whether a premium is enough for a replacement: 1.25 times the old one, plus one (forest, lotus `messagepool`).
pub(super) fn replaces(new: GasPrice, old: GasPrice) -> bool {
    new > old + old / 4
}

impl Mempool {
    pub(super) fn hold(&mut self, transaction: Transaction, fate: Fate, now: u64) {
        self.held.push(Held {
            transaction,
            fate,
            since: now,
        });
    }

    /// Whether this transaction is pending.
    pub(super) fn knows(&self, hash: &B256) -> bool {
        self.held.iter().any(|held| held.transaction.hash == *hash)
    }

    /// Removes the transaction that a new one replaces. An error if the new one does not pay enough.
    pub(super) fn replace(&mut self, new: &Transaction) -> Result<(), GasPrice> {
        let rival = self.held.iter().position(|held| {
            let old = &held.transaction;
            old.sender == new.sender && old.nonce == new.nonce && old.hash != new.hash
        });
        let Some(rival) = rival else { return Ok(()) };
        let premium = self.held[rival].transaction.premium;
        if !replaces(new.premium, premium) {
            return Err(premium);
        }
        self.held.swap_remove(rival);
        Ok(())
    }

    /// The nonce after `mined` and all pending ones without a gap.
    pub(super) fn next_nonce(&self, sender: Address, mined: u64) -> u64 {
        let waits = |nonce: &u64| {
            let of = |held: &Held| held.transaction.sender == sender && held.transaction.nonce == *nonce;
            self.held.iter().any(of)
        };
        (mined..).find(|nonce| !waits(nonce)).unwrap_or(mined)
    }

    /// The transactions to pass on now: a later one has passed them, or they have waited long.
    pub(super) fn release(&mut self, now: u64, after_another: bool) -> Vec<Transaction> {
        let mut released = Vec::new();
        let mut kept = Vec::new();
        for held in self.held.drain(..) {
            let old = now.saturating_sub(held.since) > REMEMBERED;
            match held.fate {
                Fate::HeldBack if old || after_another => released.push(held.transaction),
                Fate::Dropped if old => {}
                _ => kept.push(held),
            }
        }
        self.held = kept;
        released.sort_by_key(|transaction| transaction.nonce);
        released
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction(byte: u8, nonce: u64, premium: GasPrice) -> Transaction {
        Transaction {
            hash: B256::repeat_byte(byte),
            sender: Address::ZERO,
            nonce,
            premium,
            raw: Vec::new(),
        }
    }

    #[test]
    fn a_replacement_pays_a_quarter_more_and_one() {
        assert!(!replaces(125, 100));
        assert!(replaces(126, 100));
        assert!(!replaces(0, 0));
        assert!(replaces(1, 0));
        let mut mempool = Mempool::default();
        mempool.hold(transaction(1, 7, 100), Fate::Dropped, 0);
        assert_eq!(mempool.replace(&transaction(2, 7, 125)), Err(100));
        assert_eq!(mempool.replace(&transaction(2, 8, 1)), Ok(()));
        assert_eq!(mempool.replace(&transaction(2, 7, 126)), Ok(()));
        assert!(!mempool.knows(&B256::repeat_byte(1)));
    }

    #[test]
    fn pending_transactions_without_a_gap_count() {
        let mut mempool = Mempool::default();
        for nonce in [5, 6, 8] {
            mempool.hold(transaction(nonce, u64::from(nonce), 1), Fate::HeldBack, 0);
        }
        assert_eq!(mempool.next_nonce(Address::ZERO, 5), 7);
        assert_eq!(mempool.next_nonce(Address::ZERO, 4), 4);
        assert_eq!(mempool.next_nonce(Address::repeat_byte(1), 5), 5);
    }

    #[test]
    fn held_transactions_follow_a_later_one_and_dropped_ones_never_arrive() {
        let mut mempool = Mempool::default();
        mempool.hold(transaction(1, 1, 1), Fate::HeldBack, 0);
        mempool.hold(transaction(2, 2, 1), Fate::Dropped, 0);
        assert_eq!(mempool.release(1, false), []);
        assert_eq!(mempool.release(1, true), [transaction(1, 1, 1)]);
        assert!(mempool.knows(&B256::repeat_byte(2)));
        assert_eq!(mempool.release(REMEMBERED + 1, false), []);
        assert!(!mempool.knows(&B256::repeat_byte(2)));
    }
}
