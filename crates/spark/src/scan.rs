//! The fast parser: only rows in the format of Spark's publisher.
//!
//! That format is JSON without white space, with known keys, strings without escapes, and whole numbers. The scanner rejects any
//! other line, even if it is valid, and the reference parser decides.

use std::borrow::Cow;

use memchr::memchr2;

use crate::row::{Field, HeadStatus, Row, Time};

/// The keys in the order of Spark's publisher. A row in another order is parsed as well, a little slower.
const KEYS: [(&str, Slot); 23] = {
    use Slot as S;
    [
        ("\"id\":", S::Ignored),
        ("\"spark_version\":", S::Ignored),
        ("\"zinnia_version\":", S::Ignored),
        ("\"participant_address\":", S::Participant),
        ("\"station_id\":", S::Station),
        ("\"finished_at\":", S::FinishedAt),
        ("\"timeout\":", S::Timeout),
        ("\"start_at\":", S::StartAt),
        ("\"status_code\":", S::StatusCode),
        ("\"head_status_code\":", S::HeadStatusCode),
        ("\"first_byte_at\":", S::FirstByteAt),
        ("\"end_at\":", S::EndAt),
        ("\"byte_length\":", S::ByteLength),
        ("\"attestation\":", S::Ignored),
        ("\"inet_group\":", S::InetGroup),
        ("\"car_too_large\":", S::CarTooLarge),
        ("\"car_checksum\":", S::CarChecksum),
        ("\"indexer_result\":", S::IndexerResult),
        ("\"miner_id\":", S::MinerId),
        ("\"provider_id\":", S::ProviderId),
        ("\"cid\":", S::Cid),
        ("\"provider_address\":", S::ProviderAddress),
        ("\"protocol\":", S::Protocol),
    ]
};

#[derive(Clone, Copy)]
enum Slot {
    Ignored,
    Participant,
    Station,
    FinishedAt,
    Timeout,
    StartAt,
    StatusCode,
    HeadStatusCode,
    FirstByteAt,
    EndAt,
    ByteLength,
    InetGroup,
    CarTooLarge,
    CarChecksum,
    IndexerResult,
    MinerId,
    ProviderId,
    Cid,
    ProviderAddress,
    Protocol,
}

/// The row; `None` if it is in another format.
pub(crate) fn scan(line: &str) -> Option<Row<'_>> {
    // Control characters are not allowed in strings, nor between them in this format.
    if line.bytes().fold(false, |found, byte| found | (byte < 0x20)) {
        return None;
    }
    let mut rest = Rest(line.strip_prefix('{')?);
    let mut row = Row::default();
    let mut seen = 0_u32;
    let mut expected = 0;
    loop {
        let key = rest.key(expected)?;
        let bit = 1 << key;
        if seen & bit != 0 {
            return None;
        }
        seen |= bit;
        expected = key + 1;
        match KEYS[key].1 {
            Slot::Ignored => drop(rest.text()?),
            Slot::Participant => row.participant_address = rest.text()?,
            Slot::Station => row.station_id = rest.text()?,
            Slot::FinishedAt => row.finished_at = rest.time()?,
            Slot::Timeout => row.timeout = rest.flag()?,
            Slot::StartAt => row.start_at = rest.time()?,
            Slot::StatusCode => row.status_code = rest.number()?,
            Slot::HeadStatusCode => {
                row.head_status_code = match rest.number()? {
                    Some(number) => HeadStatus::Number(number as f64),
                    None => HeadStatus::Absent,
                }
            }
            Slot::FirstByteAt => row.first_byte_at = rest.time()?,
            Slot::EndAt => row.end_at = rest.time()?,
            Slot::ByteLength => row.byte_length = rest.number()?.map_or(Field::Null, Field::Value),
            Slot::InetGroup => row.inet_group = rest.text()?,
            Slot::CarTooLarge => row.car_too_large = rest.flag()?,
            Slot::CarChecksum => row.car_checksum = rest.text()?,
            Slot::IndexerResult => row.indexer_result = rest.text()?,
            Slot::MinerId => row.miner_id = rest.text()?,
            Slot::ProviderId => row.provider_id = rest.text()?,
            Slot::Cid => row.cid = rest.text()?,
            Slot::ProviderAddress => row.provider_address = rest.text()?,
            Slot::Protocol => row.protocol = rest.text()?,
        }
        if rest.0 == "}" {
            return Some(row);
        }
        rest.pass(",")?;
    }
}

/// The rest of the line. A failed match consumes nothing.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn pass(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// The next key, most likely the expected one.
    fn key(&mut self, expected: usize) -> Option<usize> {
        if let Some((key, _)) = KEYS.get(expected)
            && self.pass(key).is_some()
        {
            return Some(expected);
        }
        KEYS.iter().position(|(key, _)| self.pass(key).is_some())
    }

    fn quoted(&mut self) -> Option<&'a str> {
        let text = self.0.strip_prefix('"')?;
        let end = memchr2(b'"', b'\\', text.as_bytes())?;
        let (text, rest) = text.split_at_checked(end)?;
        // Stops at a backslash.
        self.0 = rest.strip_prefix('"')?;
        Some(text)
    }

    fn text(&mut self) -> Option<Field<Cow<'a, str>>> {
        match self.quoted() {
            Some(text) => Some(Field::Value(Cow::Borrowed(text))),
            None => self.pass("null").map(|()| Field::Null),
        }
    }

    fn time(&mut self) -> Option<Time> {
        match self.quoted() {
            Some(text) => Some(Time::of_text(text)),
            None => self.pass("null").map(|()| Time::default()),
        }
    }

    fn flag(&mut self) -> Option<bool> {
        if self.pass("true").is_some() {
            return Some(true);
        }
        self.pass("false").or_else(|| self.pass("null"))?;
        Some(false)
    }

    /// A whole number of at most 15 digits, or null.
    fn number(&mut self) -> Option<Option<i64>> {
        if self.pass("null").is_some() {
            return Some(None);
        }
        let (minus, digits) = match self.0.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, self.0),
        };
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = digits.split_at_checked(count)?;
        if !(1..=15).contains(&count)
            || (count > 1 && digits.starts_with('0'))
            || !rest.starts_with([',', '}'])
        {
            return None;
        }
        self.0 = rest;
        let number = digits
            .bytes()
            .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
        // `-0` is left to the reference.
        match (minus, number) {
            (true, 0) => None,
            (true, number) => Some(Some(-number)),
            (false, number) => Some(Some(number)),
        }
    }
}
