//! Batches as text: one measurement per line.
//!
//! A line is a JSON object with the keys of [`Measurement::to_line`]. The reader tolerates bad lines and is
//! strict about good ones:
//!
//! - An invalid line is reported with its number, field and reason, skipped and counted; the rest of the batch stays valid.
//!   A blank line is one of these.
//! - Lines are what line feeds end. The last one may be without it; a carriage return before it is white space.
//! - Keys may be in any order. An absent key is null, and so is the empty string. A duplicate or unknown key makes the line
//!   invalid: readers might disagree on the value, and nobody signed the unknown one.
//! - A line longer than [`MAX_LINE`], or not UTF-8, is invalid.
//!
//! A committed batch is named by the root over its lines and their number; [`read_batch`] reads no other.
//!
//! ```
//! use assize_measurement::ndjson;
//! use assize_protocol::RoundNumber;
//!
//! let batch = ndjson::parse_batch(RoundNumber(7), b"{\"round\": 6}\n\nnonsense\n");
//! assert_eq!(batch.rows, []);
//! let [missing, blank, nonsense] = &batch.rejected[..] else { panic!() };
//! assert_eq!((missing.line, missing.field, &*missing.reason), (1, "task", "missing field `task`"));
//! assert_eq!((blank.line, blank.field, &*blank.reason), (2, "line", "is blank"));
//! assert_eq!((nonsense.line, nonsense.field, &*nonsense.reason), (3, "line", "is not a JSON object"));
//! ```

mod lines;

use std::io::{self, BufRead};

use alloy_primitives::B256;
use assize_protocol::{LinesRoot, RoundNumber, lines_of};
use thiserror::Error;

use crate::{Measurement, line};

pub use lines::{Line, LineReader};

/// Maximum length of a line in bytes, without the line end.
pub const MAX_LINE: usize = 65_536;

/// Maximum length in bytes of the reason why a line was rejected: it may quote the line.
pub const MAX_REASON: usize = 256;

/// Maximum number of lines in a batch: the contract accepts no more.
pub const MAX_LINES: usize = 100_000;

/// Maximum length of a batch in bytes: 256 MiB.
pub const MAX_BATCH: usize = 256 << 20;

/// The measurements of one batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Well-formed and valid, in line order.
    pub rows: Vec<Row>,
    /// The rest, in line order.
    pub rejected: Vec<Rejected>,
}

/// A measurement and its line number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Counted from 1.
    pub line: u32,
    /// The parsed line.
    pub measurement: Measurement,
}

/// A line that is not a valid measurement of the batch's round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Counted from 1.
    pub line: u32,
    /// The invalid field, or `line` for the whole.
    pub field: &'static str,
    /// What is wrong with it, in at most [`MAX_REASON`] bytes.
    pub reason: String,
}

impl Batch {
    /// All its lines.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.rows.len() + self.rejected.len()
    }

    fn read_line(&mut self, round: RoundNumber, number: u32, line: Line<'_>) {
        let read = match line {
            Line::Text(text) => parse_line(Some(round), text),
            Line::TooLong { bytes } => Err(too_long(bytes)),
        };
        match read {
            Ok(measurement) => self.rows.push(Row {
                line: number,
                measurement,
            }),
            Err((field, reason)) => self.rejected.push(Rejected {
                line: number,
                field,
                reason: brief(reason),
            }),
        }
    }
}

/// A file that is not the batch that was committed, whatever its CID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotTheBatch {
    /// It is longer than any batch.
    #[error("it has more than {MAX_BATCH} bytes, and a batch has at most as many")]
    TooLong,
    /// It has more lines.
    #[error("it has at least {found} lines, but the commitment is to {committed}")]
    TooMany {
        /// Lines read.
        found: u32,
        /// Lines of the batch.
        committed: u32,
    },
    /// It has fewer lines.
    #[error("it has {found} lines, but the commitment is to {committed}")]
    TooFew {
        /// Lines found.
        found: u32,
        /// Lines of the batch.
        committed: u32,
    },
    /// It has other lines.
    #[error("its lines have the root {found}, but the commitment is to {committed}")]
    OtherLines {
        /// Root over its lines.
        found: B256,
        /// Root that names the batch.
        committed: B256,
    },
}

/// Why a batch was not read.
#[derive(Debug, Error)]
pub enum BatchError {
    /// The file is another one.
    #[error(transparent)]
    NotTheBatch(#[from] NotTheBatch),
    /// It cannot be read to its end.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads the batch of `round` that has `count` lines with the `root` (docs/protocol.md §8.2, §9.1), from a stream: beside the
/// result, a line at a time is in memory.
///
/// # Errors
/// [`BatchError`]: the file is another one, or cannot be read.
pub fn read_batch(
    round: RoundNumber,
    root: B256,
    count: u32,
    file: impl BufRead,
) -> Result<Batch, BatchError> {
    let mut batch = Batch::default();
    let mut found = LinesRoot::default();
    let mut lines = LineReader::new(file.take(MAX_BATCH as u64 + 1));
    while let Some((digest, line)) = lines.next_with_digest()? {
        found.push_digest(digest);
        if found.count() > count {
            return Err(NotTheBatch::TooMany {
                found: found.count(),
                committed: count,
            }
            .into());
        }
        batch.read_line(round, found.count(), line);
    }
    if lines.into_inner().limit() == 0 {
        return Err(NotTheBatch::TooLong.into());
    }
    if found.count() < count {
        return Err(NotTheBatch::TooFew {
            found: found.count(),
            committed: count,
        }
        .into());
    }
    if found.root() != root {
        return Err(NotTheBatch::OtherLines {
            found: found.root(),
            committed: root,
        }
        .into());
    }
    Ok(batch)
}

/// Reads all lines of a file of `round` that nobody committed as a batch, such as a report that a station committed itself
/// (docs/protocol.md §9.6).
#[must_use]
pub fn parse_batch(round: RoundNumber, bytes: &[u8]) -> Batch {
    let mut batch = Batch::default();
    for (number, line) in (1..).zip(lines_of(bytes)) {
        batch.read_line(round, number, Line::of(line));
    }
    batch
}

/// Reads one line of any round.
///
/// # Errors
/// The invalid field and the reason.
pub fn parse_any_round(line: &[u8]) -> Result<Measurement, (&'static str, String)> {
    parse_line(None, line)
}

/// A reason without what exceeds its maximum length.
fn brief(mut reason: String) -> String {
    if reason.len() > MAX_REASON {
        reason.truncate(reason.floor_char_boundary(MAX_REASON - '…'.len_utf8()));
        reason.push('…');
    }
    reason.shrink_to_fit();
    reason
}

fn parse_line(round: Option<RoundNumber>, line: &[u8]) -> Result<Measurement, line::Fault> {
    if let Line::TooLong { bytes } = Line::of(line) {
        return Err(too_long(bytes));
    }
    if line.trim_ascii().is_empty() {
        return Err(("line", "is blank".to_owned()));
    }
    let measurement = line::parse(line)?;
    if let Some(round) = round.filter(|round| *round != measurement.round) {
        return Err((
            "round",
            format!("is {}, but the batch is of round {round}", measurement.round),
        ));
    }
    measurement
        .check_validity()
        .map_err(|fault| (fault.field(), fault.to_string()))?;
    Ok(measurement)
}

/// The error for a line of this many bytes.
#[must_use]
pub fn too_long(bytes: u64) -> (&'static str, String) {
    (
        "line",
        format!("is {bytes} bytes long; the maximum is {MAX_LINE}"),
    )
}

/// The lines of a batch, each ended by a line feed, as stored and committed.
#[must_use]
pub fn to_ndjson<'a>(measurements: impl IntoIterator<Item = &'a Measurement>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for measurement in measurements {
        bytes.extend_from_slice(measurement.to_line().as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

#[cfg(test)]
pub(crate) mod tests {
    use alloy_primitives::address;
    use assize_protocol::TaskIndex;
    use proptest::prelude::*;

    use super::*;
    use crate::{MAX_NUMBER, Millis, Signature};

    /// A valid success over HTTP.
    pub(crate) fn sample() -> Measurement {
        Measurement {
            provider_id: Some("12D3KooWPNbkEgjdBNeaCGpsgCrPRETe4uBZf1ShFXStobdN18ys".into()),
            provider_address: Some("/dns/f01697248.example.net/tcp/443/https".into()),
            protocol: Some("http".into()),
            spark_version: Some("1.20.0".into()),
            zinnia_version: Some("0.20.0".into()),
            start_at: Some(Millis(1_698_829_200_000)),
            first_byte_at: Some(Millis(1_698_829_201_000)),
            end_at: Some(Millis(1_698_829_202_042)),
            status_code: Some(200),
            head_status_code: Some(200),
            byte_length: Some(1_024),
            car_checksum: Some("1220aa".into()),
            indexer_result: Some("OK".into()),
            signature: Signature([9; 65]),
            ..Measurement::new(
                RoundNumber(3),
                TaskIndex(17),
                address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
                "bafybeif53axbvb3gbbidww37e36kahbfzui4ypp44uqyjs7bvrdmvjesfq",
                "f01697248",
            )
        }
    }

    fn fault(line: &str) -> (&'static str, String) {
        let batch = parse_batch(RoundNumber(3), line.as_bytes());
        assert!(batch.rows.is_empty(), "accepted: {line}");
        let [rejected] = &batch.rejected[..] else {
            panic!("not one line: {line}")
        };
        (rejected.field, rejected.reason.clone())
    }

    #[test]
    fn a_line_has_its_canonical_form() {
        let line = sample().to_line();
        assert!(line.starts_with(
            r#"{"round":3,"task":17,"station":"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266","cid":"#
        ));
        assert!(
            line.contains(r#""start_at":"2023-11-01T09:00:00.000Z","first_byte_at":"#),
            "{line}"
        );
        assert!(
            line.contains(r#""attestation":null,"signature":"0x0909"#),
            "{line}"
        );
        let batch = parse_batch(RoundNumber(3), line.as_bytes());
        assert_eq!(
            batch.rows,
            [Row {
                line: 1,
                measurement: sample()
            }]
        );
    }

    #[test]
    fn bad_lines_are_skipped_counted_and_explained() {
        let good = sample().to_line();
        let text = format!("{good}\n\n{{\"round\":3}}\nnot json\n   \n{good}\n");
        let batch = parse_batch(RoundNumber(3), text.as_bytes());
        assert_eq!(batch.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 6]);
        assert_eq!(
            batch.rejected.iter().map(|row| row.line).collect::<Vec<_>>(),
            [2, 3, 4, 5]
        );
        assert_eq!(batch.rejected[0].reason, "is blank");
        assert_eq!(batch.rejected[3].reason, "is blank");
        assert_eq!(batch.line_count(), 6);
    }

    #[test]
    fn each_fault_names_its_field() {
        let line = sample().to_line();
        let cases = [
            (r#""round":3"#, r#""round":4"#, "round", "round 3"),
            (r#""round":3"#, r#""round":-3"#, "round", "whole number"),
            (r#""round":3"#, r#""round":3,"round":3"#, "round", "duplicate"),
            (r#""task":17"#, r#""task":4294967296"#, "task", "below 2^32"),
            (r#""task":17,"#, "", "task", "missing"),
            ("0xf39f", "0xzzzz", "station", "not an address"),
            ("0xf39f", "0xf39F", "station", "EIP-55"),
            ("0xf39f", "f39f", "station", "not an address"),
            (
                r#""miner_id":"f01697248""#,
                r#""miner_id":"""#,
                "miner_id",
                "empty",
            ),
            (
                r#""miner_id":"f01697248""#,
                r#""miner_id":null"#,
                "miner_id",
                "a string",
            ),
            (
                r#""timeout":false"#,
                r#""timeout":"no""#,
                "timeout",
                "true, false",
            ),
            (
                "2023-11-01T09:00:00.000Z",
                "yesterday",
                "start_at",
                "UTC with milliseconds",
            ),
            (
                "2023-11-01T09:00:00.000Z",
                "1969-11-01T09:00:00.000Z",
                "start_at",
                "1970",
            ),
            (
                "2023-11-01T09:00:00.000Z",
                "2023-11-01T09:00:00.0001Z",
                "start_at",
                "millisecond",
            ),
            (
                "2023-11-01T09:00:00.000Z",
                "2024-11-01T09:00:00.000Z",
                "end_at",
                "before",
            ),
            (
                r#""status_code":200,"#,
                r#""status_code":200.5,"#,
                "status_code",
                "whole number",
            ),
            (r#""status_code":200,"#, r#""status_code":NaN,"#, "line", ""),
            (
                r#""byte_length":1024"#,
                r#""byte_length":-1"#,
                "byte_length",
                "whole number",
            ),
            (
                r#""head_status_code":200"#,
                r#""head_status_code":null"#,
                "head_status_code",
                "must be a number",
            ),
            (
                r#""indexer_result":"OK""#,
                r#""indexer_result":null"#,
                "indexer_result",
                "must be set",
            ),
            ("0x0909", "0909", "signature", "130 hex digits"),
            (r#""task":17"#, r#""task":17,"extra":1"#, "line", "extra"),
        ];
        for (from, to, field, word) in cases {
            let bad = line.replacen(from, to, 1);
            assert_ne!(bad, line, "{from}");
            let (found, reason) = fault(&bad);
            assert_eq!(found, field, "{to}: {reason}");
            assert!(reason.contains(word), "{to}: {reason}");
        }
    }

    #[test]
    fn values_without_keys_are_no_measurement() {
        let fields: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&sample().to_line()).unwrap();
        let values: Vec<_> = fields.into_values().collect();
        let (field, reason) = fault(&serde_json::to_string(&values).unwrap());
        assert_eq!((field, &*reason), ("line", "is not a JSON object"));
    }

    #[test]
    fn meaningless_differences_are_tolerated() {
        let mut bare = sample();
        bare.provider_id = None;
        bare.attestation = None;
        let line = bare.to_line();
        let absent = line
            .replacen(r#""provider_id":null,"#, "", 1)
            .replacen(r#""attestation":null,"#, "", 1);
        let empty = line.replacen(r#""provider_id":null"#, r#""provider_id":"""#, 1);
        let capitals = line.replacen(
            "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266",
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            1,
        );
        let backwards: serde_json::Map<_, _> = serde_json::from_str(&line).unwrap();
        let backwards: Vec<_> = backwards
            .iter()
            .rev()
            .map(|(key, value)| format!("{key:?} : {value}"))
            .collect();
        let backwards = format!("{{ {} }}\r", backwards.join(" , "));
        for same in [absent, empty, capitals, backwards] {
            assert_ne!(same, line);
            assert_eq!(line::parse(same.as_bytes()), Ok(bare.clone()), "{same}");
        }
    }

    #[test]
    fn a_batch_is_its_lines_and_nothing_else() {
        let round = RoundNumber(3);
        let line = sample().to_line();
        let text = format!("{line}\n\nx\n{line}\n");
        let (root, count) = (LinesRoot::of(text.as_bytes()).root(), 4);
        let batch = read_batch(round, root, count, text.as_bytes()).unwrap();
        assert_eq!(batch, parse_batch(round, text.as_bytes()));
        assert_eq!((batch.rows.len(), batch.rejected.len()), (2, 2));
        // The last line feed is not part of a line.
        let open = text.trim_end().as_bytes();
        assert_eq!(read_batch(round, root, count, open).unwrap(), batch);

        let other = |text: &str, root, count| match read_batch(round, root, count, text.as_bytes()) {
            Err(BatchError::NotTheBatch(other)) => other,
            read => panic!("{read:?}"),
        };
        let damaged = text.replacen('x', "y", 1);
        let found = LinesRoot::of(damaged.as_bytes()).root();
        let (few, many) = (&text[..text.len() - 1 - line.len()], format!("{text}\n"));
        assert_eq!(
            other(&damaged, root, count),
            NotTheBatch::OtherLines {
                found,
                committed: root
            }
        );
        assert_eq!(
            other(few, root, count),
            NotTheBatch::TooFew {
                found: 3,
                committed: 4
            }
        );
        assert_eq!(
            other(&many, root, count),
            NotTheBatch::TooMany {
                found: 5,
                committed: 4
            }
        );
        assert_eq!(
            other("", root, 1),
            NotTheBatch::TooFew {
                found: 0,
                committed: 1
            }
        );
        // What has more lines than were committed is not read to its end.
        let endless = "\n".repeat(1_000_000);
        assert_eq!(
            other(&endless, root, 3),
            NotTheBatch::TooMany {
                found: 4,
                committed: 3
            }
        );
    }

    #[test]
    fn a_stream_has_the_lines_that_memory_has_whatever_their_length() {
        let round = RoundNumber(3);
        let key = "é".repeat(MAX_LINE / 4);
        let text = format!(
            "{}\n{{\"{key}\":1}}\n{}",
            "x".repeat(MAX_LINE + 1),
            sample().to_line()
        );
        let root = LinesRoot::of(text.as_bytes()).root();
        let pieces = io::BufReader::with_capacity(1000, text.as_bytes());
        let batch = read_batch(round, root, 3, pieces).unwrap();
        assert_eq!(batch, parse_batch(round, text.as_bytes()));
        let reasons = batch.rejected.iter().map(|row| row.reason.len());
        assert!(reasons.max().unwrap() <= MAX_REASON, "{:?}", batch.rejected);
        assert!(batch.rejected[1].reason.ends_with('…'), "{:?}", batch.rejected[1]);
    }

    #[test]
    fn a_stream_that_breaks_is_no_other_batch() {
        struct Broken;
        impl io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("a damaged block"))
            }
        }
        let broken = io::BufReader::new(Broken);
        let error = read_batch(RoundNumber(3), B256::ZERO, 1, broken).unwrap_err();
        assert!(matches!(error, BatchError::Io(_)), "{error}");
        assert_eq!(error.to_string(), "a damaged block");
    }

    #[test]
    fn long_and_undecodable_lines_are_rejected() {
        let (field, reason) = fault(&"x".repeat(MAX_LINE + 1));
        assert_eq!(field, "line");
        assert!(reason.contains("65537 bytes"), "{reason}");
        let batch = parse_batch(RoundNumber(3), b"{\"round\":\"\xff\"}");
        assert!(batch.rejected[0].reason.contains("UTF-8"));
    }

    fn text() -> impl Strategy<Value = Option<String>> {
        proptest::option::of("[^\u{0}]{1,12}")
    }

    prop_compose! {
        fn measurements()(
            task: u32,
            station: [u8; 20],
            texts in proptest::collection::vec(text(), 9),
            flags: [bool; 2],
            numbers in proptest::collection::vec(proptest::option::of(0..=MAX_NUMBER), 3),
            times in proptest::collection::vec(proptest::option::of(0..=4_102_444_800_000i64), 3),
            signature in proptest::collection::vec(any::<u8>(), 65),
        ) -> Measurement {
            let mut texts = texts.into_iter();
            let mut next = || texts.next().flatten();
            Measurement {
                round: RoundNumber(3),
                task: TaskIndex(task),
                station: station.into(),
                cid: next().unwrap_or("c".into()).into(),
                miner_id: next().unwrap_or("m".into()).into(),
                provider_id: next(),
                provider_address: next(),
                protocol: next(),
                spark_version: next(),
                zinnia_version: next(),
                timeout: flags[0],
                start_at: times[0].map(Millis),
                first_byte_at: times[1].map(Millis),
                end_at: times[2].map(Millis),
                status_code: numbers[0],
                head_status_code: numbers[1],
                byte_length: numbers[2],
                car_too_large: flags[1],
                car_checksum: next(),
                indexer_result: next(),
                attestation: None,
                signature: Signature(signature.try_into().unwrap()),
            }
        }
    }

    proptest! {
        #[test]
        fn parsing_undoes_writing(measurement in measurements()) {
            prop_assert_eq!(line::parse(measurement.to_line().as_bytes()), Ok(measurement));
        }

        #[test]
        fn no_line_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let batch = parse_batch(RoundNumber(3), &bytes);
            prop_assert!(batch.rows.is_empty());
        }

        #[test]
        fn a_damaged_line_is_rejected_or_differs(at in 0usize..900, byte: u8) {
            let mut line = sample().to_line().into_bytes();
            let at = at % line.len();
            prop_assume!(line[at] != byte && byte != b'\n');
            // The case of hexadecimal digits in address and signature has no meaning.
            prop_assume!(!line[at].eq_ignore_ascii_case(&byte));
            line[at] = byte;
            if let Ok(measurement) = line::parse(&line) {
                prop_assert_ne!(measurement, sample());
            }
        }
    }
}
