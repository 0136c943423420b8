//! Ending.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// Asks a daemon to end. All clones are one.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<(AtomicBool, Notify)>);

impl Stop {
    /// From now on it ends.
    pub fn set(&self) {
        self.0.0.store(true, Ordering::SeqCst);
        self.0.1.notify_waiters();
    }

    /// Whether it was asked to.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.0.load(Ordering::SeqCst)
    }

    /// Until it is asked to.
    pub async fn asked(&self) {
        let asked = self.0.1.notified();
        tokio::pin!(asked);
        // Registered before the flag is read, so that no call is missed.
        asked.as_mut().enable();
        if !self.is_set() {
            asked.await;
        }
    }

    /// Until it is asked to, or `pause` is over.
    pub async fn wait(&self, pause: Duration) {
        // Either is fine.
        let _ = tokio::time::timeout(pause, self.asked()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_is_seen_by_all_who_wait_for_it() {
        let stop = Stop::default();
        let waiting = tokio::spawn({
            let stop = stop.clone();
            async move { stop.asked().await }
        });
        tokio::task::yield_now().await;
        stop.set();
        waiting.await.unwrap();
        // Also by one who comes later.
        stop.asked().await;
        assert!(stop.is_set());
    }
}
