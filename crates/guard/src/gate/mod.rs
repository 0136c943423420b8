//! Random early drop in front of a queue: gossipsub's peer gater, with subnets for peers.

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

/// Gossipsub's peer gater (go-libp2p-pubsub, `peer_gater.go`): while the queue behind it overflows, what comes in is
/// dropped by lot, by the record of the subnet that it comes from. Clock and lot are the caller's.
///
/// | call | when |
/// |---|---|
/// | [`Gate::accept`] | a request comes: if it is false, drop it |
/// | [`Gate::validate`] | what it brings goes to be checked |
/// | [`Gate::throttle`] | it does not, since the queue is full |
/// | [`Gate::deliver`], [`Gate::duplicate`], [`Gate::ignore`], [`Gate::reject`] | what the check said |
/// | [`Gate::tick`] | every [`GateParams::decay_interval`] |
///
/// It never bans: of a source with the worst of records one request in so many still comes in, and by it the source
/// can mend its record. What a throttled request brought is nobody's fault, and is in no record.
///
/// # Where it differs from gossipsub
/// - Connections say little over HTTP. A source counts as connected for [`GateParams::connected_for`] after it was
///   seen; from then on its record is kept as it is for [`GateParams::retain_stats`], so that nobody mends a record by
///   staying away for less than that.
/// - At most [`GateParams::max_sources`] records are kept. For a new one, a sixteenth of all is dropped at once: those
///   that change the lot least, and of them the shortest. A source cannot drop its own bad record without worse ones
///   from as many other subnets.
/// - A source without a record is let in, and gets one with the first outcome.
#[derive(Debug)]
pub struct Gate {
    params: GateParams,
    validate: f64,
    throttle: f64,
    last_throttle: Option<Instant>,
    sources: HashMap<Subnet, Source>,
    /// The latest time that it was told.
    now: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Source {
    record: Record,
    seen: Instant,
}

/// What the gate has seen.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GateSnapshot {
    /// Whether it works now.
    pub on: bool,
    /// Validated lately.
    pub validate: f64,
    /// Throttled lately.
    pub throttle: f64,
    /// Sources with a record.
    pub sources: usize,
    /// Requests that [`SharedGate`] let in.
    pub accepted: u64,
    /// Requests that [`SharedGate`] dropped.
    pub dropped: u64,
}

impl Gate {
    /// Nothing has come yet.
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

    /// Lets counts shrink, and forgets sources that have been gone for long. To be called every
    /// [`GateParams::decay_interval`].
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

    /// Something goes to be checked.
    pub fn validate(&mut self) {
        self.validate += 1.0;
    }

    /// Something is not checked, since the queue is full.
    pub fn throttle(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.last_throttle = Some(self.now);
        self.throttle += 1.0;
    }

    /// Something of use came from `source`.
    pub fn deliver(&mut self, source: Subnet) {
        self.record_of(source).deliver += 1.0;
    }

    /// The same had come before.
    pub fn duplicate(&mut self, source: Subnet) {
        self.record_of(source).duplicate += 1.0;
    }

    /// It is of no use, but no fault either.
    pub fn ignore(&mut self, source: Subnet) {
        self.record_of(source).ignore += 1.0;
    }

    /// It is invalid.
    pub fn reject(&mut self, source: Subnet) {
        self.record_of(source).reject += 1.0;
    }

    /// Whether a request is let in; `uniform` is drawn from [0, 1).
    pub fn accept(&mut self, source: Subnet, now: Instant, uniform: f64) -> bool {
        self.now = self.now.max(now);
        let record = self.sources.get_mut(&source).map(|source| {
            source.seen = self.now;
            source.record
        });
        !self.is_on(now) || record.is_none_or(|record| uniform < record.probability(&self.params))
    }

    /// Whether it works: something was throttled within the quiet interval, and no little share of what came.
    #[must_use]
    pub fn is_on(&self, now: Instant) -> bool {
        let Some(last_throttle) = self.last_throttle else {
            return false;
        };
        let quiet = now.saturating_duration_since(last_throttle) > self.params.quiet;
        let few = self.validate != 0.0 && self.throttle / self.validate < self.params.threshold;
        !quiet && self.throttle != 0.0 && !few
    }

    /// What is known of a source.
    #[must_use]
    pub fn record(&self, source: Subnet) -> Option<Record> {
        self.sources.get(&source).map(|source| source.record)
    }

    /// What it has seen.
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

    /// Many at once, since it reads all.
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
