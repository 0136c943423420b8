//! Measurements as they were committed, with what became of each.

use assize_measurement::Measurement;

use crate::{Label, Origin, Outcome, Verdict};

/// A committed measurement, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Where it is from.
    pub origin: Origin,
    /// Its line there, from 1.
    pub line: u32,
    /// What the station reports.
    pub measurement: Measurement,
    /// Whether it votes, and if not, why.
    pub label: Label,
    /// Its committee's verdict, if it votes.
    pub verdict: Option<Verdict>,
}

impl Judged {
    /// A measurement and its outcome.
    #[must_use]
    pub fn new(measurement: Measurement, outcome: &Outcome) -> Self {
        Self {
            origin: outcome.origin,
            line: outcome.line,
            measurement,
            label: outcome.label,
            verdict: outcome.verdict,
        }
    }
}
