//! Invariants of the decision table on a model chain. Whatever is dropped, delayed, reordered, stolen, reorganised
//! or killed, a call takes effect at most once and eventually exactly once, no nonce is skipped, and no limit is
//! exceeded.
#![allow(clippy::unwrap_used, reason = "an inconsistent model fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use alloy_primitives::{B256, U256};
use assize_chain::Fees;
use assize_outbox::{
    Action, Attempt, Caps, Depth, Finality, Gas, Intent, Kind, Mined, Observation, Phase, Policy, Purpose,
    Queue, day, step, watched,
};
use assize_protocol::AttoFil;
use proptest::prelude::*;

const GAS: u64 = 100;

const POLICY: Policy = Policy {
    commit: Depth::Blocks(2),
    payout: Depth::Final,
    finality: Finality::Blocks(12),
    poll: Duration::ZERO,
    in_flight: 3,
    resend_after: 10,
    bump_after: 30,
    receipt_lag: 60,
    reorg_after: 15,
    recheck_after: 0,
    estimate_good_for: 1_000,
    caps: Caps {
        gas_price: 5_000,
        intent: AttoFil::MAX,
        // A few transactions a day, at the usual price.
        daily: AttoFil::new(200_000),
    },
    patience: 0,
};

/// Events between two ticks.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// Seconds pass.
    Pass(u64),
    /// A block is mined with this many of the possible transactions; among several with one nonce, one is chosen. Their
    /// receipts appear after this delay.
    Mine { most: usize, which: usize, lag: u64 },
    /// The node forgets all pending transactions.
    Drop,
    /// Another program uses the key's next nonce.
    Steal,
    /// The last blocks are replaced by empty ones; their transactions are pending again, or forgotten.
    Reorganise { depth: u64, forgets: bool },
    /// The gas price changes.
    Price(u128),
    /// The process ticks against a node that lags by this many blocks, and dies after this many actions.
    Act { behind: u64, dies_after: usize },
}

/// A mined transaction.
#[derive(Debug, Clone, Copy)]
struct Included {
    hash: B256,
    nonce: u64,
    block: u64,
    shows_at: u64,
    succeeded: bool,
}

#[derive(Debug)]
struct World {
    now: u64,
    head: u64,
    price: u128,
    chain: Vec<Included>,
    waiting: BTreeMap<(u64, B256), u128>,
    /// The state that the process has stored.
    disk: Queue,
    /// The purpose of each of our transactions: the intent, if there is one.
    ours: BTreeMap<B256, Option<i64>>,
    disturbed: bool,
    made: u64,
}

impl World {
    fn new(intents: i64) -> Self {
        let intent = |id| Intent {
            id,
            kind: if id % 2 == 0 { Kind::Commit } else { Kind::Payout },
            value: AttoFil::ZERO,
            cancelled: false,
            phase: Phase::Queued { gas: None },
            attempts: Vec::new(),
        };
        Self {
            now: 0,
            head: 0,
            price: 10,
            chain: Vec::new(),
            waiting: BTreeMap::new(),
            disk: Queue {
                intents: (1..=intents).map(intent).collect(),
                ..Queue::default()
            },
            ours: BTreeMap::new(),
            disturbed: false,
            made: 0,
        }
    }

    fn nonce(&self, head: u64) -> u64 {
        self.chain
            .iter()
            .filter(|included| included.block <= head)
            .count() as u64
    }

    fn fees(&self) -> Fees {
        Fees {
            max_fee: self.price * 2,
            premium: self.price,
        }
    }

    /// Whether the call of this intent has taken effect in the contract.
    fn has_effect(&self, intent: i64) -> bool {
        self.mined_of(intent).any(|included| included.succeeded)
    }

    fn mined_of(&self, intent: i64) -> impl Iterator<Item = &Included> {
        let ours = &self.ours;
        self.chain
            .iter()
            .filter(move |included| ours.get(&included.hash) == Some(&Some(intent)))
    }

    fn observe(&self, behind: u64) -> Observation {
        let head = self.head.saturating_sub(behind);
        let receipt = |hash: B256| {
            let included = self.chain.iter().find(|included| {
                included.hash == hash && included.block <= head && included.shows_at <= self.now
            })?;
            Some(Mined {
                hash,
                block: included.block,
                block_hash: B256::ZERO,
                succeeded: included.succeeded,
                gas_used: GAS / 2,
                fee: AttoFil::new(u128::from(GAS) / 2),
            })
        };
        Observation {
            head,
            finalized: None,
            mined_nonce: self.nonce(head),
            fees: self.fees(),
            balance: AttoFil::MAX,
            nothing_gas: GAS / 10,
            receipts: watched(&self.disk, true)
                .into_iter()
                .map(|hash| (hash, receipt(hash)))
                .collect(),
        }
    }

    fn act(&mut self, behind: u64, dies_after: usize) {
        let next = step(&self.disk, &self.observe(behind), self.now, &POLICY);
        if dies_after == 0 {
            return;
        }
        self.save(next.queue);
        for action in next.actions.iter().take(dies_after - 1) {
            self.perform(action);
        }
    }

    /// Like the database: closed intents are not loaded again.
    fn save(&mut self, mut queue: Queue) {
        for intent in queue
            .intents
            .iter()
            .filter(|intent| matches!(intent.phase, Phase::Closed(_)))
        {
            let Phase::Closed(mined) = intent.phase else {
                continue;
            };
            let nonce = intent.nonce();
            let last = intent
                .attempts
                .iter()
                .rfind(|attempt| Some(attempt.nonce) == nonce);
            let spent = queue.spent.entry(day(last.unwrap().made_at)).or_default();
            *spent = spent.checked_add(mined.fee).unwrap();
            queue.floor = queue.floor.max(nonce.unwrap() + 1);
        }
        queue
            .intents
            .retain(|intent| !matches!(intent.phase, Phase::Closed(_) | Phase::Void));
        self.disk = queue;
    }

    fn perform(&mut self, action: &Action) {
        match *action {
            Action::Estimate { intent } => {
                let refused = self.has_effect(intent);
                let at = self.now;
                let intent = self
                    .disk
                    .intents
                    .iter_mut()
                    .find(|there| there.id == intent)
                    .unwrap();
                intent.phase = match refused {
                    true => Phase::Refused,
                    false => Phase::Queued {
                        gas: Some(Gas { limit: GAS, at }),
                    },
                };
            }
            Action::Sign {
                intent,
                nonce,
                fees,
                gas_limit,
                purpose,
            } => {
                self.made += 1;
                let attempt = Attempt {
                    hash: B256::from(U256::from(self.made)),
                    nonce,
                    fees,
                    gas_limit,
                    purpose,
                    made_at: self.now,
                    sent_at: None,
                };
                let call = intent.filter(|_| purpose == Purpose::Call);
                self.ours.insert(attempt.hash, call);
                let id = intent.unwrap_or(-(self.made as i64));
                if intent.is_none() {
                    self.disk.intents.push(Intent {
                        id,
                        kind: Kind::Fill,
                        value: AttoFil::ZERO,
                        cancelled: false,
                        phase: Phase::Queued { gas: None },
                        attempts: Vec::new(),
                    });
                }
                let intent = self.disk.intents.iter_mut().find(|there| there.id == id).unwrap();
                intent.attempts.push(attempt);
                intent.phase = Phase::Pending {
                    nonce,
                    passed_at: None,
                };
            }
            Action::Send(hash) => self.send(hash),
        }
    }

    /// A node by Filecoin's rules: no nonce before the one below it, replacement only at fees raised by a quarter plus
    /// one.
    fn send(&mut self, hash: B256) {
        let now = self.now;
        let attempts = self
            .disk
            .intents
            .iter_mut()
            .flat_map(|intent| &mut intent.attempts);
        let attempt = attempts.into_iter().find(|attempt| attempt.hash == hash).unwrap();
        attempt.sent_at = Some(now);
        let (nonce, premium) = (attempt.nonce, attempt.fees.premium);
        let mined = self.nonce(self.head);
        let waiting: BTreeSet<_> = self.waiting.keys().map(|(nonce, _)| *nonce).collect();
        let pending = (mined..).find(|nonce| !waiting.contains(nonce)).unwrap();
        if nonce < mined || nonce > pending {
            return;
        }
        let others = self.waiting.iter().filter(|((of, _), _)| *of == nonce);
        let highest = others.map(|(_, premium)| *premium).max();
        if highest.is_none_or(|highest| premium > highest + highest / 4) {
            self.waiting.retain(|(of, _), _| *of != nonce);
            self.waiting.insert((nonce, hash), premium);
        }
    }

    fn include(&mut self, hash: B256, nonce: u64, lag: u64) {
        let intent = self.ours.get(&hash).copied().flatten();
        let succeeded = intent.is_none_or(|intent| !self.has_effect(intent));
        self.chain.push(Included {
            hash,
            nonce,
            block: self.head,
            shows_at: self.now + lag,
            succeeded,
        });
        self.waiting.retain(|(of, _), _| *of > nonce);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Pass(seconds) => self.now += seconds,
            Event::Mine { most, which, lag } => {
                self.head += 1;
                for _ in 0..most {
                    let nonce = self.nonce(self.head);
                    let next: Vec<_> = self
                        .waiting
                        .keys()
                        .filter(|(of, _)| *of == nonce)
                        .copied()
                        .collect();
                    let Some((_, hash)) = next.get(which % next.len().max(1)) else {
                        break;
                    };
                    self.include(*hash, nonce, lag);
                }
            }
            Event::Drop => self.waiting.clear(),
            Event::Steal => {
                self.disturbed = true;
                self.head += 1;
                self.made += 1;
                let nonce = self.nonce(self.head);
                self.include(B256::from(U256::from(self.made)), nonce, 0);
            }
            Event::Reorganise { depth, forgets } => {
                self.disturbed = true;
                let last = self.head.saturating_sub(depth);
                let (stays, gone): (Vec<_>, Vec<_>) = self
                    .chain
                    .iter()
                    .copied()
                    .partition(|included| included.block <= last);
                self.chain = stays;
                for included in gone
                    .iter()
                    .filter(|included| !forgets && self.ours.contains_key(&included.hash))
                {
                    self.waiting.insert((included.nonce, included.hash), 1);
                }
                self.head += 1;
            }
            Event::Price(price) => self.price = price,
            Event::Act { behind, dies_after } => self.act(behind, dies_after),
        }
    }

    /// A caller checks whether a call that the contract rejected has really taken effect, and enqueues it again if not.
    fn ask_the_chain(&mut self) {
        let lost: Vec<_> = self
            .disk
            .intents
            .iter()
            .filter(|intent| intent.phase == Phase::Refused && !self.has_effect(intent.id))
            .map(|intent| intent.id)
            .collect();
        for intent in self
            .disk
            .intents
            .iter_mut()
            .filter(|intent| lost.contains(&intent.id))
        {
            intent.phase = Phase::Queued { gas: None };
        }
    }

    /// From now on there are no disturbances.
    fn calm_down(&mut self) {
        self.price = 10;
        for turn in 0..400 {
            // Except for a node that always lags.
            self.act(if turn % 3 == 1 { 2 } else { 0 }, usize::MAX);
            if turn % 2 == 0 {
                self.happen(Event::Mine {
                    most: 5,
                    which: 0,
                    lag: 0,
                });
            }
            self.ask_the_chain();
            // Days pass, for the daily limit.
            self.now += if turn % 20 == 19 { 86_400 } else { 11 };
            if self
                .disk
                .intents
                .iter()
                .all(|intent| intent.phase == Phase::Refused)
            {
                return;
            }
        }
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (1..40u64).prop_map(Event::Pass),
        3 => (1..4usize, any::<usize>(), 0..40u64).prop_map(|(most, which, lag)| Event::Mine { most, which, lag }),
        1 => Just(Event::Drop),
        1 => Just(Event::Steal),
        1 => (1..8u64, any::<bool>()).prop_map(|(depth, forgets)| Event::Reorganise { depth, forgets }),
        1 => prop_oneof![Just(10), Just(50), Just(3_000)].prop_map(Event::Price),
        3 => (0..3u64, 0..4usize).prop_map(|(behind, dies_after)| Event::Act { behind, dies_after }),
        5 => Just(Event::Act { behind: 0, dies_after: usize::MAX }),
    ];
    proptest::collection::vec(event, 0..150)
}

fn spent_of(world: &World) -> BTreeMap<u64, AttoFil> {
    // The maximum cost of the transactions signed in a day.
    let mut spent = BTreeMap::<u64, AttoFil>::new();
    let mut add = |day, cost| {
        let sum = spent.entry(day).or_default();
        *sum = sum.checked_add(cost).unwrap();
    };
    for intent in &world.disk.intents {
        let mut by_nonce = BTreeMap::<u64, (u64, AttoFil)>::new();
        for attempt in &intent.attempts {
            let (last, cost) = by_nonce.entry(attempt.nonce).or_default();
            *last = (*last).max(day(attempt.made_at));
            *cost = (*cost).max(attempt.highest_fee());
        }
        for (day, cost) in by_nonce.into_values() {
            add(day, cost);
        }
    }
    for (day, cost) in &world.disk.spent {
        add(*day, *cost);
    }
    spent
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_call_takes_effect_once(events in events(), intents in 1..6i64) {
        let mut world = World::new(intents);
        for event in &events {
            world.happen(*event);
            for intent in 1..=intents {
                let mined: Vec<_> = world.mined_of(intent).collect();
                let effects = mined.iter().filter(|included| included.succeeded).count();
                prop_assert!(effects <= 1, "{intent} took effect twice: {world:?}");
                // Without another program and a reorganisation, the contract never has to reject anything.
                prop_assert!(world.disturbed || mined.len() <= 1, "{intent} was mined twice: {world:?}");
            }
            for (day, spent) in spent_of(&world) {
                prop_assert!(spent <= POLICY.caps.daily, "day {day}: {spent} spent: {world:?}");
            }
        }
        world.calm_down();
        for intent in 1..=intents {
            prop_assert!(world.has_effect(intent), "{intent} never took effect: {world:#?}");
        }
        let open = world.disk.intents.iter().filter(|intent| intent.phase != Phase::Refused).count();
        prop_assert_eq!(open, 0, "no end: {:#?}", world);
        // The chain has every nonce up to our highest.
        let nonces: BTreeSet<_> = world.chain.iter().map(|included| included.nonce).collect();
        prop_assert!(nonces.iter().copied().eq(0..nonces.len() as u64), "{nonces:?}");
    }

    #[test]
    fn a_replacement_pays_a_quarter_more_and_one(events in events(), intents in 1..4i64) {
        let mut world = World::new(intents);
        for event in events {
            world.happen(event);
            for intent in &world.disk.intents {
                for (index, attempt) in intent.attempts.iter().enumerate() {
                    let before = intent.attempts[..index].iter().filter(|other| other.nonce == attempt.nonce);
                    for other in before {
                        prop_assert!(attempt.fees.premium > other.fees.premium * 5 / 4);
                    }
                }
            }
        }
    }

    #[test]
    fn two_calls_never_share_a_nonce(events in events(), intents in 1..6i64) {
        let mut world = World::new(intents);
        for event in events {
            world.happen(event);
            let mut held = BTreeMap::new();
            for intent in &world.disk.intents {
                if let Phase::Pending { nonce, .. } = intent.phase {
                    let other = held.insert(nonce, intent.id);
                    prop_assert!(other.is_none(), "nonce {nonce}: {world:?}");
                }
            }
        }
    }
}
