//! The truth table: from what is known and seen, what to do next. Pure.

use alloy_primitives::B256;
use assize_chain::Fees;

use crate::Policy;

/// Where an intent stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing is signed that can still be mined.
    Queued,
    /// Transactions with this nonce are out; at most one of them can ever be mined.
    Pending {
        /// The nonce of all of them.
        nonce: u64,
        /// Oldest first, never empty.
        attempts: Vec<Attempt>,
        /// Since when the nonce is known to be used though no attempt has a receipt, Unix seconds.
        passed_at: Option<u64>,
    },
    /// It took effect.
    Done(Mined),
    /// It was mined and reverted: it has no effect, and the reason stands beside it.
    Reverted(Mined),
    /// The contract would refuse it, so nothing was sent. Enqueueing it again tries again.
    Refused,
}

/// A signed transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Its hash.
    pub hash: B256,
    /// Its price.
    pub fees: Fees,
    /// When it was made, Unix seconds.
    pub made_at: u64,
    /// When it was last sent; `None` before the first time.
    pub sent_at: Option<u64>,
}

/// A transaction in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mined {
    /// The transaction.
    pub hash: B256,
    /// Its block.
    pub block: u64,
    /// Whether it took effect.
    pub succeeded: bool,
    /// Units of gas charged.
    pub gas_used: u64,
}

/// What the chain shows at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Number of the latest block.
    pub head: u64,
    /// Transactions of the key that are mined.
    pub mined_nonce: u64,
    /// What gas costs now.
    pub fees: Fees,
    /// The attempt that is mined, if one is.
    pub mined: Option<Mined>,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Sign a transaction with this nonce and these fees, store it, then look again.
    Sign {
        /// The nonce.
        nonce: u64,
        /// The price.
        fees: Fees,
    },
    /// Send these stored bytes (again).
    Send(B256),
    /// Look again later.
    Wait,
    /// None of the attempts can be mined any more, their nonce is used up: begin anew.
    Requeue,
    /// It is over.
    Finish,
}

/// Decides. `Done` and `Reverted` are final; everything else leads there as long as the chain goes on.
#[must_use]
pub fn step(state: &State, seen: &Observation, now: u64, policy: &Policy) -> (State, Action) {
    let (nonce, attempts, passed_at) = match state {
        State::Done(_) | State::Reverted(_) | State::Refused => return (state.clone(), Action::Finish),
        State::Queued => {
            let action = match affordable(seen.fees, policy) {
                true => Action::Sign {
                    nonce: seen.mined_nonce,
                    fees: seen.fees,
                },
                false => Action::Wait,
            };
            return (State::Queued, action);
        }
        State::Pending {
            nonce,
            attempts,
            passed_at,
        } => (*nonce, attempts, *passed_at),
    };
    let pending = |passed_at| State::Pending {
        nonce,
        attempts: attempts.clone(),
        passed_at,
    };
    if let Some(mined) = seen.mined {
        if seen.head < mined.block.saturating_add(policy.confirmations) {
            return (pending(None), Action::Wait);
        }
        let end = if mined.succeeded {
            State::Done(mined)
        } else {
            State::Reverted(mined)
        };
        return (end, Action::Finish);
    }
    let Some(newest) = attempts.last() else {
        return (State::Queued, Action::Requeue);
    };
    if seen.mined_nonce > nonce {
        // Our receipt may be late (on Filecoin by an epoch), or somebody else used the nonce, so that no attempt can
        // ever be mined. Time tells.
        let since = passed_at.unwrap_or(now);
        return match now >= since.saturating_add(policy.receipt_lag) {
            true => (State::Queued, Action::Requeue),
            false => (pending(Some(since)), Action::Wait),
        };
    }
    let state = &pending(None);
    let Some(sent_at) = newest.sent_at else {
        return (state.clone(), Action::Send(newest.hash));
    };
    if now >= newest.made_at.saturating_add(policy.bump_after) {
        let fees = newest.fees.bumped().max(seen.fees);
        if affordable(fees, policy) {
            return (state.clone(), Action::Sign { nonce, fees });
        }
    }
    match now >= sent_at.saturating_add(policy.resend_after) {
        true => (state.clone(), Action::Send(newest.hash)),
        false => (state.clone(), Action::Wait),
    }
}

fn affordable(fees: Fees, policy: &Policy) -> bool {
    fees.max_fee <= policy.max_fee
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy {
        confirmations: 5,
        poll: std::time::Duration::ZERO,
        resend_after: 10,
        receipt_lag: 20,
        bump_after: 30,
        max_fee: 1_000,
        patience: 0,
    };
    const FEES: Fees = Fees {
        max_fee: 100,
        premium: 10,
    };

    fn seen() -> Observation {
        Observation {
            head: 50,
            mined_nonce: 7,
            fees: FEES,
            mined: None,
        }
    }

    fn pending(made_at: u64, sent_at: Option<u64>) -> State {
        let attempt = Attempt {
            hash: B256::repeat_byte(1),
            fees: FEES,
            made_at,
            sent_at,
        };
        State::Pending {
            nonce: 7,
            attempts: vec![attempt],
            passed_at: None,
        }
    }

    fn mined(block: u64, succeeded: bool) -> Mined {
        Mined {
            hash: B256::repeat_byte(1),
            block,
            succeeded,
            gas_used: 21_000,
        }
    }

    #[test]
    fn a_queued_intent_is_signed_with_the_next_nonce() {
        let (state, action) = step(&State::Queued, &seen(), 0, &POLICY);
        assert_eq!(
            (state, action),
            (State::Queued, Action::Sign { nonce: 7, fees: FEES })
        );
    }

    #[test]
    fn a_price_above_the_cap_parks_and_never_drops() {
        let dear = Observation {
            fees: Fees {
                max_fee: 1_001,
                premium: 10,
            },
            ..seen()
        };
        assert_eq!(
            step(&State::Queued, &dear, 0, &POLICY),
            (State::Queued, Action::Wait)
        );
        // Past the time to raise the price, but the raised price is above the cap: the old bytes are sent again.
        let state = pending(0, Some(0));
        assert_eq!(
            step(&state, &dear, 1_000, &POLICY).1,
            Action::Send(B256::repeat_byte(1))
        );
    }

    #[test]
    fn what_is_stored_but_not_sent_is_sent() {
        assert_eq!(
            step(&pending(0, None), &seen(), 0, &POLICY).1,
            Action::Send(B256::repeat_byte(1))
        );
    }

    #[test]
    fn without_a_receipt_it_waits_resends_and_raises() {
        let state = pending(100, Some(100));
        assert_eq!(step(&state, &seen(), 109, &POLICY).1, Action::Wait);
        assert_eq!(
            step(&state, &seen(), 110, &POLICY).1,
            Action::Send(B256::repeat_byte(1))
        );
        let Action::Sign { nonce, fees } = step(&state, &seen(), 130, &POLICY).1 else {
            panic!("no new attempt")
        };
        assert_eq!(nonce, 7);
        // Filecoin replaces a transaction only for a quarter more and one.
        assert!(fees.premium > FEES.premium * 5 / 4);
    }

    #[test]
    fn a_receipt_counts_when_it_is_deep_enough() {
        let state = pending(0, Some(0));
        let at = |head, mined| Observation {
            head,
            mined: Some(mined),
            mined_nonce: 8,
            ..seen()
        };
        assert_eq!(
            step(&state, &at(54, mined(50, true)), 0, &POLICY),
            (state.clone(), Action::Wait)
        );
        assert_eq!(
            step(&state, &at(55, mined(50, true)), 0, &POLICY),
            (State::Done(mined(50, true)), Action::Finish)
        );
        assert_eq!(
            step(&state, &at(55, mined(50, false)), 0, &POLICY),
            (State::Reverted(mined(50, false)), Action::Finish)
        );
        // A reorganisation takes the receipt away: back to waiting.
        assert_eq!(step(&state, &seen(), 0, &POLICY), (state, Action::Wait));
    }

    #[test]
    fn a_nonce_used_by_somebody_else_begins_anew() {
        let stolen = Observation {
            mined_nonce: 8,
            ..seen()
        };
        // First it waits for a late receipt, counted from when the nonce was seen to be used.
        let (state, action) = step(&pending(0, Some(0)), &stolen, 100, &POLICY);
        assert!(matches!(
            state,
            State::Pending {
                passed_at: Some(100),
                ..
            }
        ));
        assert_eq!(action, Action::Wait);
        assert_eq!(step(&state, &stolen, 119, &POLICY), (state.clone(), Action::Wait));
        assert_eq!(
            step(&state, &stolen, 120, &POLICY),
            (State::Queued, Action::Requeue)
        );
        // A reorganisation that frees the nonce stops the clock.
        assert_eq!(step(&state, &seen(), 105, &POLICY).0, pending(0, Some(0)));
    }

    #[test]
    fn an_end_is_final() {
        for state in [
            State::Done(mined(1, true)),
            State::Reverted(mined(1, false)),
            State::Refused,
        ] {
            assert_eq!(step(&state, &seen(), u64::MAX, &POLICY), (state, Action::Finish));
        }
    }
}
