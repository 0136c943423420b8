//! The payout schedule.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::PolicyError;
use crate::cron::Cron;

/// When a pass is due.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// Whenever a settlement becomes active.
    EverySettlement,
    /// At the times of a cron pattern (five fields), UTC.
    Cron(Box<Cron>),
}

const EVERY_SETTLEMENT: &str = "every settlement";
/// A pattern without a match in this many seconds, five years, is a mistake: leap days come every four years.
const HORIZON: u64 = 5 * 366 * 86_400;

impl Schedule {
    /// Whether a pass is due. Times are Unix seconds; `last` is the time of the last pass, and `settled` whether a
    /// settlement has become active since.
    #[must_use]
    pub fn is_due(&self, last: Option<u64>, settled: bool, now: u64) -> bool {
        match (self, last) {
            (Self::EverySettlement, _) => settled,
            // A new scheduler waits for its first time.
            (Self::Cron(_), None) => false,
            (Self::Cron(_), Some(last)) => self.next(last).is_some_and(|next| next <= now),
        }
    }

    /// The next time after the given one, Unix seconds; `None` if it depends on settlements, or there is none.
    #[must_use]
    pub fn next(&self, after: u64) -> Option<u64> {
        let Self::Cron(cron) = self else { return None };
        cron.next(after)
    }
}

impl FromStr for Schedule {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        if text.trim() == EVERY_SETTLEMENT {
            return Ok(Self::EverySettlement);
        }
        let refuse = |reason: String| PolicyError::Schedule {
            text: text.to_owned(),
            reason,
        };
        let cron = text.parse().map_err(refuse)?;
        let schedule = Self::Cron(Box::new(cron));
        let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
        match schedule.next(now) {
            Some(next) if next <= now + HORIZON => Ok(schedule),
            _ => Err(refuse("no match within five years".into())),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EverySettlement => f.write_str(EVERY_SETTLEMENT),
            Self::Cron(cron) => write!(f, "{}", cron),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-25 02:29:49 UTC, a Wednesday.
    const NOW: u64 = 1_795_573_789;

    #[test]
    fn cron_patterns_give_the_next_time_in_utc() {
        let daily: Schedule = "0 6 * * *".parse().unwrap();
        let next = daily.next(NOW).unwrap();
        assert_eq!((next % 86_400, next / 86_400), (6 * 3_600, NOW / 86_400));
        assert!(!daily.is_due(Some(NOW), true, next - 1));
        assert!(daily.is_due(Some(NOW), false, next));
        assert!(!daily.is_due(None, true, NOW));
        let mondays: Schedule = "30 4 * * MON".parse().unwrap();
        assert_eq!(mondays.next(NOW).unwrap() / 86_400, NOW / 86_400 + 5);
    }

    #[test]
    fn every_settlement_is_due_when_one_has_become_active() {
        let schedule: Schedule = "every settlement".parse().unwrap();
        assert!(schedule.is_due(None, true, NOW));
        assert!(!schedule.is_due(Some(1), false, NOW));
        assert_eq!(schedule.next(NOW), None);
    }

    #[test]
    fn patterns_that_never_match_are_rejected() {
        for never in ["0 0 30 2 *", "0 0 31 4,6 *"] {
            let error = never.parse::<Schedule>().unwrap_err().to_string();
            assert!(error.contains(never) && error.contains("five years"), "{error}");
        }
        assert!("0 0 29 2 *".parse::<Schedule>().is_ok());
    }

    #[test]
    fn malformed_schedules_are_rejected_with_the_remedy() {
        let error = "sometimes".parse::<Schedule>().unwrap_err().to_string();
        assert!(
            error.contains("sometimes") && error.contains("every settlement"),
            "{error}"
        );
    }
}
