//! What the api sees of whoever asks.

use alloy_primitives::B128;
use serde::{Deserialize, Serialize};

/// `GET /inspect-request`: for operators who want to know as whom the api takes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InspectDocument {
    /// The client's address, as it counts.
    pub address: String,
    /// The tag of its subnet, as rosters have it.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub subnet: B128,
    /// The address of the socket: a proxy's, if there is one before the api.
    pub socket: String,
    /// The header that the address was taken from; none if it was the socket.
    pub believed_header: Option<String>,
    /// The request's headers, in the order in which they came, names in lower case.
    // A pair is `prefixItems` in JSON Schema, which utoipa does not write right.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Vec<String>>))]
    pub headers: Vec<(String, String)>,
}
