//! The network that an api serves.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use crate::Version;

/// The network, its keys and limits: `GET /network`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NetworkDocument {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The `Rounds` contract.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub rounds: Address,
    /// The `Rewards` contract.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub rewards: Address,
    /// Hash of the drand chain.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub drand_chain: B256,
    /// Address of the key that signs receipts.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub ingest: Address,
    /// SHA-256 of the secret of the subnet tags.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub subnet_commitment: B256,
    /// Maximum number of stations per subnet in a roster.
    pub max_per_subnet: u32,
    /// Seconds between heartbeats.
    pub heartbeat_interval: u64,
    /// Seconds for which a station counts as live after a heartbeat.
    pub live_for: u64,
    /// Oldest checker version whose measurements are accepted.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub minimum_version: Version,
    /// Version of this api.
    pub version: String,
}
