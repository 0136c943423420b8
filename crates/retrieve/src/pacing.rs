//! The pause between two tasks.

use std::time::Duration;

/// Maximum pause, before jitter.
const LONGEST: Duration = Duration::from_secs(60);
/// Pause after a failure of the checker's own.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Spreads a checker's tasks over the round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    /// Length of a round.
    pub round: Duration,
    /// Number of tasks in it; may be 0.
    pub tasks: u32,
    /// Maximum random delay, so that checkers are not synchronized.
    pub max_jitter: Duration,
}

impl Pacing {
    /// The pause before the next task, as in Spark: `min(round / tasks − last, 60 s) + random · max_jitter`, in whole
    /// milliseconds; 0 if the last task took longer than its share.
    ///
    /// `random` is uniform in 0..1.
    #[must_use]
    pub fn pause(&self, last: Duration, random: f64) -> Duration {
        let base = match self.round.checked_div(self.tasks) {
            Some(share) => share.saturating_sub(last).min(LONGEST),
            None => LONGEST,
        };
        let jitter = self.max_jitter.as_millis() as f64 * random.clamp(0.0, 1.0);
        base + Duration::from_millis(jitter.round() as u64)
    }

    /// The pause after a task that failed on the checker's own side: 5 s.
    #[must_use]
    pub fn pause_after_failure() -> Duration {
        PAUSE_AFTER_FAILURE
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn vectors_of_spark_pass() {
        let file: Value = serde_json::from_str(include_str!("../tests/fixtures/pacing.json")).unwrap();
        let cases = file["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 4);
        for case in cases {
            let ms = |name: &str| Duration::from_millis(case[name].as_u64().unwrap());
            let pause = if case["isHealthy"] == false {
                Pacing::pause_after_failure()
            } else {
                let pacing = Pacing {
                    round: ms("roundLengthInMs"),
                    tasks: case["maxTasksPerRound"].as_u64().unwrap().try_into().unwrap(),
                    max_jitter: ms("maxJitterInMs"),
                };
                pacing.pause(ms("lastTaskDurationInMs"), 0.5)
            };
            assert_eq!(pause, ms("expected"), "{case}");
        }
    }

    #[test]
    fn jitter_is_added_and_no_pause_is_negative() {
        let pacing = Pacing {
            round: Duration::from_secs(60),
            tasks: 6,
            max_jitter: Duration::from_secs(10),
        };
        let seconds = Duration::from_secs;
        assert_eq!(pacing.pause(seconds(3), 0.25), Duration::from_millis(9_500));
        assert_eq!(pacing.pause(seconds(30), 0.0), Duration::ZERO);
        assert_eq!(pacing.pause(seconds(30), 1.0), seconds(10));
        for odd in [f64::NAN, -1.0, 7.0] {
            assert!(pacing.pause(seconds(3), odd) <= seconds(17));
        }
    }
}
