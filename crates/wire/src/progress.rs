//! What became of a measurement.

use alloy_primitives::B256;
use assize_protocol::{FileCid, RoundNumber};
use serde::{Deserialize, Serialize};

/// Where a measurement stands: `GET /measurements/DIGEST`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Progress {
    /// EIP-712 digest of the measurement.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub digest: B256,
    /// Its round.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub round: RoundNumber,
    /// When the ingest took it, Unix seconds.
    pub received_at: u64,
    /// How far it has come.
    pub state: State,
    /// The batch it is in, once that is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub cid: Option<FileCid>,
    /// The label that evaluation gives it (docs/protocol.md §10), once its round is evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What its committee's majority makes of it (docs/protocol.md §10), if its label is `OK`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
}

/// How far a measurement has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum State {
    /// The ingest has it.
    Received,
    /// It is in a batch.
    Batched,
    /// The chain has its batch.
    Committed,
    /// Its round's commit window ended before its batch was committed.
    Late,
    /// Its round is evaluated.
    Evaluated,
}
