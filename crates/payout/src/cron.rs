//! Cron patterns: minute, hour, day of the month, month, day of the week, as crontab(5) has them; UTC.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// How far ahead the next time is looked for: leap days that are a given day of the week come at most 40 years apart.
const YEARS_AHEAD: i16 = 41;
const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A pattern of five fields: each `*`, a number, a name (`MON`, `JAN`), a range `1-5`, a step `*/15` or `0-30/10`, or a list
/// of these with commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: Numbers,
    hours: Numbers,
    days: Numbers,
    months: Numbers,
    /// Sunday is 0.
    weekdays: Numbers,
}

/// The numbers that a field allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Numbers {
    /// Bit n: n is allowed.
    bits: u64,
    /// Whether the field begins with `*`. Of days of the month and of the week, one that does leaves the choice to the other;
    /// if neither does, either is enough.
    is_star: bool,
}

impl Cron {
    /// The first minute after a time (Unix seconds) that fits; none if there is none for decades.
    #[must_use]
    pub fn next(&self, after: u64) -> Option<u64> {
        let after = Timestamp::from_second(i64::try_from(after).ok()?).ok()?;
        let after = after.to_zoned(TimeZone::UTC).datetime();
        let last = Date::new(after.year().checked_add(YEARS_AHEAD)?, 1, 1).ok()?;
        let mut date = after.date();
        while date < last {
            if self.fits(date) {
                let now = (after.hour(), after.minute());
                let is_later = |hour, minute| date > after.date() || (hour, minute) > now;
                let minutes = |hour| self.minutes.all(0, 59).map(move |minute| (hour, minute));
                let mut times = self.hours.all(0, 23).flat_map(minutes);
                if let Some((hour, minute)) = times.find(|(hour, minute)| is_later(*hour, *minute)) {
                    let time = date.at(hour, minute, 0, 0).to_zoned(TimeZone::UTC).ok()?;
                    return u64::try_from(time.timestamp().as_second()).ok();
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn fits(&self, date: Date) -> bool {
        let day = self.days.has(date.day());
        let weekday = self.weekdays.has(date.weekday().to_sunday_zero_offset());
        let either = !self.days.is_star && !self.weekdays.is_star;
        self.months.has(date.month()) && if either { day || weekday } else { day && weekday }
    }
}

impl Numbers {
    fn has(self, number: i8) -> bool {
        self.bits >> number & 1 == 1
    }

    fn all(self, first: i8, last: i8) -> impl Iterator<Item = i8> {
        (first..=last).filter(move |number| self.has(*number))
    }

    fn parse(text: &str, field: &str, first: u32, last: u32, names: &[&str]) -> Result<Self, String> {
        let refuse = |part: &str| format!("`{part}` is no {field}: give numbers from {first} to {last}");
        let number = |text: &str, part: &str| {
            let name = names.iter().position(|name| name.eq_ignore_ascii_case(text));
            let number = match name {
                Some(at) => u32::try_from(at).ok().map(|at| at + first),
                None => text
                    .parse()
                    .ok()
                    .filter(|_| text.bytes().all(|byte| byte.is_ascii_digit())),
            };
            number
                .filter(|number| (first..=last).contains(number))
                .ok_or_else(|| refuse(part))
        };
        let mut bits = 0;
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0)),
                None => (part, Some(1)),
            };
            let step = step.ok_or_else(|| refuse(part))?;
            let (from, to) = match range.split_once('-') {
                _ if range == "*" => (first, last),
                Some((from, to)) => (number(from, part)?, number(to, part)?),
                None if part.contains('/') => (number(range, part)?, last),
                None => {
                    let number = number(range, part)?;
                    (number, number)
                }
            };
            if from > to {
                return Err(refuse(part));
            }
            (from..=to).step_by(step).for_each(|number| bits |= 1 << number);
        }
        Ok(Self {
            bits,
            is_star: text.starts_with('*'),
        })
    }
}

impl FromStr for Cron {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fields: Vec<_> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(format!(
                "it has {} fields and not five: minute, hour, day of the month, month, day of the week",
                fields.len()
            ));
        };
        let mut weekdays = Numbers::parse(weekdays, "day of the week", 0, 7, &WEEKDAYS)?;
        // 7 is Sunday as well.
        weekdays.bits = (weekdays.bits | weekdays.bits >> 7) & 0x7f;
        Ok(Self {
            text: fields.join(" "),
            minutes: Numbers::parse(minutes, "minute", 0, 59, &[])?,
            hours: Numbers::parse(hours, "hour", 0, 23, &[])?,
            days: Numbers::parse(days, "day of the month", 1, 31, &[])?,
            months: Numbers::parse(months, "month", 1, 12, &MONTHS)?,
            weekdays,
        })
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(pattern: &str, after: &str) -> String {
        let after: Timestamp = after.parse().unwrap();
        let next = pattern.parse::<Cron>().unwrap();
        let next = next.next(u64::try_from(after.as_second()).unwrap()).unwrap();
        Timestamp::from_second(i64::try_from(next).unwrap())
            .unwrap()
            .to_string()
    }

    #[test]
    fn the_next_time_is_that_of_crontab() {
        // A Wednesday.
        let after = "2026-11-25T02:29:49Z";
        for (pattern, expected) in [
            ("* * * * *", "2026-11-25T02:30:00Z"),
            ("29 2 * * *", "2026-11-26T02:29:00Z"),
            ("*/20 * * * *", "2026-11-25T02:40:00Z"),
            ("5/20 * * * *", "2026-11-25T02:45:00Z"),
            ("0 6,18 * * *", "2026-11-25T06:00:00Z"),
            ("0 0-2 * * *", "2026-11-26T00:00:00Z"),
            ("0 0 1 jan *", "2027-01-01T00:00:00Z"),
            ("30 4 * * MON", "2026-11-30T04:30:00Z"),
            ("30 4 * * mon-fri", "2026-11-25T04:30:00Z"),
            ("0 0 * * 7", "2026-11-29T00:00:00Z"),
            ("0 0 * * 0", "2026-11-29T00:00:00Z"),
            ("0 0 * * 5-7/2", "2026-11-27T00:00:00Z"),
            // Either is enough; of `*/2` and Friday, both.
            ("0 0 1 * FRI", "2026-11-27T00:00:00Z"),
            ("0 0 */2 * FRI", "2026-11-27T00:00:00Z"),
            ("0 0 */3 * FRI", "2026-12-04T00:00:00Z"),
            ("0 0 31 * *", "2026-12-31T00:00:00Z"),
            ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
            ("59 23 31 12 *", "2026-12-31T23:59:00Z"),
        ] {
            assert_eq!(next(pattern, after), expected, "{pattern}");
        }
        assert_eq!(next("0 0 1 1 *", "2026-12-31T23:59:59Z"), "2027-01-01T00:00:00Z");
        assert_eq!(next("0 0 1 1 *", "2027-01-01T00:00:00Z"), "2028-01-01T00:00:00Z");
        assert_eq!("0 0 30 2 *".parse::<Cron>().unwrap().next(0), None);
    }

    #[test]
    fn other_patterns_are_rejected_with_their_field() {
        for (pattern, words) in [
            ("", "0 fields"),
            ("* * * *", "4 fields"),
            ("0 * * * * *", "6 fields"),
            ("60 * * * *", "`60` is no minute: give numbers from 0 to 59"),
            ("* 24 * * *", "`24` is no hour"),
            ("* * 0 * *", "`0` is no day of the month"),
            ("* * * 13 *", "`13` is no month"),
            ("* * * * 8", "`8` is no day of the week"),
            ("* * * * FUN", "`FUN`"),
            ("5-1 * * * *", "`5-1`"),
            ("*/0 * * * *", "`*/0`"),
            ("1,,2 * * * *", "`` is no minute"),
            ("+1 * * * *", "`+1`"),
            ("1- * * * *", "`1-`"),
            ("** * * * *", "`**`"),
        ] {
            let error = pattern.parse::<Cron>().unwrap_err();
            assert!(error.contains(words), "{pattern}: {error}");
        }
    }
}
