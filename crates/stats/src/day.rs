//! Days.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A day in UTC; written `2026-11-20`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(Date);

impl Day {
    /// The day of a time in Unix seconds; the calendar's last day for later times.
    #[must_use]
    pub fn of_unix(seconds: u64) -> Self {
        let timestamp = i64::try_from(seconds)
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok());
        Self(timestamp.unwrap_or(Timestamp::MAX).to_zoned(TimeZone::UTC).date())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The library would also accept a date with a time.
        let is_date = text.len() == 10;
        let date = text.parse().ok().filter(|_| is_date);
        date.map(Self)
            .ok_or_else(|| format!("`{text}` is not a day: use the form 2026-11-20"))
    }
}

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_end_at_midnight_in_utc() {
        assert_eq!(Day::of_unix(1_795_219_199).to_string(), "2026-11-20");
        assert_eq!(Day::of_unix(1_795_219_200).to_string(), "2026-11-21");
        assert_eq!(Day::of_unix(u64::MAX).to_string(), "9999-12-30");
        assert_eq!("2026-11-20".parse(), Ok(Day::of_unix(1_795_219_199)));
        for text in ["today", "2026-11-31", "2026-11-20T00:00:00", "20261120", ""] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }
}
