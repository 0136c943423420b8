//! Durations with units: `250ms`, `90s`, `20m`, `2h`, `1d`, `1h30m`.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// Parses a duration of 0 or more.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let parse = || {
        let span: Span = text.parse().ok()?;
        let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
        Duration::try_from(duration).ok()
    };
    parse().ok_or_else(|| "give a number with a unit, such as 90s, 20m, 2h or 1d".into())
}

/// Parses a duration of at least one millisecond.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        short if short < Duration::from_millis(1) => Err("give at least 1ms".into()),
        enough => Ok(enough),
    }
}

/// Parses a duration of whole seconds, 0 or more.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let duration = duration(text)?;
    match duration.subsec_nanos() {
        0 => Ok(duration.as_secs()),
        _ => Err("give whole seconds, such as 90s or 20m".into()),
    }
}

/// Parses a duration of whole seconds, 1 or more.
pub fn positive_seconds(text: &str) -> Result<u64, String> {
    match seconds(text)? {
        0 => Err("give at least 1s".into()),
        seconds => Ok(seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let of = |text| duration(text).map(|duration| duration.as_millis());
        assert_eq!(of("250ms"), Ok(250));
        assert_eq!(of("90s"), Ok(90_000));
        assert_eq!(of("20m"), Ok(1_200_000));
        assert_eq!(of("1h30m"), Ok(5_400_000));
        assert_eq!(of("7d"), Ok(604_800_000));
        assert_eq!(of("0s"), Ok(0));
        for bad in ["", "20", "m", "-5m", "1 month", "1y", "20 parsecs", "5m ago"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn whole_seconds_are_whole() {
        assert_eq!(seconds("2m"), Ok(120));
        assert!(seconds("1500ms").is_err());
        assert!(positive_seconds("0s").is_err());
        assert!(positive_duration("0ms").is_err());
    }
}
