//! Stations, measurements, and the results of evaluation, for API and coordinator.
//!
//! [`Tables`] is one blocking connection: to SQLite, the embedded default, or to PostgreSQL where several instances
//! run. [`Database`] gives each connection its own thread: one thread writes everything that is queued in one
//! transaction; others read.

mod error;
mod location;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;
mod threads;
mod writer;

use alloy_primitives::{Address, B128, B256};
use assize_protocol::RoundNumber;
use assize_wire::Version;

use crate::{DailyLimit, Found, Ingest, SignedRow, Taken};

pub use error::DatabaseError;
pub use location::Location;
pub use threads::{Database, DatabaseOptions};
pub use writer::Receiving;

/// A station, as its heartbeats describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Station {
    /// Address of its key.
    pub station: Address,
    /// The address to pay, from the last heartbeat.
    pub operator: Address,
    /// Subnet tag of the last heartbeat.
    pub subnet: B128,
    /// Version of its checker.
    pub version: Version,
    /// Time of the first heartbeat, Unix seconds.
    pub first_seen: u64,
    /// Time of the last heartbeat, Unix seconds.
    pub seen_at: u64,
}

/// A heartbeat whose signature has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// Address of the station's key.
    pub station: Address,
    /// The address to pay.
    pub operator: Address,
    /// Tag of the subnet that it came from.
    pub subnet: B128,
    /// Version of the checker.
    pub version: Version,
    /// The station's clock, Unix seconds.
    pub time: u64,
    /// The API's clock, Unix seconds.
    pub received_at: u64,
}

/// The result of recording a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeartbeatOutcome {
    /// Recorded.
    Recorded,
    /// Replayed: its time is not later than the last one's. Nothing is recorded.
    Replayed,
    /// A new station, from a subnet that has reached its [`SubnetLimit`]. Nothing is recorded.
    SubnetFull,
}

/// Limits the stations recorded per subnet, so that no one can fill the database with generated keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubnetLimit {
    /// Maximum number of stations: far more than a roster takes from one subnet.
    pub stations: u32,
    /// Only stations seen within this many seconds count.
    pub within: u64,
}

impl Default for SubnetLimit {
    fn default() -> Self {
        Self {
            stations: 256,
            within: 3_600,
        }
    }
}

/// The mark of a line without a label: it is not a measurement, or follows the last line that evaluation reads.
pub const NO_LABEL: u8 = 0xff;

/// Evaluation's results for the lines of one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchMarks {
    /// Root over its lines. The first batch of a round with a root counts: the lines of another are duplicates.
    pub root: B256,
    /// One mark per line, in order; lines beyond the last have [`NO_LABEL`].
    pub marks: Vec<u8>,
}

/// The state of a measurement, as far as the database knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The measurement, and its batch if it has one.
    pub found: Found,
    /// Evaluation's result, once its round has been evaluated.
    pub mark: Option<u8>,
}

/// One connection to the database. Every method is one transaction, durable when it returns.
pub trait Tables: Send {
    /// The publisher's table in the same database.
    fn ingest(&mut self) -> &mut dyn Ingest;

    /// Whether evaluation's results for the batch of a round with this root are stored.
    ///
    /// # Errors
    /// [`DatabaseError`].
    fn is_evaluated(&mut self, round: RoundNumber, root: B256) -> Result<bool, DatabaseError>;

    /// The mark of a line of that batch, counted from 1, if evaluation's results for it are stored.
    ///
    /// # Errors
    /// [`DatabaseError`].
    fn mark_at(&mut self, round: RoundNumber, root: B256, line: u64) -> Result<Option<u8>, DatabaseError>;

    /// Records heartbeats in the given order. Returns a result for each.
    ///
    /// # Errors
    /// [`DatabaseError`]; then nothing is recorded.
    fn record(
        &mut self,
        heartbeats: &[Heartbeat],
        limit: SubnetLimit,
    ) -> Result<Vec<HeartbeatOutcome>, DatabaseError>;

    /// The stations seen at `since` (Unix seconds) or later, ordered by time of the first heartbeat, then by address.
    ///
    /// # Errors
    /// [`DatabaseError`].
    fn live(&mut self, since: u64) -> Result<Vec<Station>, DatabaseError>;

    /// Appends measurements to the publisher's table: [`Ingest::append`](crate::Ingest::append).
    ///
    /// # Errors
    /// [`DatabaseError`]; then nothing is appended.
    fn append(
        &mut self,
        rows: &[SignedRow],
        received_at: u64,
        limit: DailyLimit,
    ) -> Result<Vec<Taken>, DatabaseError> {
        Ok(self.ingest().append(rows, received_at, limit)?)
    }

    /// The state of a measurement; `None` if it was never appended, or has been pruned.
    ///
    /// # Errors
    /// [`DatabaseError`].
    fn find(&mut self, digest: B256) -> Result<Option<Standing>, DatabaseError> {
        let Some(found) = self.ingest().find(digest)? else {
            return Ok(None);
        };
        let mut mark = None;
        if let Some((batch, root)) = found.batch.and_then(|batch| Some((batch, batch.stored?.root)))
            && self.is_evaluated(found.round, root)?
        {
            let line = self.ingest().line_of(&batch, found.id)?;
            mark = self.mark_at(found.round, root, line)?;
        }
        Ok(Some(Standing { found, mark }))
    }

    /// Stores evaluation's results for a round permanently.
    ///
    /// # Errors
    /// [`DatabaseError`].
    fn mark(&mut self, round: RoundNumber, batches: &[BatchMarks]) -> Result<(), DatabaseError>;

    /// Removes stations last seen before a time (Unix seconds). Returns their number.
    ///
    /// # Errors
    /// [`DatabaseError`].
    fn remove_stale(&mut self, before: u64) -> Result<u64, DatabaseError>;
}
