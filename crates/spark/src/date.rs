//! Dates by the rules of JavaScript's `Date` (ECMA-262 §21.4.1.32).

use assize_measurement::Millis;

/// JavaScript's maximum distance from the epoch, milliseconds.
const MAX_MILLIS: i64 = 8_640_000_000_000_000;

/// The result of `new Date(text)` for ISO 8601, in milliseconds since the Unix epoch; `None` for an invalid date.
///
/// A date without a time is UTC; a time without an offset is read as UTC, as on Spark's servers. Other forms that JavaScript
/// engines accept, such as `Nov 1 2023`, are invalid here.
#[must_use]
pub fn parse_date(text: &str) -> Option<i64> {
    match text.parse::<Millis>() {
        Ok(Millis(millis)) => Some(millis),
        Err(_) => parse_any_form(text.as_bytes()),
    }
}

/// The result of `new Date(number)`; zero is no date for Spark.
pub(crate) fn of_number(number: f64) -> Option<i64> {
    (number != 0.0 && number.abs() <= MAX_MILLIS as f64).then_some(number.trunc() as i64)
}

fn parse_any_form(text: &[u8]) -> Option<i64> {
    let mut rest = Digits(text);
    let year = match text.first()? {
        sign @ (b'+' | b'-') => {
            rest.pass(*sign)?;
            let year = rest.take(6)?;
            // The year -000000 is invalid.
            if *sign == b'-' && year == 0 {
                return None;
            }
            if *sign == b'-' { -year } else { year }
        }
        _ => rest.take(4)?,
    };
    let month = rest.pass(b'-').map_or(Some(1), |()| rest.take(2))?;
    let day = rest.pass(b'-').map_or(Some(1), |()| rest.take(2))?;
    let (mut millis, mut offset) = (0, 0);
    if rest.pass_any(b"Tt ").is_some() {
        let hour = rest.take(2)?;
        rest.pass(b':')?;
        let minute = rest.take(2)?;
        let (second, fraction) = match rest.pass(b':') {
            Some(()) => (rest.take(2)?, rest.fraction()?),
            None => (0, 0),
        };
        let is_midnight = hour == 24 && minute == 0 && second == 0 && fraction == 0;
        if !(hour < 24 || is_midnight) || minute > 59 || second > 59 {
            return None;
        }
        millis = ((hour * 60 + minute) * 60 + second) * 1_000 + fraction;
        offset = rest.offset()?;
    }
    if !rest.0.is_empty() {
        return None;
    }
    // Every month may have 31 days: days beyond its end continue into the next.
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let millis = Millis::days_of(year, month, day) * 86_400_000 + millis - offset * 60_000;
    (millis.abs() <= MAX_MILLIS).then_some(millis)
}

struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    fn pass(&mut self, byte: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        if *first != byte {
            return None;
        }
        self.0 = rest;
        Some(())
    }

    fn pass_any(&mut self, bytes: &[u8]) -> Option<()> {
        bytes.iter().find_map(|byte| self.pass(*byte))
    }

    fn take(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let number = digits.iter().try_fold(0, |number, digit| {
            digit
                .is_ascii_digit()
                .then(|| number * 10 + i64::from(digit - b'0'))
        });
        self.0 = rest;
        number
    }

    /// Milliseconds; digits after the third are dropped.
    fn fraction(&mut self) -> Option<i64> {
        if self.pass(b'.').is_none() {
            return Some(0);
        }
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        let padded = digits.iter().copied().chain([b'0'; 3]).take(3);
        (count > 0).then(|| padded.fold(0, |millis, digit| millis * 10 + i64::from(digit - b'0')))
    }

    /// Minutes east of Greenwich.
    fn offset(&mut self) -> Option<i64> {
        let Some(sign) = self.0.first().copied() else {
            return Some(0);
        };
        self.pass(sign)?;
        if matches!(sign, b'Z' | b'z') {
            return Some(0);
        }
        let hours = self.take(2)?;
        let _ = self.pass(b':');
        let minutes = self.take(2)?;
        if hours > 23 || minutes > 59 {
            return None;
        }
        match sign {
            b'+' => Some(hours * 60 + minutes),
            b'-' => Some(-(hours * 60 + minutes)),
            _ => None,
        }
    }
}

/// Text of a time, without allocation.
#[derive(Debug, Clone, Copy)]
pub struct Iso {
    bytes: [u8; 27],
    start: usize,
}

impl AsRef<[u8]> for Iso {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// `new Date(millis).toISOString()`: `2023-11-01T09:40:05.000Z`, with a sign and six digits for years of more than four
/// digits.
#[must_use]
pub fn iso(millis: i64) -> Iso {
    let mut bytes = *b"+000000-00-00T00:00:00.000Z";
    let (year, month, day) = Millis::date_of(millis.div_euclid(86_400_000));
    let ms = millis.rem_euclid(86_400_000);
    let mut put = |end: usize, digits: usize, mut number: u64| {
        for byte in bytes[end - digits..end].iter_mut().rev() {
            *byte = b'0' + (number % 10) as u8;
            number /= 10;
        }
    };
    put(7, 6, year.unsigned_abs());
    put(10, 2, month.unsigned_abs());
    put(13, 2, day.unsigned_abs());
    let ms = ms.unsigned_abs();
    put(16, 2, ms / 3_600_000);
    put(19, 2, ms / 60_000 % 60);
    put(22, 2, ms / 1_000 % 60);
    put(26, 3, ms % 1_000);
    if year < 0 {
        bytes[0] = b'-';
    }
    let start = if (0..=9_999).contains(&year) { 3 } else { 0 };
    Iso { bytes, start }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn written(millis: i64) -> String {
        String::from_utf8(iso(millis).as_ref().to_vec()).unwrap()
    }

    /// Each value by Node 20: `new Date(text).getTime()` with TZ=UTC.
    #[test]
    fn dates_are_read_as_node_reads_them() {
        let cases = [
            ("2023-11-01T09:40:05.042Z", Some(1_698_831_605_042)),
            ("2023-11-01T09:40:05Z", Some(1_698_831_605_000)),
            ("2023-11-01T09:40:05.0429Z", Some(1_698_831_605_042)),
            ("2023-11-01T09:40:05.4Z", Some(1_698_831_605_400)),
            ("2023-11-01T09:40Z", Some(1_698_831_600_000)),
            ("2023-11-01T09:40:05.042+01:30", Some(1_698_826_205_042)),
            ("2023-11-01T09:40:05.042-01:30", Some(1_698_837_005_042)),
            ("2023-11-01T09:40:05.042", Some(1_698_831_605_042)),
            ("2023-11-01", Some(1_698_796_800_000)),
            ("2023-11", Some(1_698_796_800_000)),
            ("2023", Some(1_672_531_200_000)),
            ("2023-11-01T24:00:00.000Z", Some(1_698_883_200_000)),
            ("1969-12-31T23:59:59.999Z", Some(-1)),
            ("+012023-11-01T00:00:00Z", Some(317_268_316_800_000)),
            ("-000001-01-01T00:00:00Z", Some(-62_198_755_200_000)),
            ("2023-02-30", Some(1_677_715_200_000)),
            ("2023-02-29T10:00:00.000Z", Some(1_677_664_800_000)),
            ("2023-11-01T09:40:05.042+0130", Some(1_698_826_205_042)),
            ("2023-11-01 09:40:05.042Z", Some(1_698_831_605_042)),
            ("2023-11-01t09:40:05.042z", Some(1_698_831_605_042)),
            ("2023-02-32", None),
            ("2023-11-01T09:40:05,042Z", None),
            ("2023-11-01T09:40:05.042+24:00", None),
            ("2023-11-01T24:00:00.001Z", None),
            ("2023-13-01", None),
            ("2023-11-01T09:60Z", None),
            ("2023-11-01T09:40:05.Z", None),
            ("-000000-01-01T00:00:00Z", None),
            ("yesterday", None),
            ("", None),
        ];
        for (text, millis) in cases {
            assert_eq!(parse_date(text), millis, "{text}");
        }
    }

    #[test]
    fn numbers_are_milliseconds_and_zero_is_nothing() {
        assert_eq!(of_number(1_698_831_605_042.0), Some(1_698_831_605_042));
        assert_eq!(of_number(-1.5), Some(-1));
        assert_eq!(of_number(0.0), None);
        assert_eq!(of_number(1e300), None);
    }

    #[test]
    fn far_years_have_a_sign() {
        assert_eq!(written(-62_198_755_200_000), "-000001-01-01T00:00:00.000Z");
        assert_eq!(written(253_402_300_800_000), "+010000-01-01T00:00:00.000Z");
        assert_eq!(written(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(written(i64::MIN / 4).len(), 27);
    }

    proptest! {
        #[test]
        fn dates_are_written_as_another_calendar_does(millis in -62_167_219_200_000..253_402_300_800_000i64) {
            prop_assert_eq!(written(millis), format!("{:.3}", Timestamp::from_millisecond(millis).unwrap()));
            prop_assert_eq!(parse_date(&written(millis)), Some(millis));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[+-]?[0-9T:.Z-]{0,28}|.{0,30}") {
            let _ = parse_date(&text);
        }
    }
}
