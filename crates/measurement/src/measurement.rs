//! The parsed measurement.

use alloy_primitives::Address;
use assize_protocol::{PayloadCid, ProviderId, RoundNumber, TaskIndex};

use crate::{AsSigned, Millis, Signature};

/// One row of a batch (`docs/protocol.md` §9.1): the fields that Spark's checkers report, with round, task, station and
/// signature. [`Self::new`] creates one without results.
///
/// Unknown values are `None`. Rows read by [`ndjson`](crate::ndjson) satisfy bounds that the type does not enforce: strings
/// are not empty, times are between 1970 and 9999, and numbers between 0 and 2^53 − 1 ([`MAX_NUMBER`]). A row outside of them
/// can be written, but no reader accepts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurement {
    /// The round that drew the task.
    pub round: RoundNumber,
    /// Index in the round's task list.
    pub task: TaskIndex,
    /// Address of the station's key.
    pub station: Address,
    /// The task's payload.
    pub cid: AsSigned<PayloadCid>,
    /// The task's provider.
    pub miner_id: AsSigned<ProviderId>,
    /// The provider's libp2p peer id on chain.
    pub provider_id: Option<String>,
    /// Multiaddr that the indexer returned.
    pub provider_address: Option<String>,
    /// `http`, `graphsync` or `bitswap`; other texts are kept unchanged.
    pub protocol: Option<String>,
    /// Version of the checker.
    pub spark_version: Option<String>,
    /// Version of the checker's runtime.
    pub zinnia_version: Option<String>,
    /// Whether the retrieval timed out.
    pub timeout: bool,
    /// Start of the retrieval.
    pub start_at: Option<Millis>,
    /// Arrival of the body's first byte.
    pub first_byte_at: Option<Millis>,
    /// Arrival of the body's last byte.
    pub end_at: Option<Millis>,
    /// HTTP status, or one of Spark's codes from 600 up.
    pub status_code: Option<i64>,
    /// HTTP status of the HEAD request.
    pub head_status_code: Option<i64>,
    /// Bytes of body received.
    pub byte_length: Option<i64>,
    /// Whether the body exceeded the size limit.
    pub car_too_large: bool,
    /// Hex multihash of the CAR's bytes.
    pub car_checksum: Option<String>,
    /// The indexer's result: `OK`, `HTTP_NOT_ADVERTISED`, `NO_VALID_ADVERTISEMENT`, `ERROR_…`.
    pub indexer_result: Option<String>,
    /// The provider's own statement; not used in evaluation.
    pub attestation: Option<String>,
    /// The station's signature over all other fields.
    pub signature: Signature,
}

impl Measurement {
    /// A measurement of a task by a station: unsigned, every other field false or `None`.
    #[must_use]
    pub fn new(
        round: RoundNumber,
        task: TaskIndex,
        station: Address,
        cid: impl Into<AsSigned<PayloadCid>>,
        provider: impl Into<AsSigned<ProviderId>>,
    ) -> Self {
        Self {
            round,
            task,
            station,
            cid: cid.into(),
            miner_id: provider.into(),
            provider_id: None,
            provider_address: None,
            protocol: None,
            spark_version: None,
            zinnia_version: None,
            timeout: false,
            start_at: None,
            first_byte_at: None,
            end_at: None,
            status_code: None,
            head_status_code: None,
            byte_length: None,
            car_too_large: false,
            car_checksum: None,
            indexer_result: None,
            attestation: None,
            signature: Signature([0; 65]),
        }
    }
}

/// Maximum `status_code`, `head_status_code` and `byte_length`: 2^53 − 1, up to which every JSON reader reads the same
/// number (RFC 7493 §2.2).
pub const MAX_NUMBER: i64 = (1 << 53) - 1;
