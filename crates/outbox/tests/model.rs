//! Laws of the truth table on a model chain: whatever is dropped, delayed, stolen or killed, a call takes effect at
//! most once, and in the end exactly once.

use alloy_primitives::B256;
use assize_chain::Fees;
use assize_outbox::{Action, Attempt, Mined, Observation, Policy, State, step};
use proptest::prelude::*;

const POLICY: Policy = Policy {
    confirmations: 3,
    poll: std::time::Duration::ZERO,
    resend_after: 10,
    bump_after: 30,
    receipt_lag: 20,
    max_fee: 1_000_000,
    patience: 0,
};

/// What may happen between two looks at the chain.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// Seconds and blocks pass.
    Pass(u64),
    /// A transaction that waits is mined; which, decides the number. Its receipt shows this much later.
    Mine(usize, u64),
    /// The node forgets all transactions that wait.
    Drop,
    /// Another program uses the key's next nonce.
    Steal,
    /// The process looks and acts, and dies before it writes down that it acted.
    ActAndDie,
    /// The process looks and acts.
    Act,
}

#[derive(Debug)]
struct World {
    now: u64,
    head: u64,
    nonce: u64,
    waiting: Vec<(u64, B256)>,
    mined: Vec<(Mined, u64)>,
    /// What the process has on its disk.
    state: State,
    made: u64,
}

impl World {
    fn new() -> Self {
        Self {
            now: 0,
            head: 0,
            nonce: 0,
            waiting: Vec::new(),
            mined: Vec::new(),
            state: State::Queued,
            made: 0,
        }
    }

    fn observe(&self) -> Observation {
        let ours = |hash: &B256| match &self.state {
            State::Pending { attempts, .. } => attempts.iter().any(|attempt| attempt.hash == *hash),
            _ => false,
        };
        let mined = self
            .mined
            .iter()
            .find(|(mined, shows_at)| ours(&mined.hash) && *shows_at <= self.now);
        Observation {
            head: self.head,
            mined_nonce: self.nonce,
            fees: Fees {
                max_fee: 100,
                premium: 10,
            },
            mined: mined.map(|(mined, _)| *mined),
        }
    }

    fn act(&mut self, dies: bool) {
        let (next, action) = step(&self.state, &self.observe(), self.now, &POLICY);
        if let Action::Send(hash) = action {
            // Sending cannot be taken back by dying.
            let State::Pending { nonce, .. } = &self.state else {
                panic!("sent without an attempt")
            };
            let nonce = *nonce;
            if nonce >= self.nonce && !self.waiting.contains(&(nonce, hash)) {
                self.waiting.push((nonce, hash));
            }
        }
        if dies {
            return;
        }
        self.state = next;
        match (action, &mut self.state) {
            (Action::Sign { nonce, fees }, state) => {
                self.made += 1;
                let hash = B256::with_last_byte(self.made as u8);
                let attempt = Attempt {
                    hash,
                    fees,
                    made_at: self.now,
                    sent_at: None,
                };
                let mut attempts = match state {
                    State::Pending { attempts, .. } => attempts.clone(),
                    _ => Vec::new(),
                };
                attempts.push(attempt);
                *state = State::Pending {
                    nonce,
                    attempts,
                    passed_at: None,
                };
            }
            (Action::Send(hash), State::Pending { attempts, .. }) => {
                for attempt in attempts.iter_mut().filter(|attempt| attempt.hash == hash) {
                    attempt.sent_at = Some(self.now);
                }
            }
            _ => {}
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Pass(seconds) => {
                self.now += seconds;
                self.head += seconds / 5;
            }
            Event::Mine(which, lag) => {
                let next: Vec<_> = self
                    .waiting
                    .iter()
                    .copied()
                    .filter(|(nonce, _)| *nonce == self.nonce)
                    .collect();
                if let Some((_, hash)) = next.get(which % next.len().max(1)) {
                    self.head += 1;
                    let mined = Mined {
                        hash: *hash,
                        block: self.head,
                        succeeded: true,
                        gas_used: 1,
                    };
                    self.mined.push((mined, self.now + lag));
                    self.nonce += 1;
                    self.waiting.retain(|(nonce, _)| *nonce >= self.nonce);
                }
            }
            Event::Drop => self.waiting.clear(),
            Event::Steal => {
                self.nonce += 1;
                self.waiting.retain(|(nonce, _)| *nonce >= self.nonce);
            }
            Event::ActAndDie => self.act(true),
            Event::Act => self.act(false),
        }
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (1..40u64).prop_map(Event::Pass),
        2 => (any::<usize>(), 0..POLICY.receipt_lag).prop_map(|(which, lag)| Event::Mine(which, lag)),
        1 => Just(Event::Drop),
        1 => Just(Event::Steal),
        2 => Just(Event::ActAndDie),
        4 => Just(Event::Act),
    ];
    proptest::collection::vec(event, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_call_takes_effect_once(events in events()) {
        let mut world = World::new();
        for event in events {
            world.happen(event);
            prop_assert!(world.mined.len() <= 1, "twice: {world:?}");
        }
        // Then nothing is in the way any more: it ends, and it has taken effect.
        for _ in 0..60 {
            world.happen(Event::Act);
            world.happen(Event::Mine(0, 0));
            world.happen(Event::Pass(11));
        }
        prop_assert!(matches!(world.state, State::Done(_)), "no end: {world:?}");
        prop_assert_eq!(world.mined.len(), 1);
    }

    #[test]
    fn a_replacement_always_pays_a_quarter_more_and_one(events in events()) {
        let mut world = World::new();
        for event in events {
            world.happen(event);
            if let State::Pending { attempts, .. } = &world.state {
                for pair in attempts.windows(2) {
                    prop_assert!(pair[1].fees.premium > pair[0].fees.premium * 5 / 4);
                }
            }
        }
    }
}
