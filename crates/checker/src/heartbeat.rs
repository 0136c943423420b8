//! Sends heartbeats, whatever else fails.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use assize_service::{Clock, Daemon, Stop, run};
use assize_wire::{Liveness, ProblemKind};

use crate::checker::Shared;
use crate::{AskError, Event, Metrics};

/// Label of failures.
pub(crate) const HEARTBEAT: &str = "heartbeat";

/// Clock difference in seconds from which a warning is given. The coordinator rejects from a few minutes on.
const CLOCK_TOLERANCE: u64 = 30;
const LONGEST_INTERVAL: u64 = 3_600;
/// The first pause after a failure, of all that a checker does.
pub(crate) const RETRY: Duration = Duration::from_secs(1);

/// Sends heartbeats until shutdown. The checker is healthy while they are accepted.
pub(crate) async fn send(shared: Arc<Shared>, stop: Stop) {
    let status = shared.status.clone();
    let mut heartbeats = Heartbeats {
        shared,
        last: 0,
        live: false,
        replayed: false,
        interval: RETRY,
        reported_ahead: 0,
    };
    // No error is fatal.
    let _ = run(&mut heartbeats, RETRY, &status, &stop).await;
}

struct Heartbeats {
    shared: Arc<Shared>,
    /// Time of the last heartbeat.
    last: u64,
    live: bool,
    replayed: bool,
    /// Until the next heartbeat.
    interval: Duration,
    /// The clock difference reported last.
    reported_ahead: i64,
}

impl Daemon for Heartbeats {
    type Metrics = Metrics;
    type Alert = Infallible;
    type Error = AskError;

    async fn pass(&mut self, metrics: &Metrics, stop: &Stop) -> Result<Vec<Infallible>, AskError> {
        // Times increase strictly, whatever the clock does.
        self.last = Clock::system().now().max(self.last + 1);
        let heartbeat = self.shared.heartbeat(self.last);
        let answer = tokio::select! {
            answer = self.shared.coordinator.live(&heartbeat) => answer,
            () = stop.asked() => return Ok(Vec::new()),
        };
        metrics.heartbeat(answer.is_ok());
        match answer {
            Ok(liveness) => self.noted(&liveness),
            // A run that ended within this second has already sent one.
            Err(error) if error.kind() == Some(ProblemKind::Replayed) && !self.replayed => {
                (self.replayed, self.interval) = (true, RETRY);
            }
            Err(error) => return Err(error),
        }
        Ok(Vec::new())
    }

    fn pause(&self, _: Duration) -> Duration {
        jittered(self.interval)
    }

    fn failed(&mut self, error: &AskError, _: bool) {
        if let AskError::Refused { problem, .. } = error
            && let Some(time) = problem.time
        {
            self.compare_clocks(time);
        }
        self.live = false;
        self.shared.failed_asking(HEARTBEAT, error, Some(error));
    }
}

impl Heartbeats {
    fn noted(&mut self, liveness: &Liveness) {
        self.compare_clocks(liveness.time);
        self.shared.answered();
        self.replayed = false;
        self.interval = Duration::from_secs(liveness.interval.clamp(1, LONGEST_INTERVAL));
        let shared = &self.shared;
        // Only from the first accepted heartbeat on can a roster include the station.
        let first = shared.live_since.load(Ordering::SeqCst) == 0;
        if first {
            shared.live_since.store(liveness.time, Ordering::SeqCst);
        }
        if !self.live {
            self.live = true;
            shared.tell(&Event::Live {
                until: liveness.live_until,
                next_opening: liveness.next_opening,
            });
        }
        let was = shared.outdated.swap(liveness.outdated, Ordering::SeqCst);
        shared.status.metrics().outdated(liveness.outdated);
        if liveness.outdated && !was {
            shared.tell(&Event::Outdated {
                version: shared.config.version,
                minimum: liveness.minimum_version,
            });
        }
    }

    /// Warns if the difference has grown, or changed since the last warning.
    fn compare_clocks(&mut self, time: u64) {
        let ahead = Clock::system()
            .now()
            .cast_signed()
            .saturating_sub(time.cast_signed());
        self.shared.status.metrics().clock(ahead);
        if ahead.abs_diff(self.reported_ahead) > CLOCK_TOLERANCE {
            self.reported_ahead = ahead;
            if ahead.unsigned_abs() > CLOCK_TOLERANCE {
                self.shared.tell(&Event::ClockOff { ahead });
            }
        }
    }
}

/// The longest pause, whatever times the node or the coordinator states.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// A pause of at most an hour with a jitter of a tenth, so that stations do not act in step.
pub(crate) fn jittered(pause: Duration) -> Duration {
    pause.min(LONGEST_PAUSE).mul_f64(0.9 + 0.2 * fastrand::f64())
}

#[cfg(test)]
mod tests;
