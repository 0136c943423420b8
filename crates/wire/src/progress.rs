//! The state of a measurement.

use alloy_primitives::B256;
use assize_protocol::{FileCid, RoundNumber};
use serde::{Deserialize, Serialize};

/// The state of a measurement: `GET /measurements/DIGEST`.
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
    /// When it was accepted, Unix seconds.
    pub received_at: u64,
    /// Its state.
    pub state: State,
    /// The batch that contains it, once that is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub cid: Option<FileCid>,
    /// Its label (docs/protocol.md §10), once its round is evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its committee's verdict (docs/protocol.md §10), if its label is `OK`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
}

/// The state of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum State {
    /// Accepted.
    Received,
    /// Part of a batch.
    Batched,
    /// Its batch is on chain.
    Committed,
    /// The round's time for batches ended before its batch was committed.
    Late,
    /// Its round is evaluated.
    Evaluated,
}
