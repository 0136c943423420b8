//! The parsed measurement.

use std::fmt;

use alloy_primitives::Address;
use assize_protocol::{RoundNumber, TaskIndex};
use jiff::Timestamp;

use crate::Signature;

/// A moment on the station's clock: milliseconds since the Unix epoch, not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

impl fmt::Display for Millis {
    /// ISO 8601 in UTC with milliseconds, as `2023-11-01T09:40:05.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            // Beyond the year 9999: no such time is ever parsed.
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// One row of a batch. Spark's raw field set (SPARK.md §1.2) plus round, task, station and signature; strings that
/// a station leaves empty are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurement {
    /// The round that drew the task.
    pub round: RoundNumber,
    /// Index in the round's task list.
    pub task: TaskIndex,
    /// Address of the station's key.
    pub station: Address,
    /// Payload CID, as the task list has it.
    pub cid: String,
    /// The provider, `f0…`.
    pub miner_id: String,
    /// libp2p peer id that the chain gives for the provider.
    pub provider_id: Option<String>,
    /// Multiaddr that the indexer gave.
    pub provider_address: Option<String>,
    /// `http`, `graphsync` or `bitswap`.
    pub protocol: Option<String>,
    /// Version of the checker.
    pub spark_version: Option<String>,
    /// Version of the checker's runtime.
    pub zinnia_version: Option<String>,
    /// The retrieval took too long.
    pub timeout: bool,
    /// When the retrieval began.
    pub start_at: Option<Millis>,
    /// When the first byte of the body came.
    pub first_byte_at: Option<Millis>,
    /// When the last byte of the body came.
    pub end_at: Option<Millis>,
    /// HTTP status, or a code of Spark's from 600 up.
    pub status_code: Option<i64>,
    /// HTTP status of the HEAD request.
    pub head_status_code: Option<i64>,
    /// Bytes of body received.
    pub byte_length: Option<i64>,
    /// The body passed the size cap.
    pub car_too_large: bool,
    /// Hex multihash of the CAR's bytes.
    pub car_checksum: Option<String>,
    /// What the indexer said: `OK`, `HTTP_NOT_ADVERTISED`, `NO_VALID_ADVERTISEMENT`, `ERROR_…`.
    pub indexer_result: Option<String>,
    /// The provider's own statement; not used in evaluation.
    pub attestation: Option<String>,
    /// The station's, over everything above.
    pub signature: Signature,
}
