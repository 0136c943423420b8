//! Waits for a round in the future.

use std::time::Duration;

use assize_protocol::BeaconRound;

use crate::{Beacon, BeaconError, BeaconSource, Chain};

/// The first pause between two requests; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// A clock, replaced in tests.
pub trait Clock {
    /// Time since the Unix epoch.
    fn now(&self) -> Duration;
    /// Waits.
    fn sleep(&self, duration: Duration);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        #[expect(
            clippy::disallowed_methods,
            reason = "waiting is about the wall clock; no result depends on it"
        )]
        let now = std::time::SystemTime::now();
        // A clock before 1970 is as wrong as one at 1970.
        now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// Returns the beacon of a round and waits for it if it is not published yet. The first request is sent when the round
/// is due, the next ones at growing intervals, until `patience` has passed since it was due.
///
/// # Errors
/// [`BeaconError::RoundZero`]; the source's last error once `patience` has passed; permanent errors at once.
pub fn wait_for(
    source: &impl BeaconSource,
    chain: &Chain,
    round: BeaconRound,
    patience: Duration,
    clock: &impl Clock,
) -> Result<Beacon, BeaconError> {
    let due = chain.schedule().time_of(round).ok_or(BeaconError::RoundZero)?;
    let due = Duration::from_secs(due);
    if let Some(early) = due.checked_sub(clock.now()) {
        clock.sleep(early);
    }
    let mut pause = FIRST_PAUSE;
    loop {
        match source.beacon(round) {
            Err(error) if error.is_retryable() && clock.now() + pause <= due + patience => {
                clock.sleep(pause);
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;
    use crate::Failures;

    const GENESIS: u64 = 1_692_803_367;

    #[derive(Default)]
    struct TestClock(Cell<Duration>);

    impl Clock for TestClock {
        fn now(&self) -> Duration {
            self.0.get()
        }

        fn sleep(&self, duration: Duration) {
            self.0.set(self.0.get() + duration);
        }
    }

    /// Publishes late, and records the times of requests.
    struct Late<'a> {
        clock: &'a TestClock,
        published: Duration,
        asked: RefCell<Vec<Duration>>,
    }

    impl BeaconSource for Late<'_> {
        fn beacon(&self, round: BeaconRound) -> Result<Beacon, BeaconError> {
            self.asked.borrow_mut().push(self.clock.now());
            if self.clock.now() < self.published {
                let failures = Failures::default();
                return Err(BeaconError::NotYetPublished {
                    round,
                    due: None,
                    failures,
                });
            }
            Ok(Beacon {
                round,
                signature: vec![1],
                previous_signature: None,
            })
        }
    }

    fn wait(now: f64, published: f64, patience: u64) -> (Result<Beacon, BeaconError>, Vec<f64>) {
        let at = |seconds: f64| Duration::from_secs(GENESIS) + Duration::from_secs_f64(seconds);
        let clock = TestClock(Cell::new(at(now)));
        let source = Late {
            clock: &clock,
            published: at(published),
            asked: RefCell::default(),
        };
        // Round 11 is due 30 s after genesis.
        let answer = wait_for(
            &source,
            &Chain::quicknet(),
            BeaconRound(11),
            Duration::from_secs(patience),
            &clock,
        );
        let asked = source
            .asked
            .borrow()
            .iter()
            .map(|time| (*time - at(0.0)).as_secs_f64())
            .collect();
        (answer, asked)
    }

    #[test]
    fn no_request_is_sent_before_the_round_is_due() {
        let (answer, asked) = wait(0.0, 30.0, 10);
        assert_eq!(answer.unwrap().round, BeaconRound(11));
        assert_eq!(asked, [30.0]);
        // A past round is requested at once.
        assert_eq!(wait(1_000.5, 30.0, 10).1, [1_000.5]);
    }

    #[test]
    fn a_late_round_is_requested_at_growing_intervals() {
        let (answer, asked) = wait(0.0, 36.5, 60);
        assert!(answer.is_ok());
        let expected = [30.0, 30.2, 30.6, 31.4, 33.0, 36.0, 39.0];
        assert!(
            asked
                .iter()
                .zip(expected)
                .all(|(asked, expected)| (asked - expected).abs() < 1e-6),
            "{asked:?}"
        );
        assert_eq!(asked.len(), expected.len());
    }

    #[test]
    fn patience_ends() {
        let (answer, asked) = wait(0.0, 1_000.0, 5);
        assert!(matches!(answer, Err(BeaconError::NotYetPublished { .. })));
        assert_eq!(asked.len(), 5);
    }

    #[test]
    fn a_permanent_error_ends_the_wait() {
        struct Bad;
        impl BeaconSource for Bad {
            fn beacon(&self, _: BeaconRound) -> Result<Beacon, BeaconError> {
                Err(BeaconError::NoRelays)
            }
        }
        let clock = TestClock::default();
        let wait = |round| {
            wait_for(
                &Bad,
                &Chain::quicknet(),
                BeaconRound(round),
                Duration::MAX / 2,
                &clock,
            )
        };
        assert_eq!(wait(1), Err(BeaconError::NoRelays));
        assert_eq!(wait(0), Err(BeaconError::RoundZero));
    }
}
