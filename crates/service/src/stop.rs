//! Ending a daemon.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// Waits until the process receives SIGTERM or SIGINT.
async fn shutdown_signal() {
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        return drop(ctrl_c().await);
    };
    tokio::select! {
        _ = ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

/// Asks a daemon to end. All clones are one.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<(AtomicBool, Notify)>);

impl Stop {
    /// Asks for the end.
    pub fn set(&self) {
        self.0.0.store(true, Ordering::SeqCst);
        self.0.1.notify_waiters();
    }

    /// Sets itself when the process receives SIGTERM or SIGINT, so that the daemon ends after its current step.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn set_on_signal(&self) {
        let stop = self.clone();
        tokio::spawn(async move {
            shutdown_signal().await;
            tracing::info!("shutdown requested; finishing the current step");
            stop.set();
        });
    }

    /// Whether the end was asked for.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.0.load(Ordering::SeqCst)
    }

    /// Waits until the end is asked for.
    pub async fn asked(&self) {
        let asked = self.0.1.notified();
        tokio::pin!(asked);
        // Registered before the flag is read, so that no call is missed.
        asked.as_mut().enable();
        if !self.is_set() {
            asked.await;
        }
    }

    /// Waits until the end is asked for, or `pause` is over.
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
