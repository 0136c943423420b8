//! Times in milliseconds, and their text form.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A time by the station's clock: milliseconds since the Unix epoch, without leap seconds.
///
/// Written as `2023-11-01T09:40:05.000Z`: ISO 8601 in UTC with exactly three decimals, like JavaScript's `toISOString`.
/// No other form is accepted, so that all implementations agree on which lines are valid and what was signed.
///
/// ```
/// use assize_measurement::Millis;
///
/// let time: Millis = "2023-11-01T09:40:05.042Z".parse()?;
/// assert_eq!(time, Millis(1_698_831_605_042));
/// assert_eq!(time.to_string(), "2023-11-01T09:40:05.042Z");
/// assert!("2023-11-01T10:40:05.042+01:00".parse::<Millis>().is_err());
/// # Ok::<(), assize_measurement::MillisError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

/// Text that is not a time from 1970 to 9999 in this form.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MillisError {
    /// Another form, or a date that does not exist.
    #[error("is not a time in UTC with milliseconds, such as 2023-11-01T09:40:05.000Z")]
    Form,
    /// Before the Unix epoch.
    #[error("is before 1970")]
    BeforeEpoch,
}

const MS_PER_DAY: i64 = 86_400_000;
/// The proleptic Gregorian calendar repeats after 400 years.
const DAYS_PER_ERA: i64 = 146_097;
/// Days from 1 March of the year 0 to 1 January 1970.
const EPOCH: i64 = 719_468;

impl Millis {
    /// `9999-12-31T23:59:59.999Z`, the last time that has a text form.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// Days from 1970-01-01 to a date (year, month from 1 to 12, day) of the proleptic Gregorian calendar; days beyond the end
    /// of a month continue into the next.
    #[must_use]
    pub fn days_of(year: i64, month: i64, day: i64) -> i64 {
        days_of(year, month, day)
    }

    /// The date (year, month, day) some days after 1970-01-01.
    #[must_use]
    pub fn date_of(days: i64) -> (i64, i64, i64) {
        date_of(days)
    }
}

impl FromStr for Millis {
    type Err = MillisError;

    fn from_str(text: &str) -> Result<Self, MillisError> {
        const FORM: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
        let text: &[u8; 24] = text.as_bytes().try_into().map_err(|_| MillisError::Form)?;
        let fits = |(byte, form): (&u8, &u8)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == form,
        };
        if !text.iter().zip(FORM).all(fits) {
            return Err(MillisError::Form);
        }
        let number = |from: usize, to: usize| {
            text[from..to]
                .iter()
                .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
        };
        let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
        let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
        if hour > 23 || minute > 59 || second > 59 {
            return Err(MillisError::Form);
        }
        let days = days_of(year, month, day);
        // Months and days that do not exist are converted to other dates.
        if date_of(days) != (year, month, day) {
            return Err(MillisError::Form);
        }
        if days < 0 {
            return Err(MillisError::BeforeEpoch);
        }
        let seconds = (hour * 60 + minute) * 60 + second;
        Ok(Self(days * MS_PER_DAY + seconds * 1_000 + number(20, 23)))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(0..=253_402_300_799_999) = *self else {
            // Such a time has no text form and is never read; messages may still show it.
            return write!(f, "{} ms", self.0);
        };
        let (year, month, day) = date_of(self.0.div_euclid(MS_PER_DAY));
        let ms = self.0.rem_euclid(MS_PER_DAY);
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        let ms = ms % 1_000;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
        )
    }
}

/// Days from 1970-01-01 to a date. Years begin in March here, so that the leap day is a year's last.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    // Five months from March on have 153 days, and so have the five after them.
    let day = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * DAYS_PER_ERA + year * 365 + year / 4 - year / 100 + day - EPOCH
}

/// The date some days after 1970-01-01: the inverse of [`days_of`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH;
    let (era, day) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = (month + 2) % 12 + 1;
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_forms_and_dates_that_do_not_exist_are_rejected() {
        let form = Err(MillisError::Form);
        for text in [
            "",
            "yesterday",
            "1698831605042",
            "2023-11-01",
            "2023-11-01T09:40:05Z",
            "2023-11-01T09:40:05.04Z",
            "2023-11-01T09:40:05.0420Z",
            "2023-11-01T09:40:05.042",
            "2023-11-01t09:40:05.042z",
            "2023-11-01 09:40:05.042Z",
            "2023-11-01T09:40:05,042Z",
            "2023-11-01T09:40:05.042Z ",
            "+02023-11-01T09:40:05.04",
            "2023-11-01T10:40:05+01:0",
            "2023-11-01T24:00:00.000Z",
            "2023-11-01T09:60:05.042Z",
            "2016-12-31T23:59:60.000Z",
            "2023-00-01T09:40:05.042Z",
            "2023-13-01T09:40:05.042Z",
            "2023-11-00T09:40:05.042Z",
            "2023-11-31T09:40:05.042Z",
            "2023-02-29T09:40:05.042Z",
            "2100-02-29T09:40:05.042Z",
            "2023-1\u{661}-1T09:40:05.042Z",
        ] {
            assert_eq!(text.parse::<Millis>(), form, "{text}");
        }
        let early = Err(MillisError::BeforeEpoch);
        for text in ["1969-12-31T23:59:59.999Z", "0000-01-01T00:00:00.000Z"] {
            assert_eq!(text.parse::<Millis>(), early, "{text}");
        }
    }

    #[test]
    fn the_ends_of_time_and_leap_days_are_read() {
        for (text, ms) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("2000-02-29T12:00:00.001Z", 951_825_600_001),
            ("2024-02-29T00:00:00.000Z", 1_709_164_800_000),
            ("9999-12-31T23:59:59.999Z", Millis::MAX.0),
        ] {
            assert_eq!(text.parse(), Ok(Millis(ms)));
            assert_eq!(Millis(ms).to_string(), text);
        }
    }

    #[test]
    fn times_without_a_form_can_still_be_named() {
        assert_eq!(Millis(-1).to_string(), "-1 ms");
        assert_eq!(Millis(i64::MAX).to_string(), format!("{} ms", i64::MAX));
    }

    proptest! {
        #[test]
        fn text_and_number_agree_with_another_calendar(ms in 0..253_370_000_000_000i64) {
            let text = Millis(ms).to_string();
            prop_assert_eq!(&text, &format!("{:.3}", Timestamp::from_millisecond(ms).unwrap()));
            prop_assert_eq!(text.parse(), Ok(Millis(ms)));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[0-9T:.Z-]{24}|.{0,30}") {
            if let Ok(time) = text.parse::<Millis>() {
                prop_assert_eq!(time.to_string(), text);
            }
        }
    }
}
