//! A measurement's line, for the OpenAPI document; `assize_measurement::Measurement` is what reads it.

/// A measurement (docs/protocol.md §9). Keys may stand in any order; absent and null are one thing.
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
    /// Who stores it, as `f0…`.
    #[schema(min_length = 1)]
    miner_id: String,
    /// The provider's peer id.
    provider_id: Option<String>,
    /// The address that was asked, as multiaddr.
    provider_address: Option<String>,
    /// `http`, `graphsync` or `bitswap`.
    protocol: Option<String>,
    /// Version of the checker: without it the measurement is an outdated client's.
    #[schema(pattern = "^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)$")]
    spark_version: Option<String>,
    /// Version of the checker's runtime.
    zinnia_version: Option<String>,
    /// Whether it took too long.
    timeout: Option<bool>,
    /// When it began, as `2023-11-01T09:40:05.000Z`.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$")]
    start_at: Option<String>,
    /// When the first byte of the payload came.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$")]
    first_byte_at: Option<String>,
    /// When the last one came.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$")]
    end_at: Option<String>,
    /// HTTP status, or a code from 600 up for what has none.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    status_code: Option<i64>,
    /// HTTP status of the HEAD request.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    head_status_code: Option<i64>,
    /// Bytes received.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    byte_length: Option<i64>,
    /// Whether it was more than is looked at.
    car_too_large: Option<bool>,
    /// Multihash of the payload, hexadecimal.
    car_checksum: Option<String>,
    /// What the indexer said.
    indexer_result: String,
    /// Not used yet.
    attestation: Option<String>,
    /// The station's, over everything above: EIP-712.
    #[schema(pattern = "^0x[0-9a-fA-F]{130}$")]
    signature: String,
}
