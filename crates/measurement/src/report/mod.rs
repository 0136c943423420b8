//! Reports: what a station found in a round, on one line of canonical JSON; and the line that seals one.
//!
//! A value has one spelling: fixed keys in a fixed order, what is absent is left out, strings are printable ASCII that needs no
//! escapes, and numbers are plain decimals. So the reader takes exactly the bytes that the writer makes, without building a
//! tree or copying a text, and two honest readers cannot differ about a line. A line in another form is void as a whole; a
//! measurement whose values contradict each other is void alone. Nothing commits reports yet: batches have the lines of
//! [`ndjson`](crate::ndjson).
//!
//! ```
//! use assize_measurement::report::{Measured, Report};
//! use assize_protocol::{B128, RoundNumber, StationIndex, TaskNumber};
//!
//! let report = Report {
//!     round: RoundNumber(7),
//!     station: StationIndex(12),
//!     version: "2.0.0",
//!     salt: B128::repeat_byte(0xab),
//!     measurements: vec![Measured {
//!         indexer: Some("NO_VALID_ADVERTISEMENT"),
//!         ..Measured::of(TaskNumber(3))
//!     }],
//! };
//! let line = report.to_line();
//! assert_eq!(
//!     line,
//!     r#"{"round":7,"station":12,"version":"2.0.0","salt":"0xabababababababababababababababab","measurements":[{"k":3,"indexer":"NO_VALID_ADVERTISEMENT"}]}"#
//! );
//! assert_eq!(Report::read(line.as_bytes())?, report);
//! # Ok::<(), assize_measurement::report::FormFault>(())
//! ```

mod measured;
mod read;
mod scan;
mod seal_line;
mod write;

use alloy_primitives::{Address, B128, B256};
use assize_protocol::{RoundNumber, StationIndex, TaskSet};
use sha2::{Digest, Sha256};

pub use self::measured::Measured;
pub use self::scan::FormFault;
pub use self::seal_line::SealLine;
use crate::Seal;

/// Maximum length of a text, bytes.
pub const MAX_TEXT: usize = 256;

/// What a station found in a round, as its line has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report<'a> {
    /// The round.
    pub round: RoundNumber,
    /// The station's index in the round's roster.
    pub station: StationIndex,
    /// Version of the checker.
    pub version: &'a str,
    /// Random, so that nobody can guess the line from its seal.
    pub salt: B128,
    /// At least one, strictly ascending by task.
    pub measurements: Vec<Measured<'a>>,
}

impl Report<'_> {
    /// The tasks that it has measurements of.
    #[must_use]
    pub fn tasks(&self) -> TaskSet {
        self.measurements.iter().map(|measured| measured.k).collect()
    }

    /// The seal of this report, whose bytes are `line`, for the station's operator in the roster.
    #[must_use]
    pub fn seal(&self, line: &[u8], operator: Address) -> Seal {
        Seal {
            round: self.round,
            station: self.station,
            operator,
            tasks: self.tasks(),
            report: digest(line),
        }
    }
}

/// The SHA-256 of a line, without a line feed: how a seal names it.
#[must_use]
pub fn digest(line: &[u8]) -> B256 {
    B256::new(Sha256::digest(line).into())
}

#[cfg(test)]
mod tests;
