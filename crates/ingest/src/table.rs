//! The ingest table: where measurements wait, and what became of them.
//!
//! Measurements are only ever appended, each with a number that grows. A batch is a stretch of one round's numbers, so
//! closing one writes a single row whatever its size, and no measurement can be in two. [`SqliteIngest`] is the embedded
//! default, `PostgresIngest` (feature `postgres`) for several instances; both pass the same tests.

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

/// A measurement on its way into the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRow {
    /// Its round.
    pub round: RoundNumber,
    /// Its canonical line, without the line's end.
    pub line: String,
}

/// A file of measurements, known by its bytes.
#[derive(Debug, Clone, Copy)]
pub struct FileMark<'a> {
    /// SHA-256 of the file.
    pub digest: [u8; 32],
    /// What it is called; for people.
    pub name: &'a str,
    /// When it came, Unix seconds.
    pub received_at: u64,
}

/// A measurement that was taken by itself, known by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRow {
    /// EIP-712 digest: what its station signed.
    pub digest: B256,
    /// Its round.
    pub round: RoundNumber,
    /// Address of its station's key.
    pub station: Address,
    /// Its task.
    pub task: TaskIndex,
    /// Its canonical line, without the line's end.
    pub line: String,
}

/// How much may be taken by itself on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyLimit {
    /// The day, counted from 1970-01-01.
    pub day: u32,
    /// Bytes of lines. Processes on one database share it, and each may pass it by what it appends at once.
    pub bytes: u64,
}

/// What became of a measurement that was to be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is in the table now.
    New,
    /// It was there before.
    Known {
        /// When it came, Unix seconds.
        received_at: u64,
    },
    /// It is not there, and never will be: another one of the same station, task and round came before.
    Duplicate,
    /// It is not there, and the day's limit is reached.
    OverLimit,
}

/// A measurement that was found by its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its number in the table.
    pub id: i64,
    /// Its round.
    pub round: RoundNumber,
    /// When it came, Unix seconds.
    pub received_at: u64,
    /// The batch that it is in, if it is in one.
    pub batch: Option<Batch>,
}

/// A round's measurements that are in no batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unbatched {
    /// The round.
    pub round: RoundNumber,
    /// How many.
    pub count: u64,
    /// When the oldest came, Unix seconds.
    pub oldest: u64,
}

/// Where a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BatchState {
    /// Its measurements are chosen, for good.
    Closed,
    /// It is in the store, and to be committed.
    Stored,
    /// The chain has it. A reorganisation may send it back to [`BatchState::Stored`].
    Committed,
    /// The chain has it, and nothing can undo that.
    Final,
    /// Its round's commit window ended before the chain had it. Its measurements are kept, and never moved to another round.
    Late,
}

/// A batch, as the table has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Its number.
    pub id: i64,
    /// Its round.
    pub round: RoundNumber,
    /// Number of its first measurement in the table.
    pub first: i64,
    /// Number of its last.
    pub last: i64,
    /// Its measurements.
    pub count: u32,
    /// Where it stands.
    pub state: BatchState,
    /// Set once it is stored.
    pub cid: Option<FileCid>,
    /// When its oldest measurement came, Unix seconds.
    pub oldest: u64,
    /// Number of the latest block when the chain was seen to have it.
    pub seen_at_block: Option<u64>,
}

/// Figures of the whole table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Batches the chain has.
    pub committed_batches: u64,
    /// Measurements in them.
    pub committed_measurements: u64,
    /// Bytes of them, as stored, without the CAR's own.
    pub committed_bytes: u64,
    /// Batches that are closed or stored and not committed.
    pub open_batches: u64,
    /// Measurements that came too late, or were published too late.
    pub late_measurements: u64,
}

impl BatchState {
    /// As the table has it.
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

/// Yields rows one by one; an error ends the import, and nothing of it stays.
pub type Rows<'a> = &'a mut (dyn FnMut() -> io::Result<Option<NewRow>> + Send);

/// Takes lines one by one.
pub type Lines<'a> = &'a mut (dyn FnMut(&[u8]) -> io::Result<()> + Send);

/// The table.
///
/// Every method is one transaction, durable when it returns. Any number of processes may append; batches are closed by
/// one at a time.
pub trait Ingest: Send {
    /// Appends the measurements of a file, all or none, with how many there were; `None` if the same file was taken in
    /// before.
    ///
    /// # Errors
    /// [`IngestError`]; also what `rows` fails with.
    fn add_file(&mut self, file: &FileMark<'_>, rows: Rows<'_>) -> Result<Option<u64>, IngestError>;

    /// Appends measurements by their digests, in the order given, and all in one transaction: what is there already is
    /// not appended again, and of a station, a task and a round the first one stands. What files brought is not looked at.
    /// What became of each.
    ///
    /// # Errors
    /// [`IngestError`].
    fn append(
        &mut self,
        rows: &[SignedRow],
        received_at: u64,
        limit: DailyLimit,
    ) -> Result<Vec<Taken>, IngestError>;

    /// Finds a measurement by its digest; none if it was never appended by it, or is pruned.
    ///
    /// # Errors
    /// [`IngestError`].
    fn find(&mut self, digest: B256) -> Result<Option<Found>, IngestError>;

    /// The line on which a measurement stands in its batch, counted from 1.
    ///
    /// # Errors
    /// [`IngestError`].
    fn line_of(&mut self, batch: &Batch, id: i64) -> Result<u64, IngestError>;

    /// What is in no batch, ascending by round.
    ///
    /// # Errors
    /// [`IngestError`].
    fn unbatched(&mut self) -> Result<Vec<Unbatched>, IngestError>;

    /// Makes the oldest measurements of a round one batch of at most `limit`; `None` if there are none left.
    ///
    /// # Errors
    /// [`IngestError`].
    fn close(&mut self, round: RoundNumber, limit: u32) -> Result<Option<Batch>, IngestError>;

    /// Batches that are neither final nor late, oldest first.
    ///
    /// # Errors
    /// [`IngestError`].
    fn open_batches(&mut self) -> Result<Vec<Batch>, IngestError>;

    /// The lines of a batch, in the order in which they came.
    ///
    /// # Errors
    /// [`IngestError`]; also what `lines` fails with.
    fn read(&mut self, batch: &Batch, lines: Lines<'_>) -> Result<(), IngestError>;

    /// Notes that a batch is in the store, and how many bytes it has.
    ///
    /// # Errors
    /// [`IngestError`].
    fn set_stored(&mut self, batch: i64, cid: &FileCid, bytes: u64) -> Result<(), IngestError>;

    /// Notes where a batch stands; `block` is the latest block's number, if the chain was asked.
    ///
    /// # Errors
    /// [`IngestError`].
    fn set_state(&mut self, batch: i64, state: BatchState, block: Option<u64>) -> Result<(), IngestError>;

    /// Deletes the measurements of batches that have been final since before a time (Unix seconds); how many. What is
    /// late, or in no batch, stays.
    ///
    /// # Errors
    /// [`IngestError`].
    fn prune(&mut self, before: u64) -> Result<u64, IngestError>;

    /// Figures.
    ///
    /// # Errors
    /// [`IngestError`].
    fn totals(&mut self) -> Result<Totals, IngestError>;
}
