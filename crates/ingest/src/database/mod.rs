//! Stations, measurements, and what evaluation made of them, for API and coordinator.
//!
//! [`Tables`] is one connection and blocks: SQLite, the embedded default, or PostgreSQL where several instances run.
//! [`Database`] gives each connection a thread of its own: one thread writes everything that waits in one transaction; others
//! read.

mod error;
mod location;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;
mod threads;
mod writer;

use alloy_primitives::{Address, B128, B256};
use assize_protocol::{FileCid, RoundNumber};
use assize_wire::Version;

use crate::{DailyLimit, Found, SignedRow, Taken};

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
    /// Tag of the subnet that the last heartbeat came from.
    pub subnet: B128,
    /// Of its checker.
    pub version: Version,
    /// When the first heartbeat came, Unix seconds.
    pub first_seen: u64,
    /// When the last one came, Unix seconds.
    pub seen_at: u64,
}

/// A heartbeat that was checked: its signature is the station's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// Address of the station's key.
    pub station: Address,
    /// The address to pay.
    pub operator: Address,
    /// Tag of the subnet that it came from.
    pub subnet: B128,
    /// Of the checker.
    pub version: Version,
    /// The station's clock, Unix seconds.
    pub time: u64,
    /// The API's clock, Unix seconds.
    pub received_at: u64,
}

/// What became of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeartbeatOutcome {
    /// It is recorded.
    Recorded,
    /// Not later than the last one: somebody sent an old one again. Nothing is recorded.
    Replayed,
    /// A new station, from a subnet that has reached its [`SubnetLimit`]. Nothing is recorded.
    SubnetFull,
}

/// How many stations of one subnet are recorded, so that nobody fills the database with keys that they make up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubnetLimit {
    /// Most stations; far more than a roster takes of a subnet.
    pub stations: u32,
    /// Stations seen in the last so many seconds count.
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

/// The mark of a line that evaluation says nothing of: it is no measurement, or comes after the last line that is read.
pub const NO_LABEL: u8 = 0xff;

/// What evaluation made of the lines of one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchMarks {
    /// The batch.
    pub cid: FileCid,
    /// A mark for each line, in order; lines after the last have [`NO_LABEL`].
    pub marks: Vec<u8>,
}

/// Where a measurement stands, as far as the database knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The measurement, and its batch if it is in one.
    pub found: Found,
    /// What evaluation made of it, once its round is evaluated.
    pub mark: Option<u8>,
}

/// One connection to the database. Every method is one transaction, durable when it returns.
pub trait Tables: Send {
    /// Records heartbeats, in the order given; what became of each.
    ///
    /// # Errors
    /// [`DatabaseError`]; nothing is recorded then.
    fn record(
        &mut self,
        heartbeats: &[Heartbeat],
        limit: SubnetLimit,
    ) -> Result<Vec<HeartbeatOutcome>, DatabaseError>;

    /// The stations seen at `since` (Unix seconds) or later: first seen first, those of one second by address.
    ///
    /// # Errors
    /// [`DatabaseError`].
    fn live(&mut self, since: u64) -> Result<Vec<Station>, DatabaseError>;

    /// Appends measurements to the publisher's table: [`Ingest::append`](crate::Ingest::append).
    ///
    /// # Errors
    /// [`DatabaseError`]; nothing is appended then.
    fn append(
        &mut self,
        rows: &[SignedRow],
        received_at: u64,
        limit: DailyLimit,
    ) -> Result<Vec<Taken>, DatabaseError>;

    /// Where a measurement stands; none if it was never appended, or is pruned.
    ///
    /// # Errors
    /// [`DatabaseError`].
    fn find(&mut self, digest: B256) -> Result<Option<Standing>, DatabaseError>;

    /// Keeps what evaluation made of a round, for good.
    ///
    /// # Errors
    /// [`DatabaseError`].
    fn mark(&mut self, round: RoundNumber, batches: &[BatchMarks]) -> Result<(), DatabaseError>;

    /// Removes stations last seen before a time (Unix seconds); how many.
    ///
    /// # Errors
    /// [`DatabaseError`].
    fn remove_stale(&mut self, before: u64) -> Result<u64, DatabaseError>;
}
