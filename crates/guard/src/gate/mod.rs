//! Random early drop before a queue: gossipsub's peer gater, with subnets as peers.

mod params;
mod record;
mod shared;

use std::collections::HashMap;
use std::time::Instant;

pub use params::{GateParams, GateParamsError, decay};
pub use record::Record;
pub use shared::SharedGate;

use crate::Subnet;
use record::shrink;

/// Gossipsub's peer gater (go-libp2p-pubsub, `peer_gater.go`): while the queue behind it overflows, requests are
/// dropped at random, with a probability that depends on the record of their subnet. The caller provides the clock and
/// the random numbers.
///
/// | call | when |
/// |---|---|
/// | [`Gate::accept`] | a request arrives; drop it if this is false |
/// | [`Gate::validate`] | its content is queued for validation |
/// | [`Gate::throttle`] | it is not, because the queue is full |
/// | [`Gate::deliver`], [`Gate::duplicate`], [`Gate::ignore`], [`Gate::reject`] | the result of validation |
/// | [`Gate::tick`] | every [`GateParams::decay_interval`] |
///
/// It never bans: a small share of the requests of even the worst source is accepted, with which the source can improve
/// its record. Throttled requests do not affect any record.
///
/// # Differences from gossipsub
/// - HTTP connections say little about presence. A source counts as connected for [`GateParams::connected_for`] after
///   its last request; from then on its record is kept unchanged for [`GateParams::retain_stats`], so that nobody
///   improves a record by staying away for less than that.
/// - At most [`GateParams::max_sources`] records are kept. To make room, a sixteenth of all is dropped at once: those
///   that affect the probability least, and among them those with the fewest counts. A source cannot get its own bad
///   record dropped without worse ones from as many other subnets.
/// - A source without a record is accepted, and gets one with its first result.
#[derive(Debug)]
pub struct Gate {
    params: GateParams,
    validate: f64,
    throttle: f64,
    last_throttle: Option<Instant>,
    sources: HashMap<Subnet, Source>,
    /// The latest time that the caller passed.
    now: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Source {
    record: Record,
    seen: Instant,
}

/// Statistics of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GateSnapshot {
    /// Whether the gate is active.
    pub on: bool,
    /// Recently validated.
    pub validate: f64,
    /// Recently throttled.
    pub throttle: f64,
    /// Number of sources with a record.
    pub sources: usize,
    /// Requests that [`SharedGate`] accepted.
    pub accepted: u64,
    /// Requests that [`SharedGate`] dropped.
    pub dropped: u64,
}

impl Gate {
    /// Creates an empty gate.
    ///
    /// # Errors
    /// [`GateParamsError`].
    pub fn new(params: GateParams, now: Instant) -> Result<Self, GateParamsError> {
        params.check()?;
        Ok(Self {
            params,
            validate: 0.0,
            throttle: 0.0,
            last_throttle: None,
            sources: HashMap::new(),
            now,
        })
    }

    /// Decays counts, and removes sources that have been gone for long. Call it every [`GateParams::decay_interval`].
    pub fn tick(&mut self, now: Instant) {
        self.now = self.now.max(now);
        let (now, params) = (self.now, self.params);
        shrink(&mut self.validate, params.global_decay, params.decay_to_zero);
        shrink(&mut self.throttle, params.global_decay, params.decay_to_zero);
        self.sources.retain(|_, source| {
            let away = now.saturating_duration_since(source.seen);
            if away <= params.connected_for {
                source.record.decay(&params);
                true
            } else {
                away <= params.connected_for + params.retain_stats
            }
        });
        if self.sources.capacity() > 8 * self.sources.len().max(1_024) {
            self.sources.shrink_to(2 * self.sources.len());
        }
    }

    /// Records that content is queued for validation.
    pub fn validate(&mut self) {
        self.validate += 1.0;
    }

    /// Records that content is not validated because the queue is full.
    pub fn throttle(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.last_throttle = Some(self.now);
        self.throttle += 1.0;
    }

    /// Records useful content from `source`.
    pub fn deliver(&mut self, source: Subnet) {
        self.record_of(source).deliver += 1.0;
    }

    /// Records a duplicate.
    pub fn duplicate(&mut self, source: Subnet) {
        self.record_of(source).duplicate += 1.0;
    }

    /// Records content that is useless but not at fault.
    pub fn ignore(&mut self, source: Subnet) {
        self.record_of(source).ignore += 1.0;
    }

    /// Records invalid content.
    pub fn reject(&mut self, source: Subnet) {
        self.record_of(source).reject += 1.0;
    }

    /// Whether a request is accepted; `uniform` is drawn from [0, 1).
    pub fn accept(&mut self, source: Subnet, now: Instant, uniform: f64) -> bool {
        self.now = self.now.max(now);
        let record = self.sources.get_mut(&source).map(|source| {
            source.seen = self.now;
            source.record
        });
        !self.is_on(now) || record.is_none_or(|record| uniform < record.probability(&self.params))
    }

    /// Whether it is active: something was throttled within the quiet interval, and the share of throttled content is
    /// above the threshold.
    #[must_use]
    pub fn is_on(&self, now: Instant) -> bool {
        let Some(last_throttle) = self.last_throttle else {
            return false;
        };
        let quiet = now.saturating_duration_since(last_throttle) > self.params.quiet;
        let few = self.validate != 0.0 && self.throttle / self.validate < self.params.threshold;
        !quiet && self.throttle != 0.0 && !few
    }

    /// The record of a source.
    #[must_use]
    pub fn record(&self, source: Subnet) -> Option<Record> {
        self.sources.get(&source).map(|source| source.record)
    }

    /// Current statistics.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> GateSnapshot {
        GateSnapshot {
            on: self.is_on(now),
            validate: self.validate,
            throttle: self.throttle,
            sources: self.sources.len(),
            ..GateSnapshot::default()
        }
    }

    fn record_of(&mut self, source: Subnet) -> &mut Record {
        if self.sources.len() >= self.params.max_sources && !self.sources.contains_key(&source) {
            self.evict();
        }
        let seen = self.now;
        let record = Record::default();
        &mut self
            .sources
            .entry(source)
            .or_insert(Source { record, seen })
            .record
    }

    /// Removes many records at once, because it reads all of them.
    fn evict(&mut self) {
        let weight = |record: &Record| (1.0 - record.probability(&self.params), record.deliver);
        let mut weights: Vec<_> = self
            .sources
            .iter()
            .map(|(subnet, source)| (weight(&source.record), *subnet))
            .collect();
        let count = weights.len().div_ceil(16);
        weights.select_nth_unstable_by(count - 1, |(a, _), (b, _)| {
            a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
        });
        for (_, subnet) in &weights[..count] {
            self.sources.remove(subnet);
        }
    }
}

#[cfg(test)]
mod tests;
