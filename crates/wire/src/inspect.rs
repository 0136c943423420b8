//! The api's view of a client.

use alloy_primitives::B128;
use serde::{Deserialize, Serialize};

/// `GET /inspect-request`: shows operators how the api identifies them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InspectDocument {
    /// The client's address, as used for rate limits.
    pub address: String,
    /// The tag of its subnet, as in rosters.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub subnet: B128,
    /// The address of the socket's peer, such as a proxy.
    pub socket: String,
    /// The header that the address was taken from; null if it was the socket.
    pub trusted_header: Option<String>,
    /// The request's headers in order of arrival, names in lower case.
    // A pair is `prefixItems` in JSON Schema, which utoipa does not write correctly.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Vec<String>>))]
    pub headers: Vec<(String, String)>,
}
