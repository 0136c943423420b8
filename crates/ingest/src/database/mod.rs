//! What the api keeps: the book of stations, and the measurements that it took.
//!
//! [`Tables`] is one connection and blocks: SQLite, the embedded default, or PostgreSQL where several instances run.
//! [`Database`] gives each connection a thread of its own and is what the rest of the crate uses: one thread writes, all
//! that waits in one transaction; others read.

mod error;
mod location;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;
mod threads;
mod writer;

use alloy_primitives::{Address, B128, B256};
use assize_protocol::{FileCid, RoundNumber};
use assize_publish::{DailyLimit, Found, SignedRow, Taken};
use assize_wire::Version;

pub use error::DatabaseError;
pub use location::Location;
pub use threads::{Database, Options};
pub use writer::Receiving;

/// A station, as the book has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Station {
    /// Address of its key.
    pub station: Address,
    /// The address that earns, as the last heartbeat named it.
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
pub struct Heard {
    /// Address of the station's key.
    pub station: Address,
    /// The address that earns.
    pub operator: Address,
    /// Tag of the subnet that it came from.
    pub subnet: B128,
    /// Of the checker.
    pub version: Version,
    /// The station's clock, Unix seconds.
    pub time: u64,
    /// The api's clock, Unix seconds.
    pub heard_at: u64,
}

/// What the book made of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    /// It is noted.
    Noted,
    /// It is not later than the last one: somebody sent an old one again. Nothing is noted.
    Replayed,
    /// A new station's, of a subnet that has as many as are noted. Nothing is noted.
    Crowded,
}

/// How many stations of one subnet are noted, so that nobody fills the book with keys that he makes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    /// Most stations; far more than a roster takes of a subnet.
    pub most: u32,
    /// Those seen in so many seconds count.
    pub within: u64,
}

impl Default for Crowd {
    fn default() -> Self {
        Self {
            most: 256,
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
    /// Notes heartbeats, in the order given; what became of each.
    ///
    /// # Errors
    /// [`DatabaseError`]; nothing is noted then.
    fn hear(&mut self, heard: &[Heard], crowd: Crowd) -> Result<Vec<Hearing>, DatabaseError>;

    /// The stations seen at `since` (Unix seconds) or later: first seen first, those of one second by address.
    ///
    /// # Errors
    /// [`DatabaseError`].
    fn live(&mut self, since: u64) -> Result<Vec<Station>, DatabaseError>;

    /// Appends measurements to the publisher's table: [`Ingest::append`](assize_publish::Ingest::append).
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

    /// Strikes out stations last seen before a time (Unix seconds); how many.
    ///
    /// # Errors
    /// [`DatabaseError`].
    fn forget(&mut self, before: u64) -> Result<u64, DatabaseError>;
}
