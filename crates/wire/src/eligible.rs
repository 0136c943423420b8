//! Numbers of payloads in the newest task list: Spark's summaries of eligible deals.

use assize_protocol::{ActorId, ProviderId};
use serde::{Deserialize, Serialize};

/// Of a provider: `GET /miner/ID/deals/eligible/summary`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MinerSummary {
    /// The provider.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub miner_id: ProviderId,
    /// Number of its payloads in the task list.
    pub deal_count: u64,
    /// Their clients, most payloads first. A payload of several clients counts for each.
    pub clients: Vec<ClientCount>,
}

/// Of a client: `GET /client/ID/deals/eligible/summary`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClientSummary {
    /// The client.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub client_id: ActorId,
    /// Number of its payloads in the task list, counted per provider.
    pub deal_count: u64,
    /// Their providers, most payloads first.
    pub providers: Vec<ProviderCount>,
}

/// Of an allocator: `GET /allocator/ID/deals/eligible/summary`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AllocatorSummary {
    /// The allocator.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub allocator_id: ActorId,
    /// Number of payloads in the task list stored with its allocations, counted per provider.
    pub deal_count: u64,
    /// Their clients, most payloads first. A payload of several clients counts for each.
    pub clients: Vec<ClientCount>,
}

/// A client's share of a summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClientCount {
    /// The client.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub client_id: ActorId,
    /// Number of payloads.
    pub deal_count: u64,
}

/// A provider's share of a summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProviderCount {
    /// The provider.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub miner_id: ProviderId,
    /// Number of payloads.
    pub deal_count: u64,
}
