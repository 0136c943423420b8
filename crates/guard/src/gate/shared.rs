//! The gate of a server.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::time::MissedTickBehavior;

use super::{Gate, GateParams, GateParamsError, GateSnapshot};
use crate::{Rejection, Subnet};

/// A [`Gate`] with the system's clock and random numbers. Clones share the same gate. [`SharedGate::keep_ticking`] must
/// be running.
#[derive(Debug, Clone)]
pub struct SharedGate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    gate: Mutex<Gate>,
    params: GateParams,
    accepted: AtomicU64,
    dropped: AtomicU64,
}

impl SharedGate {
    /// Creates an empty gate.
    ///
    /// # Errors
    /// [`GateParamsError`].
    pub fn new(params: GateParams) -> Result<Self, GateParamsError> {
        let gate = Gate::new(params, Instant::now())?;
        Ok(Self(Arc::new(Shared {
            gate: Mutex::new(gate),
            params,
            accepted: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        })))
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.0.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ticks forever; spawn it, or select against the server's shutdown.
    pub async fn keep_ticking(&self) {
        let mut ticks = tokio::time::interval(self.0.params.decay_interval);
        // After a pause of the machine, one tick instead of thousands.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        // The first tick is immediate.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            self.gate().tick(Instant::now());
        }
    }

    /// Whether a request of `source` is accepted.
    ///
    /// # Errors
    /// [`Rejection::Gated`].
    pub fn accept(&self, source: Subnet) -> Result<(), Rejection> {
        let accepted = self.gate().accept(source, Instant::now(), fastrand::f64());
        let counter = if accepted {
            &self.0.accepted
        } else {
            &self.0.dropped
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if accepted { Ok(()) } else { Err(Rejection::Gated) }
    }

    /// [`Gate::validate`].
    pub fn validate(&self) {
        self.gate().validate();
    }

    /// [`Gate::throttle`].
    pub fn throttle(&self) {
        self.gate().throttle(Instant::now());
    }

    /// [`Gate::deliver`].
    pub fn deliver(&self, source: Subnet) {
        self.gate().deliver(source);
    }

    /// [`Gate::duplicate`].
    pub fn duplicate(&self, source: Subnet) {
        self.gate().duplicate(source);
    }

    /// [`Gate::ignore`].
    pub fn ignore(&self, source: Subnet) {
        self.gate().ignore(source);
    }

    /// [`Gate::reject`].
    pub fn reject(&self, source: Subnet) {
        self.gate().reject(source);
    }

    /// Current statistics.
    #[must_use]
    pub fn snapshot(&self) -> GateSnapshot {
        GateSnapshot {
            accepted: self.0.accepted.load(Ordering::Relaxed),
            dropped: self.0.dropped.load(Ordering::Relaxed),
            ..self.gate().snapshot(Instant::now())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_ticks_and_drops() {
        let gate = SharedGate::new(GateParams::default()).unwrap();
        let source = Subnet::of("192.0.2.1".parse().unwrap());
        gate.throttle();
        gate.validate();
        (0..1_000).for_each(|_| gate.reject(source));
        let dropped = (0..1_000).filter(|_| gate.accept(source).is_err()).count();
        // One in 16 001 is accepted.
        assert!(dropped > 990, "{dropped}");
        let snapshot = gate.snapshot();
        assert!(snapshot.on);
        assert_eq!(
            (snapshot.dropped, snapshot.accepted),
            (dropped as u64, 1_000 - dropped as u64)
        );
        // After two minutes a hundredth remains.
        let ticking = gate.keep_ticking();
        let _ = tokio::time::timeout(Duration::from_millis(119_500), ticking).await;
        let left = gate.snapshot().throttle;
        assert!((0.0100..0.0106).contains(&left), "{left}");
    }
}
