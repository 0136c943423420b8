//! The decision table: from the stored state and an observation to the next state and actions. Pure.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::B256;
use assize_chain::Fees;
use assize_protocol::{AttoFil, GasPrice};

use crate::queue::{Gas, Intent, Mined, Phase, Purpose, Queue, day};
use crate::{Depth, Finality, Kind, Policy};

/// Maximum multiple of the market's fees up to which fees are raised.
const MAX_MARKET_MULTIPLE: GasPrice = 5;

/// The chain's state at one moment. It may come from several nodes that disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Number of the latest block.
    pub head: u64,
    /// Number of the latest final block, if the node supports it.
    pub finalized: Option<u64>,
    /// Number of mined transactions of the key.
    pub mined_nonce: u64,
    /// Current fees.
    pub fees: Fees,
    /// Balance of the key.
    pub balance: AttoFil,
    /// Gas of an empty transaction.
    pub nothing_gas: u64,
    /// Receipts of the transactions named by [`watched`]; `None` if there is no receipt.
    pub receipts: BTreeMap<B256, Option<Mined>>,
}

/// Actions, in order of execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Estimate the call's gas, and check whether the contract would reject it.
    Estimate {
        /// The intent.
        intent: i64,
    },
    /// Sign a transaction, store it, then observe again.
    Sign {
        /// The intent; `None` to fill a gap.
        intent: Option<i64>,
        /// The nonce.
        nonce: u64,
        /// The fees.
        fees: Fees,
        /// The gas limit.
        gas_limit: u64,
        /// The purpose.
        purpose: Purpose,
    },
    /// Send these stored bytes, or send them again.
    Send(B256),
}

/// An event that an operator should know. Nothing is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alert {
    /// An intent waits.
    Parked {
        /// The intent's id.
        intent: i64,
        /// The reason.
        why: Park,
    },
    /// Another program sends with the same key.
    OutsideUse {
        /// The nonce that it used.
        nonce: u64,
    },
    /// A reorganisation dropped a confirmed transaction; it is sent again.
    Reorganised {
        /// The intent's id.
        intent: i64,
    },
}

/// Why an intent is parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Park {
    /// The gas price is above the limit.
    GasPrice,
    /// The fees of this intent, over all attempts, would exceed the limit.
    IntentCap,
    /// Today's spending would exceed the limit.
    DailyCap,
    /// The key's balance is too low.
    Funds,
}

/// The next state and the actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The state to store before any action is executed.
    pub queue: Queue,
    /// The actions; empty if there is nothing to do but wait.
    pub actions: Vec<Action>,
    /// The alerts.
    pub alerts: Vec<Alert>,
}

/// The transactions whose receipts the next [`step`] needs.
#[must_use]
pub fn watched(queue: &Queue, rechecks: bool) -> Vec<B256> {
    let watched = |intent: &&Intent| match intent.phase {
        Phase::Pending { .. } | Phase::Queued { .. } => true,
        Phase::Confirmed { .. } => rechecks,
        Phase::Closed(_) | Phase::Void | Phase::Refused => false,
    };
    let attempts = queue
        .intents
        .iter()
        .filter(watched)
        .flat_map(|intent| &intent.attempts);
    attempts.map(|attempt| attempt.hash).collect()
}

/// Decides the next step. A closed intent is never touched again; every other one ends eventually, provided that the
/// chain advances and no limit stops it. A step signs at most one transaction.
#[must_use]
pub fn step(queue: &Queue, seen: &Observation, now: u64, policy: &Policy) -> Step {
    let mut round = Round {
        seen,
        now,
        policy,
        in_a_block: BTreeSet::new(),
        step: Step {
            queue: queue.clone(),
            actions: Vec::new(),
            alerts: Vec::new(),
        },
    };
    for index in 0..round.step.queue.intents.len() {
        round.place(index);
    }
    round.fill_gap();
    round.renew();
    round.begin();
    round.step
}

struct Round<'a> {
    seen: &'a Observation,
    now: u64,
    policy: &'a Policy,
    /// Pending intents that are mined but not confirmed.
    in_a_block: BTreeSet<i64>,
    step: Step,
}

impl Round<'_> {
    /// Moves an intent to the phase that receipts and nonces imply.
    fn place(&mut self, index: usize) {
        let (seen, now) = (self.seen, self.now);
        let intent = &self.step.queue.intents[index];
        let id = intent.id;
        // An attempt that took effect counts whatever its nonce. One that failed ends the intent only while the intent
        // uses that nonce, because a reverted intent may be tried again.
        let nonce = intent.nonce();
        let receipts = intent.attempts.iter().filter_map(|attempt| {
            let mined = (*seen.receipts.get(&attempt.hash)?)?;
            let effect = mined.succeeded && attempt.purpose == Purpose::Call;
            (effect || nonce == Some(attempt.nonce)).then_some((effect, attempt.nonce, mined))
        });
        let found = receipts.max_by_key(|(effect, nonce, _)| (*effect, *nonce));
        let phase = match (intent.phase, found) {
            (Phase::Closed(_) | Phase::Void | Phase::Refused, _) => return,
            (_, Some((_, nonce, mined))) => self.place_mined(id, intent.kind, nonce, mined),
            (Phase::Confirmed { mined, missing_since }, None) => {
                if !seen.receipts.contains_key(&mined.hash) {
                    return;
                }
                let since = missing_since.unwrap_or(now);
                match nonce.filter(|_| now >= since.saturating_add(self.policy.reorg_after)) {
                    Some(nonce) => {
                        self.step.alerts.push(Alert::Reorganised { intent: id });
                        Phase::Pending {
                            nonce,
                            passed_at: None,
                        }
                    }
                    None => Phase::Confirmed {
                        mined,
                        missing_since: Some(since),
                    },
                }
            }
            (Phase::Pending { nonce, passed_at }, None) => self.place_unmined(index, nonce, passed_at),
            (Phase::Queued { .. }, None) if intent.cancelled => Phase::Void,
            (queued @ Phase::Queued { .. }, None) => queued,
        };
        self.step.queue.intents[index].phase = phase;
    }

    fn place_mined(&mut self, id: i64, kind: Kind, nonce: u64, mined: Mined) -> Phase {
        let deep = match self.policy.depth(kind) {
            Depth::Final => false,
            Depth::Blocks(blocks) => self.seen.head >= mined.block.saturating_add(blocks),
        };
        if self.is_final(&mined) {
            return Phase::Closed(mined);
        }
        if deep {
            return Phase::Confirmed {
                mined,
                missing_since: None,
            };
        }
        self.in_a_block.insert(id);
        Phase::Pending {
            nonce,
            passed_at: None,
        }
    }

    fn is_final(&self, mined: &Mined) -> bool {
        let below = |blocks| self.seen.head >= mined.block.saturating_add(blocks);
        match self.policy.finality {
            Finality::Blocks(blocks) => below(blocks),
            Finality::Tag { or } => self.seen.finalized.is_some_and(|last| last >= mined.block) || below(or),
        }
    }

    fn place_unmined(&mut self, index: usize, nonce: u64, passed_at: Option<u64>) -> Phase {
        if self.seen.mined_nonce <= nonce {
            return Phase::Pending {
                nonce,
                passed_at: None,
            };
        }
        // Either our receipt is late (on Filecoin by an epoch), or another program used the nonce and no attempt can
        // ever be mined. Time tells.
        let since = passed_at.unwrap_or(self.now);
        if self.now < since.saturating_add(self.policy.receipt_lag) {
            return Phase::Pending {
                nonce,
                passed_at: Some(since),
            };
        }
        let intent = &self.step.queue.intents[index];
        let (kind, cancelled) = (intent.kind, intent.cancelled);
        self.step.alerts.push(Alert::OutsideUse { nonce });
        match kind == Kind::Fill || cancelled {
            true => Phase::Void,
            false => Phase::Queued { gas: None },
        }
    }

    /// Sends unsent attempts, resends old ones, and raises the fees of the one that all others wait for.
    fn renew(&mut self) {
        let mut pending: Vec<_> = self
            .step
            .queue
            .intents
            .iter()
            .filter_map(|intent| match intent.phase {
                Phase::Pending {
                    nonce,
                    passed_at: None,
                } if !self.in_a_block.contains(&intent.id) => Some((nonce, intent.clone())),
                _ => None,
            })
            .collect();
        pending.sort_by_key(|(nonce, _)| *nonce);
        let next = self.next_nonce();
        for (nonce, intent) in &pending {
            let Some(newest) = intent.newest(*nonce) else {
                continue;
            };
            let Some(sent_at) = newest.sent_at else {
                self.step.actions.push(Action::Send(newest.hash));
                continue;
            };
            let undo = intent.cancelled && newest.purpose == Purpose::Call;
            // The others wait for this one, so raising their fees would not help.
            let due = *nonce <= next && self.now >= newest.made_at.saturating_add(self.policy.bump_after);
            if undo || (due && !self.overpays(newest.fees)) {
                let (purpose, gas_limit) = match undo || newest.purpose == Purpose::Nothing {
                    true => (Purpose::Nothing, self.seen.nothing_gas),
                    false => (Purpose::Call, newest.gas_limit),
                };
                let fees = newest.fees.bumped().max(self.seen.fees);
                if self.sign(Some(intent), *nonce, fees, gas_limit, purpose) {
                    continue;
                }
            }
            if self.now >= sent_at.saturating_add(self.policy.resend_after) {
                self.step.actions.push(Action::Send(newest.hash));
            }
        }
    }

    /// A free nonce below ours blocks all of ours.
    fn fill_gap(&mut self) {
        let queue = &self.step.queue;
        let held = self.held();
        let next = self.next_nonce();
        let waiting = queue.intents.iter().any(|intent| {
            matches!(intent.phase, Phase::Pending { nonce, .. } if nonce > next)
                && !self.in_a_block.contains(&intent.id)
        });
        let gap = !held.contains(&next) && waiting;
        if !gap {
            self.step.queue.gap_since = None;
            return;
        }
        // A lagging node may not know that a nonce is used.
        let since = *self.step.queue.gap_since.get_or_insert(self.now);
        if self.now >= since.saturating_add(self.policy.reorg_after) {
            let (fees, gas) = (self.price_of(next), self.seen.nothing_gas);
            self.sign(None, next, fees, gas, Purpose::Nothing);
        }
    }

    /// Signs the oldest waiting intent, if there is room.
    fn begin(&mut self) {
        let queue = &self.step.queue;
        let under_way = |intent: &&Intent| {
            matches!(intent.phase, Phase::Pending { .. }) && !self.in_a_block.contains(&intent.id)
        };
        if queue.gap_since.is_some() {
            return;
        }
        let is_full = queue.intents.iter().filter(under_way).count() >= self.policy.in_flight;
        let waits = |intent: &&Intent| matches!(intent.phase, Phase::Queued { .. });
        let mut waiting: Vec<_> = queue.intents.iter().filter(waits).cloned().collect();
        waiting.sort_by_key(|intent| intent.kind != Kind::Urgent);
        waiting.retain(|intent| !is_full || intent.kind == Kind::Urgent);
        let held = self.held();
        let base = self.next_nonce();
        let nonce = (base..).find(|nonce| !held.contains(nonce)).unwrap_or(base);
        for intent in waiting {
            let Phase::Queued { gas } = intent.phase else {
                continue;
            };
            let good = |gas: &Gas| self.now <= gas.at.saturating_add(self.policy.estimate_good_for);
            let Some(gas) = gas.filter(good) else {
                self.step.actions.push(Action::Estimate { intent: intent.id });
                return;
            };
            let parked = self.step.alerts.len();
            let signed = self.sign(
                Some(&intent),
                nonce,
                self.price_of(nonce),
                gas.limit,
                Purpose::Call,
            );
            // An intent that has reached its own limit does not block those behind it.
            let only_itself = matches!(
                self.step.alerts.get(parked),
                Some(Alert::Parked {
                    why: Park::IntentCap,
                    ..
                })
            );
            if signed || !only_itself {
                return;
            }
        }
    }

    /// The lowest unused nonce, as far as is known. A lagging node must not make us reuse one.
    fn next_nonce(&self) -> u64 {
        let queue = &self.step.queue;
        let used = queue.intents.iter().filter_map(|intent| match intent.phase {
            Phase::Confirmed { .. } | Phase::Closed(_) => intent.nonce(),
            // An intent that a reorganisation dropped holds its nonce again, as pending.
            _ => None,
        });
        let above_ours = used.max().map_or(0, |nonce| nonce + 1);
        self.seen.mined_nonce.max(queue.floor).max(above_ours)
    }

    /// Fees for the first attempt with a nonce: enough to replace an abandoned one that may still wait in a mempool.
    fn price_of(&self, nonce: u64) -> Fees {
        let attempts = self.step.queue.intents.iter().flat_map(|intent| &intent.attempts);
        let given_up = attempts.filter(|attempt| attempt.nonce == nonce);
        given_up.fold(self.seen.fees, |fees, attempt| fees.max(attempt.fees.bumped()))
    }

    /// Whether fees are so far above the market's that raising them would not help.
    fn overpays(&self, fees: Fees) -> bool {
        fees.max_fee > self.seen.fees.max_fee.saturating_mul(MAX_MARKET_MULTIPLE)
    }

    /// The nonces that we already hold.
    fn held(&self) -> BTreeSet<u64> {
        self.step.queue.intents.iter().filter_map(Intent::nonce).collect()
    }

    /// Adds an action, unless a limit forbids it or another one must be signed first; returns true if it was added.
    fn sign(
        &mut self,
        intent: Option<&Intent>,
        nonce: u64,
        fees: Fees,
        gas_limit: u64,
        purpose: Purpose,
    ) -> bool {
        if self
            .step
            .actions
            .iter()
            .any(|action| matches!(action, Action::Sign { .. }))
        {
            return false;
        }
        let id = intent.map(|intent| intent.id);
        if let Some(why) = self.forbidden(intent, nonce, fees.at_most(gas_limit), fees, purpose) {
            self.step
                .alerts
                .extend(id.map(|intent| Alert::Parked { intent, why }));
            return false;
        }
        self.step.actions.push(Action::Sign {
            intent: id,
            nonce,
            fees,
            gas_limit,
            purpose,
        });
        true
    }

    fn forbidden(
        &self,
        intent: Option<&Intent>,
        nonce: u64,
        fee: AttoFil,
        fees: Fees,
        purpose: Purpose,
    ) -> Option<Park> {
        let caps = &self.policy.caps;
        if fees.max_fee > caps.gas_price {
            return Some(Park::GasPrice);
        }
        let costs = intent.map(Intent::costs).unwrap_or_default();
        let others = costs.iter().filter(|cost| cost.nonce != nonce);
        // Sums saturate: more than any limit but none.
        let fees_so_far = AttoFil::saturating_sum(others.map(|cost| cost.fee));
        if fees_so_far.saturating_add(fee) > caps.intent {
            return Some(Park::IntentCap);
        }
        let value = match (intent, purpose) {
            (Some(intent), Purpose::Call) => intent.value,
            _ => AttoFil::ZERO,
        };
        let total = fee.saturating_add(value);
        let id = intent.map(|intent| intent.id);
        if self.booked_today(id, nonce).saturating_add(total) > caps.daily {
            return Some(Park::DailyCap);
        }
        (self.seen.balance < total).then_some(Park::Funds)
    }

    /// Maximum cost of today's transactions, except those of one intent with one nonce, which are to be replaced.
    fn booked_today(&self, replaced: Option<i64>, nonce: u64) -> AttoFil {
        let today = day(self.now);
        let queue = &self.step.queue;
        let costs = queue.intents.iter().flat_map(|intent| {
            let replaced = Some(intent.id) == replaced;
            let costs = intent.costs().into_iter();
            costs.filter(move |cost| cost.day == today && !(replaced && cost.nonce == nonce))
        });
        let spent = queue.spent.get(&today).copied().unwrap_or_default();
        AttoFil::saturating_sum(costs.map(|cost| cost.total)).saturating_add(spent)
    }
}

#[cfg(test)]
mod tests;
