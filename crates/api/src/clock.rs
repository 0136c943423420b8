//! What time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The api's clock. All clones show the same time.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<AtomicU64>>);

impl Clock {
    /// The machine's.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// One that stands at a time (Unix seconds) until it is set; for tests.
    #[must_use]
    pub fn standing(now: u64) -> Self {
        Self(Some(Arc::new(AtomicU64::new(now))))
    }

    /// Sets a standing clock; the machine's stays as it is.
    pub fn set(&self, now: u64) {
        if let Some(time) = &self.0 {
            time.store(now, Ordering::SeqCst);
        }
    }

    /// Unix seconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        match &self.0 {
            Some(time) => time.load(Ordering::SeqCst),
            None => system_now(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "deadlines are about the wall clock; what follows from a round does not depend on it"
)]
fn system_now() -> u64 {
    let now = std::time::SystemTime::now();
    // A clock before 1970 is as wrong as one at 1970.
    now.duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_clock_is_one_for_all() {
        let clock = Clock::standing(7);
        let other = clock.clone();
        other.set(9);
        assert_eq!(clock.now(), 9);
        // 2024: the machine's is later than that.
        assert!(Clock::system().now() > 1_704_067_200);
    }
}
