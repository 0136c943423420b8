//! How many retrievals the newest task list has of somebody's: Spark's summaries of eligible deals.

use assize_protocol::{ActorId, ProviderId};
use serde::{Deserialize, Serialize};

/// A provider's: `GET /miner/ID/deals/eligible/summary`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MinerSummary {
    /// The provider.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub miner_id: ProviderId,
    /// Its payloads in the task list.
    pub deal_count: u64,
    /// Whose they are, most first. A payload of several clients counts for each.
    pub clients: Vec<ClientCount>,
}

/// A client's: `GET /client/ID/deals/eligible/summary`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClientSummary {
    /// The client.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub client_id: ActorId,
    /// Its payloads in the task list, each with each provider.
    pub deal_count: u64,
    /// Who stores them, most first.
    pub providers: Vec<ProviderCount>,
}

/// An allocator's: `GET /allocator/ID/deals/eligible/summary`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AllocatorSummary {
    /// The allocator.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub allocator_id: ActorId,
    /// Payloads in the task list that were stored by its grants, each with each provider.
    pub deal_count: u64,
    /// Whose they are, most first. A payload of several clients counts for each.
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
    /// Payloads.
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
    /// Payloads.
    pub deal_count: u64,
}
