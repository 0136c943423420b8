//! Which measurements are valid: Spark's validity rules of December 2025 (docs/protocol.md §9.4).

use thiserror::Error;

use crate::{Measurement, Millis};

/// Why a measurement is invalid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Invalidity {
    /// The indexer's result is missing.
    #[error("field `indexer_result` must be set")]
    NoIndexerResult,
    /// A success without one of its three times.
    #[error("field `{0}` must be a time after 1970, because the retrieval succeeded")]
    NoTime(&'static str),
    /// A success that ended before it began.
    #[error("`{later}` must not be before `{earlier}`")]
    TimesReversed {
        /// The field that should be earlier.
        earlier: &'static str,
        /// The field that should be later.
        later: &'static str,
    },
    /// A success over HTTP without the status of a HEAD request.
    #[error("`head_status_code` must be a number for a retrieval over http")]
    NoHeadStatus,
    /// A success over another protocol, which has no HEAD requests.
    #[error("`head_status_code` must be null for a retrieval over anything but http")]
    HeadStatusWithoutHttp,
}

impl Invalidity {
    /// The invalid field.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::NoIndexerResult => "indexer_result",
            Self::NoTime(field) => field,
            Self::TimesReversed { later, .. } => later,
            Self::NoHeadStatus | Self::HeadStatusWithoutHttp => "head_status_code",
        }
    }
}

impl Measurement {
    /// Whether the measurement is valid. Times and HEAD status matter only if it claims success.
    ///
    /// # Errors
    /// The first rule that it violates.
    pub fn check_validity(&self) -> Result<(), Invalidity> {
        let claim = Claim {
            indexer_result: self.indexer_result.as_deref(),
            success: self.retrieval_result().is_ok(),
            protocol: self.protocol.as_deref(),
            start_at: self.start_at,
            first_byte_at: self.first_byte_at,
            end_at: self.end_at,
            head: match self.head_status_code {
                Some(_) => HeadStatus::Number,
                None => HeadStatus::Absent,
            },
        };
        claim.check()
    }
}

/// The fields of a row that decide its validity. Assize's rows and Spark's share the rules.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The indexer's result.
    pub indexer_result: Option<&'a str>,
    /// Whether the retrieval result is `OK`.
    pub success: bool,
    /// The protocol.
    pub protocol: Option<&'a str>,
    /// Time of the request.
    pub start_at: Option<Millis>,
    /// Arrival of the body's first byte.
    pub first_byte_at: Option<Millis>,
    /// Arrival of the body's last byte.
    pub end_at: Option<Millis>,
    /// The status of the HEAD request.
    pub head: HeadStatus,
}

/// The type of the HEAD request's status; in Spark's rows it may be any JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadStatus {
    /// Missing or null.
    Absent,
    /// A number.
    Number,
    /// Anything else.
    SomethingElse,
}

impl Claim<'_> {
    /// Checks the rules.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), Invalidity> {
        if self.indexer_result.is_none_or(str::is_empty) {
            return Err(Invalidity::NoIndexerResult);
        }
        if !self.success {
            return Ok(());
        }
        let time = |field, time: Option<Millis>| match time {
            Some(Millis(1..)) => Ok(time),
            _ => Err(Invalidity::NoTime(field)),
        };
        let start = time("start_at", self.start_at)?;
        let first_byte = time("first_byte_at", self.first_byte_at)?;
        let end = time("end_at", self.end_at)?;
        let ordered = |earlier, before, later, after| match before <= after {
            true => Ok(()),
            false => Err(Invalidity::TimesReversed { earlier, later }),
        };
        ordered("start_at", start, "end_at", end)?;
        ordered("first_byte_at", first_byte, "end_at", end)?;
        ordered("start_at", start, "first_byte_at", first_byte)?;
        match (self.protocol, self.head) {
            (Some("http"), HeadStatus::Number) => Ok(()),
            (Some("http"), _) => Err(Invalidity::NoHeadStatus),
            (_, HeadStatus::Absent) => Ok(()),
            _ => Err(Invalidity::HeadStatusWithoutHttp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ndjson::tests::sample;

    /// The rules themselves are tested with Spark's vectors in `assize-spark`.
    #[test]
    fn a_row_is_judged_by_its_own_result() {
        let mut row = sample();
        assert_eq!(row.check_validity(), Ok(()));
        row.head_status_code = None;
        assert_eq!(row.check_validity(), Err(Invalidity::NoHeadStatus));
        row.protocol = Some("graphsync".into());
        assert_eq!(row.check_validity(), Ok(()));
        row.head_status_code = Some(200);
        assert_eq!(row.check_validity(), Err(Invalidity::HeadStatusWithoutHttp));
        row.start_at = Some(Millis(0));
        assert_eq!(row.check_validity(), Err(Invalidity::NoTime("start_at")));
        // A failure needs none of them.
        row.timeout = true;
        assert_eq!(row.check_validity(), Ok(()));
        row.indexer_result = None;
        assert_eq!(row.check_validity(), Err(Invalidity::NoIndexerResult));
    }
}
