//! The time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A clock: the machine's, or one that stands still for tests. All clones show the same time.
///
/// It decides when daemons act, never what they compute.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<AtomicU64>>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `now` (Unix seconds) until it is set.
    #[must_use]
    pub fn standing(now: u64) -> Self {
        Self(Some(Arc::new(AtomicU64::new(now))))
    }

    /// Sets a standing clock. The machine's clock stays as it is.
    pub fn set(&self, now: u64) {
        if let Some(time) = &self.0 {
            time.store(now, Ordering::SeqCst);
        }
    }

    /// Unix seconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.since_epoch().as_secs()
    }

    /// The time since the Unix epoch, to a millisecond or better if it is the machine's clock.
    #[must_use]
    pub fn since_epoch(&self) -> Duration {
        match &self.0 {
            Some(time) => Duration::from_secs(time.load(Ordering::SeqCst)),
            None => system_time(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the only place where daemons read the time; what follows from a round does not depend on it"
)]
fn system_time() -> Duration {
    let now = std::time::SystemTime::now();
    // A clock before 1970 is as wrong as one at 1970.
    now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clones_of_a_standing_clock_show_the_same_time() {
        let clock = Clock::standing(7);
        let other = clock.clone();
        other.set(9);
        assert_eq!(clock.now(), 9);
        // 2024: the machine's is later than that.
        assert!(Clock::system().now() > 1_704_067_200);
    }
}
