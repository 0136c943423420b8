//! A measurement's line, for the OpenAPI document only. `assize_measurement::Measurement` parses it.

/// A measurement (docs/protocol.md §9). Keys may be in any order. An absent key and null are equivalent.
#[derive(utoipa::ToSchema)]
#[schema(as = Measurement)]
#[expect(dead_code, reason = "a schema, not a value")]
pub(crate) struct Line {
    /// The round.
    round: u64,
    /// Index in the round's task list.
    task: u32,
    /// Address of the station's key.
    #[schema(pattern = "^0x[0-9a-fA-F]{40}$")]
    station: String,
    /// The payload.
    #[schema(min_length = 1)]
    cid: String,
    /// The storage provider, as `f0…`.
    #[schema(min_length = 1)]
    miner_id: String,
    /// The provider's peer id.
    provider_id: Option<String>,
    /// The address of the request, as a multiaddr.
    provider_address: Option<String>,
    /// `http`, `graphsync` or `bitswap`.
    protocol: Option<String>,
    /// Version of the checker. A measurement without it is rejected as outdated.
    #[schema(pattern = "^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)$")]
    spark_version: Option<String>,
    /// Version of the checker's runtime.
    zinnia_version: Option<String>,
    /// Whether the request timed out.
    timeout: Option<bool>,
    /// Start of the request, such as `2023-11-01T09:40:05.000Z`.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$")]
    start_at: Option<String>,
    /// Arrival of the payload's first byte.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$")]
    first_byte_at: Option<String>,
    /// Arrival of its last byte.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$")]
    end_at: Option<String>,
    /// HTTP status, or a code from 600 up for other outcomes.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    status_code: Option<i64>,
    /// HTTP status of the HEAD request.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    head_status_code: Option<i64>,
    /// Bytes received.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    byte_length: Option<i64>,
    /// Whether the payload exceeded the size limit.
    car_too_large: Option<bool>,
    /// Multihash of the payload, hexadecimal.
    car_checksum: Option<String>,
    /// The indexer's result.
    indexer_result: String,
    /// Not used yet.
    attestation: Option<String>,
    /// The station's EIP-712 signature over all fields above.
    #[schema(pattern = "^0x[0-9a-fA-F]{130}$")]
    signature: String,
}
