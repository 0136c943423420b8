//! Sends heartbeats, whatever else fails.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use assize_service::{Clock, Stop};
use assize_wire::{Liveness, ProblemKind};

use crate::checker::Shared;
use crate::pause::{Backoff, jittered};
use crate::{AskError, Event};

/// Label of failures.
pub(crate) const HEARTBEAT: &str = "heartbeat";

/// Clock difference in seconds from which a warning is given. The coordinator rejects from a few minutes on.
const CLOCK_TOLERANCE: u64 = 30;
const LONGEST_INTERVAL: u64 = 3_600;

/// Sends heartbeats until shutdown.
pub(crate) async fn send(shared: Arc<Shared>, stop: Stop) {
    let mut state = Heartbeats::default();
    while !stop.is_set() {
        // Times increase strictly, whatever the clock does.
        state.last = Clock::system().now().max(state.last + 1);
        let heartbeat = shared.heartbeat(state.last);
        let answer = tokio::select! {
            answer = shared.coordinator.live(&heartbeat) => answer,
            () = stop.asked() => return,
        };
        let pause = match answer {
            Ok(liveness) => state.noted(&shared, &liveness),
            Err(error) => state.failed(&shared, &error),
        };
        stop.wait(pause).await;
    }
}

#[derive(Debug, Default)]
struct Heartbeats {
    /// Time of the last heartbeat.
    last: u64,
    live: bool,
    replayed: u32,
    backoff: Backoff,
    /// The clock difference reported last.
    told_ahead: i64,
}

impl Heartbeats {
    fn noted(&mut self, shared: &Shared, liveness: &Liveness) -> Duration {
        self.backoff = Backoff::default();
        self.replayed = 0;
        shared.status.good();
        shared.status.metrics().heartbeat(true);
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
        self.compare_clocks(shared, liveness.time);
        let was = shared.outdated.swap(liveness.outdated, Ordering::SeqCst);
        shared.status.metrics().outdated(liveness.outdated);
        if liveness.outdated && !was {
            shared.tell(&Event::Outdated {
                version: shared.config.version,
                minimum: liveness.minimum_version,
            });
        }
        jittered(Duration::from_secs(liveness.interval.clamp(1, LONGEST_INTERVAL)))
    }

    fn failed(&mut self, shared: &Shared, error: &AskError) -> Duration {
        shared.status.metrics().heartbeat(false);
        if error.kind() == Some(ProblemKind::Replayed) && self.replayed == 0 {
            // A run that ended within this second has already sent one.
            self.replayed += 1;
            return Duration::from_secs(1);
        }
        if let AskError::Refused { problem, .. } = error
            && let Some(time) = problem.time
        {
            self.compare_clocks(shared, time);
        }
        self.live = false;
        shared.status.bad(error);
        shared.tell(&Event::Trouble {
            what: HEARTBEAT,
            error: error.to_string(),
        });
        self.backoff.next(error.retry_after())
    }

    /// Warns if the difference has grown, or changed since the last warning.
    fn compare_clocks(&mut self, shared: &Shared, time: u64) {
        let ahead = Clock::system()
            .now()
            .cast_signed()
            .saturating_sub(time.cast_signed());
        shared.status.metrics().clock(ahead);
        if ahead.abs_diff(self.told_ahead) > CLOCK_TOLERANCE {
            self.told_ahead = ahead;
            if ahead.unsigned_abs() > CLOCK_TOLERANCE {
                shared.tell(&Event::ClockOff { ahead });
            }
        }
    }
}

#[cfg(test)]
mod tests;
