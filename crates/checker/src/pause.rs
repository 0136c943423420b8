//! Pauses with jitter, so that stations do not act in step.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// A pause with a jitter of a tenth.
pub(crate) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.9 + 0.2 * fastrand::f64())
}

/// Exponential back-off between retries: 1 s, 2 s, … 60 s, each with a jitter of a half.
#[derive(Debug, Default)]
pub(crate) struct Backoff(u32);

impl Backoff {
    /// The next pause; at least the requested one.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let pause = FIRST.saturating_mul(1 << self.0.min(6)).min(LONGEST);
        self.0 += 1;
        let pause = pause.mul_f64(0.5 + fastrand::f64());
        match asked {
            // Not all at the same moment.
            Some(asked) => asked.max(pause) + FIRST.mul_f64(fastrand::f64()),
            None => pause,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_respect_the_requested_delay() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..12).map(|_| backoff.next(None)).collect();
        assert!(pauses[0] < Duration::from_millis(1_500) && pauses[0] >= Duration::from_millis(500));
        assert!(pauses[11] >= Duration::from_secs(30) && pauses[11] <= Duration::from_secs(90));
        let asked = Duration::from_secs(600);
        assert!(backoff.next(Some(asked)) >= asked);
        let pause = jittered(Duration::from_secs(10));
        assert!(pause >= Duration::from_secs(9) && pause <= Duration::from_secs(11));
    }
}
