//! What was committed to a round: the evaluation's input, and what a document counts of it.

use alloy_primitives::{Address, B256};
use assize_facts::{BatchCommitment, OwnReport};
use assize_measurement::ndjson::Batch;
use assize_protocol::{FileCid, StationIndex};
use serde::{Deserialize, Serialize};

/// Something that was committed to a round (docs/protocol.md §9.1, §9.6).
#[derive(Clone, Copy, Debug)]
pub enum Committed<'a> {
    /// A batch.
    Batch {
        /// Its commitment.
        commitment: BatchCommitment,
        /// Its lines, which have the commitment's root.
        batch: &'a Batch,
    },
    /// A batch that evaluators could not get: it is left out (docs/protocol.md §11.3).
    Dropped(BatchCommitment),
    /// A report that a station committed itself.
    Own {
        /// Its commitment.
        report: OwnReport,
        /// Its lines.
        batch: &'a Batch,
    },
}

/// Where a measurement is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A batch, by its position among the round's commitments, from 0.
    Batch(u32),
    /// A report that this station committed itself.
    Own(StationIndex),
}

/// A committed batch as a document has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchCounts {
    /// Who committed it.
    pub publisher: Address,
    /// Root over its lines.
    pub root: B256,
    /// Number of its lines.
    pub count: u32,
    /// CID of its file.
    #[serde(with = "crate::json::link")]
    pub cid: FileCid,
    /// Whether it was dropped.
    pub dropped: bool,
    /// Number of lines that are not a valid measurement of the round; 0 if it was not read.
    pub invalid: u32,
}

impl BatchCounts {
    pub(crate) fn of(commitment: BatchCommitment, batch: &Batch) -> Self {
        Self {
            invalid: count(batch.rejected.len()),
            ..Self::unread(commitment, false)
        }
    }

    pub(crate) fn unread(commitment: BatchCommitment, dropped: bool) -> Self {
        let BatchCommitment {
            publisher,
            root,
            count,
            cid,
            committed_at: _,
        } = commitment;
        Self {
            publisher,
            root,
            count,
            cid,
            dropped,
            invalid: 0,
        }
    }
}

/// A report that a station committed itself, as a document has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnCounts {
    /// The station.
    pub station: StationIndex,
    /// SHA-256 of the report.
    pub report: B256,
    /// Number of its lines; 0 if it was not read.
    pub lines: u32,
    /// Number of lines that are not a valid measurement of the round.
    pub invalid: u32,
}

impl OwnCounts {
    pub(crate) fn of(own: OwnReport, batch: &Batch) -> Self {
        Self {
            lines: count(batch.line_count()),
            invalid: count(batch.rejected.len()),
            ..Self::unread(own)
        }
    }

    pub(crate) fn unread(own: OwnReport) -> Self {
        let OwnReport { station, report } = own;
        Self {
            station,
            report,
            lines: 0,
            invalid: 0,
        }
    }
}

/// Lines are fewer than 2^32: a file has at most 256 MiB.
fn count(lines: usize) -> u32 {
    u32::try_from(lines).unwrap_or(u32::MAX)
}
