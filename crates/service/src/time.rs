//! Times as text.

use jiff::{SignedDuration, Timestamp};

/// A time: `2026-11-25 09:00 UTC`.
#[must_use]
pub fn date(at: u64) -> String {
    shown(at, "%Y-%m-%d %H:%M UTC")
}

/// A time to the second: `2026-11-25 09:00:07 UTC`.
#[must_use]
pub fn date_and_time(at: u64) -> String {
    shown(at, "%Y-%m-%d %H:%M:%S UTC")
}

fn shown(at: u64, format: &str) -> String {
    let time = i64::try_from(at)
        .ok()
        .and_then(|at| Timestamp::from_second(at).ok());
    time.map_or_else(
        || format!("Unix time {at}"),
        |time| time.strftime(format).to_string(),
    )
}

/// A length of time in seconds, exactly: `1h 30m`.
#[must_use]
pub fn duration(seconds: u64) -> String {
    let exact = i64::try_from(seconds).map(SignedDuration::from_secs);
    exact.map_or_else(|_| format!("{seconds} s"), |exact| format!("{exact:#}"))
}

/// A time of the chain, and how far it is from now: `2026-11-25 09:00 UTC, in 5 h`. Within ten minutes, the seconds matter:
/// `2026-11-25 09:00:20 UTC, in 20 s`.
#[must_use]
pub fn moment(at: u64, now: u64) -> String {
    let time = near(at, now);
    match at.checked_sub(now) {
        Some(0) => format!("{time}, now"),
        Some(seconds) => format!("{time}, in {}", span(seconds)),
        None => format!("{time}, {} ago", span(now - at)),
    }
}

/// A time, to the second if it is within ten minutes from now.
#[must_use]
pub fn near(at: u64, now: u64) -> String {
    match at.abs_diff(now) {
        0..600 => date_and_time(at),
        _ => date(at),
    }
}

/// Seconds in the largest unit that leaves at least two of it.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_exact() {
        assert_eq!(duration(0), "0s");
        assert_eq!(duration(900), "15m");
        assert_eq!(duration(5_400), "1h 30m");
        assert_eq!(duration(90_061), "25h 1m 1s");
        assert_eq!(duration(u64::MAX), format!("{} s", u64::MAX));
    }

    #[test]
    fn times_are_in_utc_and_relative_to_now() {
        let now = 1_764_000_000;
        assert_eq!(moment(now + 18_000, now), "2025-11-24 21:00 UTC, in 5 h");
        assert_eq!(moment(now + 60, now), "2025-11-24 16:01:00 UTC, in 60 s");
        assert_eq!(date_and_time(now + 7), "2025-11-24 16:00:07 UTC");
        assert_eq!(moment(now, now), "2025-11-24 16:00:00 UTC, now");
        assert_eq!(moment(now - 600, now), "2025-11-24 15:50 UTC, 10 min ago");
        assert_eq!(moment(now + 864_000, now), "2025-12-04 16:00 UTC, in 10 days");
        assert_eq!(moment(u64::MAX, u64::MAX), format!("Unix time {}, now", u64::MAX));
    }
}
