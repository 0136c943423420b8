//! The parsed measurement.

use alloy_primitives::Address;
use assize_protocol::{PayloadCid, ProviderId, RoundNumber, TaskIndex};

use crate::{AsSigned, Millis, Signature};

/// One row of a batch (`docs/protocol.md` §9.1): the fields that Spark's checkers report, with round, task, station and
/// signature. [`Self::new`] makes one in which nothing is known yet.
///
/// What a station did not learn is `None`. A row that was read ([`ndjson`](crate::ndjson)) keeps these bounds, which the type
/// alone does not: strings are not empty, times are between 1970 and 9999, and numbers between 0 and 2^53 − 1
/// ([`MAX_NUMBER`]). A row that breaks them can be written, but no reader accepts it.
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
    /// libp2p peer id that the chain gives for the provider.
    pub provider_id: Option<String>,
    /// Multiaddr that the indexer gave.
    pub provider_address: Option<String>,
    /// `http`, `graphsync` or `bitswap`; other texts are kept, in the case they came in.
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

impl Measurement {
    /// A measurement in which nothing is known yet but whose task it is: unsigned, every other field false or `None`.
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

/// Largest `status_code`, `head_status_code` and `byte_length`: 2^53 − 1, up to which every JSON reader reads the same
/// number (RFC 7493 §2.2).
pub const MAX_NUMBER: i64 = (1 << 53) - 1;
