//! The table of measurements and their batches.
//!
//! Measurements are only appended, each with an increasing number. A batch is a range of one round's numbers, so
//! closing a batch of any size writes a single row, and no measurement can be in two batches. [`SqliteIngest`] is the
//! embedded default; `PostgresIngest` (feature `postgres`) serves several instances. Both pass the same tests.

#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

use std::io;

use alloy_primitives::{Address, B256};
use assize_protocol::{FileCid, RoundNumber, TaskIndex};

#[cfg(feature = "postgres")]
pub use postgres::PostgresIngest;
pub use sqlite::SqliteIngest;

use crate::IngestError;

/// A measurement to be inserted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRow {
    /// Its round.
    pub round: RoundNumber,
    /// Its canonical line, without the line terminator.
    pub line: String,
}

/// A file of measurements, identified by its bytes.
#[derive(Debug, Clone, Copy)]
pub struct FileMark<'a> {
    /// SHA-256 of the file.
    pub digest: [u8; 32],
    /// Its name, for messages.
    pub name: &'a str,
    /// When it was received, Unix seconds.
    pub received_at: u64,
}

/// A measurement submitted individually, identified by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRow {
    /// The EIP-712 digest that its station signed.
    pub digest: B256,
    /// Its round.
    pub round: RoundNumber,
    /// Address of its station's key.
    pub station: Address,
    /// Its task.
    pub task: TaskIndex,
    /// Its canonical line, without the line terminator.
    pub line: String,
}

/// How much may be submitted individually on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyLimit {
    /// The day, counted from 1970-01-01.
    pub day: u32,
    /// Bytes of lines. All processes on one database share the limit, and each may exceed it by one append.
    pub bytes: u64,
}

/// The result of appending a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It has been added.
    New,
    /// It was already there.
    Known {
        /// When it was received, Unix seconds.
        received_at: u64,
    },
    /// It was rejected permanently: another one of the same station, task and round was first.
    Duplicate,
    /// It was rejected because the daily limit is reached.
    OverLimit,
}

/// A measurement found by its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its number in the table.
    pub id: i64,
    /// Its round.
    pub round: RoundNumber,
    /// When it was received, Unix seconds.
    pub received_at: u64,
    /// Its batch, if it has one.
    pub batch: Option<Batch>,
}

/// A round's measurements that are not in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unbatched {
    /// The round.
    pub round: RoundNumber,
    /// Their number.
    pub count: u64,
    /// When the oldest was received, Unix seconds.
    pub oldest: u64,
}

/// The state of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BatchState {
    /// Closed: its measurements are fixed.
    Closed,
    /// Stored, and waiting to be committed.
    Stored,
    /// Committed on chain. A reorganisation may return it to [`BatchState::Stored`].
    Committed,
    /// Committed and final.
    Final,
    /// Not committed before its round's time for batches ended. Its measurements are kept, and never moved to another
    /// round.
    Late,
}

/// A batch as it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its file.
    pub cid: FileCid,
    /// Root over its lines (docs/protocol.md §8.2): what is committed.
    pub root: B256,
}

/// A batch in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Its number.
    pub id: i64,
    /// Its round.
    pub round: RoundNumber,
    /// Number of its first measurement in the table.
    pub first: i64,
    /// Number of its last measurement.
    pub last: i64,
    /// Number of its measurements.
    pub count: u32,
    /// Its state.
    pub state: BatchState,
    /// Set once it is stored.
    pub stored: Option<Stored>,
    /// When its oldest measurement was received, Unix seconds.
    pub oldest: u64,
    /// Number of the latest block when the batch was seen on chain.
    pub seen_at_block: Option<u64>,
}

/// Totals of the whole table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Batches on chain.
    pub committed_batches: u64,
    /// Measurements in them.
    pub committed_measurements: u64,
    /// Their stored size in bytes, without CAR framing.
    pub committed_bytes: u64,
    /// Batches that are closed or stored but not committed.
    pub open_batches: u64,
    /// Measurements that were received or published too late.
    pub late_measurements: u64,
}

impl BatchState {
    /// Its name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Stored => "stored",
            Self::Committed => "committed",
            Self::Final => "final",
            Self::Late => "late",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [
            Self::Closed,
            Self::Stored,
            Self::Committed,
            Self::Final,
            Self::Late,
        ]
        .into_iter()
        .find(|state| state.name() == name)
    }
}

/// How much goes into one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimit {
    /// Its measurements.
    pub lines: u32,
    /// The size of its file, bytes. A batch has at least one measurement all the same.
    pub bytes: u64,
}

/// Yields rows one by one. An error rolls the import back.
pub type Rows<'a> = &'a mut (dyn FnMut() -> io::Result<Option<NewRow>> + Send);

/// Receives lines one by one, each with its measurement's number in the table.
pub type Lines<'a> = &'a mut (dyn FnMut(i64, &[u8]) -> io::Result<()> + Send);

/// The table.
///
/// Every method is one transaction, durable when it returns. Any number of processes may append; only one may close
/// batches.
pub trait Ingest: Send {
    /// Appends the measurements of a file, all or none. Returns their number; `None` if the same file was imported
    /// before.
    ///
    /// # Errors
    /// [`IngestError`], including errors of `rows`.
    fn add_file(&mut self, file: &FileMark<'_>, rows: Rows<'_>) -> Result<Option<u64>, IngestError>;

    /// Appends measurements by digest, in the given order, in one transaction. Known measurements are not appended
    /// again, and only the first of a station, task and round is accepted. Measurements from files are not considered.
    /// Returns a result for each.
    ///
    /// # Errors
    /// [`IngestError`].
    fn append(
        &mut self,
        rows: &[SignedRow],
        received_at: u64,
        limit: DailyLimit,
    ) -> Result<Vec<Taken>, IngestError>;

    /// Finds a measurement by its digest; `None` if it was never appended by digest, or has been pruned.
    ///
    /// # Errors
    /// [`IngestError`].
    fn find(&mut self, digest: B256) -> Result<Option<Found>, IngestError>;

    /// The line number of a measurement in its batch, counted from 1.
    ///
    /// # Errors
    /// [`IngestError`].
    fn line_of(&mut self, batch: &Batch, id: i64) -> Result<u64, IngestError>;

    /// Rounds with measurements that are not in a batch, ascending.
    ///
    /// # Errors
    /// [`IngestError`].
    fn unbatched(&mut self) -> Result<Vec<Unbatched>, IngestError>;

    /// Closes a batch of a round's oldest measurements, as many as fit; `None` if none are left.
    ///
    /// # Errors
    /// [`IngestError`].
    fn close(&mut self, round: RoundNumber, limit: BatchLimit) -> Result<Option<Batch>, IngestError>;

    /// All batches of a round, oldest first.
    ///
    /// # Errors
    /// [`IngestError`].
    fn batches_of(&mut self, round: RoundNumber) -> Result<Vec<Batch>, IngestError>;

    /// Batches that are neither final nor late, oldest first.
    ///
    /// # Errors
    /// [`IngestError`].
    fn open_batches(&mut self) -> Result<Vec<Batch>, IngestError>;

    /// Reads the lines of a batch, in order of arrival.
    ///
    /// # Errors
    /// [`IngestError`], including errors of `lines`.
    fn read(&mut self, batch: &Batch, lines: Lines<'_>) -> Result<(), IngestError>;

    /// Records how a batch is stored, and its size in bytes.
    ///
    /// # Errors
    /// [`IngestError`].
    fn set_stored(&mut self, batch: i64, stored: &Stored, bytes: u64) -> Result<(), IngestError>;

    /// Records the state of a batch. `block` is the latest block's number, if the chain was polled.
    ///
    /// # Errors
    /// [`IngestError`].
    fn set_state(&mut self, batch: i64, state: BatchState, block: Option<u64>) -> Result<(), IngestError>;

    /// Deletes the measurements of batches that became final before a time (Unix seconds). Returns their number.
    /// Measurements that are late or not in a batch are kept.
    ///
    /// # Errors
    /// [`IngestError`].
    fn prune(&mut self, before: u64) -> Result<u64, IngestError>;

    /// Totals.
    ///
    /// # Errors
    /// [`IngestError`].
    fn totals(&mut self) -> Result<Totals, IngestError>;

    /// Whether it has never held a measurement, or all of them are pruned.
    ///
    /// # Errors
    /// Database errors.
    fn is_empty(&mut self) -> Result<bool, IngestError> {
        let totals = self.totals()?;
        let counted = [
            totals.committed_measurements,
            totals.open_batches,
            totals.late_measurements,
        ];
        Ok(counted == [0; 3] && self.unbatched()?.is_empty())
    }
}
