use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::Caps;
use crate::queue::Attempt;

const POLICY: Policy = Policy {
    commit: Depth::Blocks(5),
    payout: Depth::Final,
    finality: Finality::Tag { or: 100 },
    poll: Duration::ZERO,
    in_flight: 2,
    resend_after: 10,
    bump_after: 30,
    receipt_lag: 20,
    reorg_after: 15,
    recheck_after: 0,
    estimate_good_for: 60,
    caps: Caps {
        gas_price: 1_000,
        intent: AttoFil::MAX,
        daily: AttoFil::MAX,
    },
    patience: 0,
};
const FEES: Fees = Fees {
    max_fee: 100,
    premium: 10,
};
const GAS: u64 = 1_000;

fn seen() -> Observation {
    Observation {
        head: 50,
        finalized: None,
        mined_nonce: 7,
        fees: FEES,
        balance: AttoFil::new(1_000_000_000),
        nothing_gas: 100,
        receipts: BTreeMap::new(),
    }
}

fn hash(byte: u8) -> B256 {
    B256::repeat_byte(byte)
}

fn attempt(byte: u8, nonce: u64, made_at: u64, sent_at: Option<u64>) -> Attempt {
    Attempt {
        hash: hash(byte),
        nonce,
        fees: FEES,
        gas_limit: GAS,
        purpose: Purpose::Call,
        made_at,
        sent_at,
    }
}

fn intent(id: i64, phase: Phase, attempts: &[Attempt]) -> Intent {
    Intent {
        id,
        kind: Kind::Commit,
        value: AttoFil::ZERO,
        cancelled: false,
        phase,
        attempts: attempts.to_vec(),
    }
}

fn ready(id: i64) -> Intent {
    let gas = Some(Gas { limit: GAS, at: 0 });
    intent(id, Phase::Queued { gas }, &[])
}

fn pending(made_at: u64, sent_at: Option<u64>) -> Intent {
    let phase = Phase::Pending {
        nonce: 7,
        passed_at: None,
    };
    intent(1, phase, &[attempt(1, 7, made_at, sent_at)])
}

fn queue(intents: impl IntoIterator<Item = Intent>) -> Queue {
    Queue {
        intents: intents.into_iter().collect(),
        ..Queue::default()
    }
}

fn mined(byte: u8, block: u64, succeeded: bool) -> Mined {
    Mined {
        hash: hash(byte),
        block,
        block_hash: B256::ZERO,
        succeeded,
        gas_used: 21_000,
        fee: AttoFil::new(5),
    }
}

/// An observation in which the transactions have these receipts.
fn with_receipts(receipts: &[(u8, Option<Mined>)]) -> Observation {
    Observation {
        mined_nonce: 8,
        receipts: receipts
            .iter()
            .map(|(byte, mined)| (hash(*byte), *mined))
            .collect(),
        ..seen()
    }
}

fn sign(intent: i64, nonce: u64, fees: Fees) -> Action {
    Action::Sign {
        intent: Some(intent),
        nonce,
        fees,
        gas_limit: GAS,
        purpose: Purpose::Call,
    }
}

fn run(queue: &Queue, seen: &Observation, now: u64) -> Step {
    step(queue, seen, now, &POLICY)
}

#[test]
fn a_new_intent_is_estimated_and_then_signed_with_the_next_nonce() {
    let new = queue([intent(1, Phase::Queued { gas: None }, &[])]);
    assert_eq!(run(&new, &seen(), 0).actions, [Action::Estimate { intent: 1 }]);
    assert_eq!(run(&queue([ready(1)]), &seen(), 0).actions, [sign(1, 7, FEES)]);
    // An old estimate is estimated again.
    assert_eq!(
        run(&queue([ready(1)]), &seen(), 61).actions,
        [Action::Estimate { intent: 1 }]
    );
}

#[test]
fn several_are_sent_at_once_in_order_up_to_the_limit() {
    let one = queue([pending(0, Some(0)), ready(2), ready(3)]);
    assert_eq!(run(&one, &seen(), 0).actions, [sign(2, 8, FEES)]);
    let mut second = pending(0, Some(0));
    second.id = 2;
    second.phase = Phase::Pending {
        nonce: 8,
        passed_at: None,
    };
    second.attempts[0].nonce = 8;
    let full = queue([pending(0, Some(0)), second, ready(3)]);
    assert_eq!(run(&full, &seen(), 0).actions, []);
}

#[test]
fn what_is_urgent_waits_behind_no_other() {
    let urgent = |id| Intent {
        kind: Kind::Urgent,
        ..ready(id)
    };
    let behind = queue([ready(1), ready(2), urgent(3)]);
    assert_eq!(run(&behind, &seen(), 0).actions, [sign(3, 7, FEES)]);
    // Nor for the number of those under way.
    let mut second = pending(0, Some(0));
    second.id = 2;
    second.phase = Phase::Pending {
        nonce: 8,
        passed_at: None,
    };
    second.attempts[0].nonce = 8;
    let full = queue([pending(0, Some(0)), second, ready(3), urgent(4)]);
    assert_eq!(run(&full, &seen(), 0).actions, [sign(4, 9, FEES)]);
}

#[test]
fn a_stored_but_unsent_transaction_is_sent() {
    let step = run(&queue([pending(0, None)]), &seen(), 0);
    assert_eq!(step.actions, [Action::Send(hash(1))]);
}

#[test]
fn without_a_receipt_it_waits_resends_and_raises() {
    let waiting = queue([pending(100, Some(100))]);
    assert_eq!(run(&waiting, &seen(), 109).actions, []);
    assert_eq!(run(&waiting, &seen(), 110).actions, [Action::Send(hash(1))]);
    // Filecoin replaces a transaction only at fees raised by a quarter plus one.
    assert_eq!(run(&waiting, &seen(), 130).actions, [sign(1, 7, FEES.bumped())]);
    // The market's price, if it is higher.
    let dear = Observation {
        fees: Fees {
            max_fee: 700,
            premium: 70,
        },
        ..seen()
    };
    assert_eq!(run(&waiting, &dear, 130).actions, [sign(1, 7, dear.fees)]);
}

#[test]
fn a_price_far_above_the_market_is_not_raised_further() {
    let mut overpaid = pending(0, Some(0));
    overpaid.attempts[0].fees.max_fee = 501;
    assert_eq!(
        run(&queue([overpaid]), &seen(), 130).actions,
        [Action::Send(hash(1))]
    );
}

#[test]
fn a_price_above_the_limit_parks_and_never_drops() {
    let dear = Observation {
        fees: Fees {
            max_fee: 1_001,
            premium: 10,
        },
        ..seen()
    };
    let parked = Alert::Parked {
        intent: 1,
        why: Park::GasPrice,
    };
    let step = run(&queue([ready(1)]), &dear, 0);
    assert_eq!(
        (step.queue, step.actions, step.alerts),
        (queue([ready(1)]), vec![], vec![parked])
    );
    // A transaction that is already sent is resent unchanged.
    let step = run(&queue([pending(0, Some(0))]), &dear, 1_000);
    assert_eq!(
        (step.actions, step.alerts),
        (vec![Action::Send(hash(1))], vec![parked])
    );
}

#[test]
fn limits_per_intent_and_day_and_the_balance_park() {
    let cost = FEES.at_most(GAS);
    let park = |caps: Caps, queue: &Queue, balance: AttoFil| {
        let policy = Policy { caps, ..POLICY };
        let seen = Observation { balance, ..seen() };
        let step = step(queue, &seen, 0, &policy);
        match step.alerts[..] {
            [] => None,
            [Alert::Parked { why, .. }] => Some(why),
            ref other => panic!("{other:?}"),
        }
    };
    let less = cost.saturating_sub(AttoFil::new(1));
    let caps = |intent, daily| Caps {
        intent,
        daily,
        ..POLICY.caps
    };
    let one = queue([ready(1)]);
    assert_eq!(park(caps(cost, cost), &one, cost), None);
    assert_eq!(park(caps(less, cost), &one, cost), Some(Park::IntentCap));
    assert_eq!(park(caps(cost, less), &one, cost), Some(Park::DailyCap));
    assert_eq!(park(caps(cost, cost), &one, less), Some(Park::Funds));
    // Pending transactions count with their maximum cost, closed ones with their actual cost.
    let two = queue([pending(0, Some(0)), ready(2)]);
    assert_eq!(
        park(caps(cost, cost.saturating_add(cost)), &two, AttoFil::MAX),
        None
    );
    assert_eq!(
        park(caps(cost, cost.saturating_add(less)), &two, AttoFil::MAX),
        Some(Park::DailyCap)
    );
    let mut later = one.clone();
    later.spent = [(0, AttoFil::new(1))].into();
    assert_eq!(park(caps(cost, cost), &later, AttoFil::MAX), Some(Park::DailyCap));
    later.spent = [(1, AttoFil::new(1))].into();
    assert_eq!(park(caps(cost, cost), &later, AttoFil::MAX), None);
    // The value is spent too.
    let mut paying = ready(1);
    paying.value = AttoFil::new(1);
    assert_eq!(
        park(caps(cost, cost), &queue([paying]), AttoFil::MAX),
        Some(Park::DailyCap)
    );
    // Those behind an intent that has reached its own limit continue.
    let mut spent = ready(1);
    spent.attempts = vec![attempt(1, 3, 0, Some(0))];
    let caps = Caps {
        intent: cost,
        ..POLICY.caps
    };
    let step = step(&queue([spent, ready(2)]), &seen(), 0, &Policy { caps, ..POLICY });
    assert_eq!(step.actions, [sign(2, 7, FEES)]);
}

#[test]
fn a_receipt_is_confirmed_when_deep_enough_and_closed_when_final() {
    let waiting = queue([pending(0, Some(0))]);
    let phase = |head, finalized, mined| {
        let seen = Observation {
            head,
            finalized,
            ..with_receipts(&[(1, Some(mined))])
        };
        let step = run(&waiting, &seen, 0);
        assert_eq!(step.actions, []);
        step.queue.intents[0].phase
    };
    for succeeded in [true, false] {
        let mined = mined(1, 50, succeeded);
        let counts = Phase::Confirmed {
            mined,
            missing_since: None,
        };
        assert_eq!(phase(54, None, mined), waiting.intents[0].phase);
        assert_eq!(phase(55, None, mined), counts);
        assert_eq!(phase(55, Some(49), mined), counts);
        assert_eq!(phase(55, Some(50), mined), Phase::Closed(mined));
        assert_eq!(phase(150, None, mined), Phase::Closed(mined));
    }
    // A payment is confirmed only when it is final.
    let mut payment = waiting.clone();
    payment.intents[0].kind = Kind::Payout;
    let seen = Observation {
        head: 60,
        ..with_receipts(&[(1, Some(mined(1, 50, true)))])
    };
    assert_eq!(run(&payment, &seen, 0).queue, payment);
}

#[test]
fn a_reorganisation_is_accepted_after_a_while_and_repaired() {
    let mined = mined(1, 50, true);
    let counts = |missing_since| {
        let phase = Phase::Confirmed { mined, missing_since };
        queue([intent(1, phase, &[attempt(1, 7, 0, Some(0))])])
    };
    let gone = with_receipts(&[(1, None)]);
    // A lagging node does not know the receipt either.
    assert_eq!(run(&counts(None), &gone, 100).queue, counts(Some(100)));
    assert_eq!(run(&counts(Some(100)), &gone, 114).queue, counts(Some(100)));
    let back = with_receipts(&[(1, Some(mined))]);
    let back = Observation { head: 60, ..back };
    assert_eq!(run(&counts(Some(100)), &back, 114).queue, counts(None));
    let step = run(
        &counts(Some(100)),
        &Observation {
            mined_nonce: 7,
            ..gone
        },
        115,
    );
    assert_eq!(step.alerts, [Alert::Reorganised { intent: 1 }]);
    assert_eq!(step.queue, queue([pending(0, Some(0))]));
    // It is resent in the same step.
    assert_eq!(step.actions, [sign(1, 7, FEES.bumped())]);
}

#[test]
fn a_nonce_used_by_another_program_starts_over() {
    let stolen = with_receipts(&[(1, None)]);
    let passed = |passed_at| {
        let phase = Phase::Pending { nonce: 7, passed_at };
        queue([intent(1, phase, &[attempt(1, 7, 0, Some(0))])])
    };
    // First it waits for a late receipt, counted from when the nonce was seen to be used.
    let step = run(&passed(None), &stolen, 100);
    assert_eq!((step.queue, step.actions), (passed(Some(100)), vec![]));
    assert_eq!(run(&passed(Some(100)), &stolen, 119).queue, passed(Some(100)));
    let step = run(&passed(Some(100)), &stolen, 120);
    assert_eq!(step.queue.intents[0].phase, Phase::Queued { gas: None });
    assert_eq!(step.alerts, [Alert::OutsideUse { nonce: 7 }]);
    // A reorganisation that frees the nonce stops the clock.
    assert_eq!(run(&passed(Some(100)), &seen(), 105).queue, passed(None));
    // A receipt that arrives late is accepted.
    let late = with_receipts(&[(1, Some(mined(1, 50, true)))]);
    let late = Observation { head: 60, ..late };
    let phase = run(&step.queue, &late, 130).queue.intents[0].phase;
    assert!(matches!(phase, Phase::Confirmed { .. }), "{phase:?}");
}

#[test]
fn a_retry_is_not_ended_by_the_receipt_of_the_reverted_attempt() {
    let gas = Some(Gas { limit: GAS, at: 0 });
    let again = queue([intent(1, Phase::Queued { gas }, &[attempt(1, 7, 0, Some(0))])]);
    let seen = Observation {
        head: 60,
        ..with_receipts(&[(1, Some(mined(1, 50, false)))])
    };
    assert_eq!(run(&again, &seen, 0).actions, [sign(1, 8, FEES)]);
}

#[test]
fn a_gap_below_is_filled_after_a_while() {
    // Another program's transaction with nonce 7 was dropped; ours with nonce 8 waits behind it.
    let phase = Phase::Pending {
        nonce: 8,
        passed_at: None,
    };
    let stuck = queue([intent(1, phase, &[attempt(1, 8, 100, Some(100))])]);
    let step = run(&stuck, &seen(), 100);
    assert_eq!((step.queue.gap_since, step.actions), (Some(100), vec![]));
    let fill = Action::Sign {
        intent: None,
        nonce: 7,
        fees: FEES,
        gas_limit: 100,
        purpose: Purpose::Nothing,
    };
    let step = run(&step.queue, &seen(), 115);
    assert_eq!(step.actions, [fill, Action::Send(hash(1))]);
    // Once nonce 7 is used again, there is no gap.
    let fresh = Observation {
        mined_nonce: 8,
        ..seen()
    };
    let stuck = Queue {
        gap_since: Some(100),
        ..stuck
    };
    assert_eq!(run(&stuck, &fresh, 105).queue.gap_since, None);
}

#[test]
fn a_lagging_node_does_not_cause_nonce_reuse() {
    let lagging = Observation {
        mined_nonce: 3,
        ..seen()
    };
    let counts = Phase::Confirmed {
        mined: mined(1, 50, true),
        missing_since: None,
    };
    let counted = intent(1, counts, &[attempt(1, 7, 0, Some(0))]);
    assert_eq!(
        run(&queue([counted, ready(2)]), &lagging, 0).actions,
        [sign(2, 8, FEES)]
    );
    let closed = Queue {
        floor: 8,
        ..queue([ready(2)])
    };
    assert_eq!(run(&closed, &lagging, 0).actions, [sign(2, 8, FEES)]);
}

#[test]
fn a_cancelled_intent_is_replaced_by_an_empty_transaction() {
    let mut waiting = pending(0, Some(0));
    waiting.cancelled = true;
    let nothing = Action::Sign {
        intent: Some(1),
        nonce: 7,
        fees: FEES.bumped(),
        gas_limit: 100,
        purpose: Purpose::Nothing,
    };
    assert_eq!(run(&queue([waiting.clone()]), &seen(), 0).actions, [nothing]);
    // Whichever of the two is mined decides.
    let mut empty = attempt(2, 7, 0, Some(0));
    empty.purpose = Purpose::Nothing;
    waiting.attempts.push(empty);
    for byte in [1, 2] {
        let seen = with_receipts(&[(1, None), (2, None), (byte, Some(mined(byte, 40, true)))]);
        let phase = run(&queue([waiting.clone()]), &seen, 0).queue.intents[0].phase;
        assert!(
            matches!(phase, Phase::Confirmed { mined, .. } if mined.hash == hash(byte)),
            "{phase:?}"
        );
    }
    // An unsigned intent simply ends.
    let mut new = ready(1);
    new.cancelled = true;
    assert_eq!(run(&queue([new]), &seen(), 0).queue.intents[0].phase, Phase::Void);
}

proptest! {
    #[test]
    fn an_end_is_final(succeeded: bool, head: u64, mined_nonce: u64, now: u64, which in 0..3) {
        let phase = [Phase::Closed(mined(1, 1, succeeded)), Phase::Void, Phase::Refused][which as usize];
        let ended = queue([intent(1, phase, &[attempt(1, 7, 0, Some(0))])]);
        let seen = Observation { head, mined_nonce, ..with_receipts(&[(1, None)]) };
        let step = run(&ended, &seen, now);
        prop_assert_eq!((step.queue, step.actions), (ended, vec![]));
    }
}
