//! The result of a retrieval.

use std::fmt;

use alloy_primitives::Address;
use assize_measurement::{Measurement, Millis, RetrievalResult};
use assize_protocol::{PayloadCid, ProviderId, RoundNumber, TaskIndex};

use crate::Step;

/// What the indexers reported; `Display` gives Spark's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IndexerResult {
    /// The provider advertises the payload over HTTP.
    Ok,
    /// The provider advertises the payload over Graphsync only.
    HttpNotAdvertised,
    /// The indexers have no advertisement of this provider over a known protocol.
    NoValidAdvertisement,
    /// The indexer answered with this HTTP status; 404 if no indexer has any record.
    Error(u16),
    /// The indexer was unreachable, or its response malformed.
    ErrorFetch,
}

impl IndexerResult {
    /// Whether the provider has an address to fetch from.
    #[must_use]
    pub fn found(self) -> bool {
        matches!(self, Self::Ok | Self::HttpNotAdvertised)
    }
}

impl fmt::Display for IndexerResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("OK"),
            Self::HttpNotAdvertised => f.write_str("HTTP_NOT_ADVERTISED"),
            Self::NoValidAdvertisement => f.write_str("NO_VALID_ADVERTISEMENT"),
            Self::Error(status) => write!(f, "ERROR_{status}"),
            Self::ErrorFetch => f.write_str("ERROR_FETCH"),
        }
    }
}

/// The transport of the payload; `Display` gives Spark's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// The trustless gateway protocol.
    Http,
    /// Graphsync, through a Lassie daemon.
    Graphsync,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Graphsync => "graphsync",
        })
    }
}

/// One retrieval: the fields of a measurement, and a log of the steps.
///
/// A committee's majority is over `provider_id`, `indexer_result`, `provider_address`, `protocol`, the retrieval's
/// result, `byte_length` and `car_checksum`. Honest stations must therefore report the same values when a provider
/// treats them the same. For that reason none of these fields depends on timing, on how far a broken transfer got, or
/// on which of several addresses failed for a moment:
///
/// - `address` is the first gateway address that the indexer returned, not the one that delivered
///   ([`served_by`](Self::served_by));
/// - `byte_length` and `car_checksum` are over the decompressed body, and are given only for a complete body (the
///   checksum only for a verified one). The length of an incomplete body is in [`received`](Self::received).
///
/// Status codes, HEAD status and times are not voted on. The rest is up to the provider: one that writes its CARs
/// differently each time splits a committee, because the checksum is of the body as sent, as in Spark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrieval {
    /// The payload.
    pub cid: PayloadCid,
    /// The provider.
    pub provider: ProviderId,
    /// The provider's peer id on chain; `None` if it has not set one.
    pub peer_id: Option<String>,
    /// What the indexers reported.
    pub indexer_result: IndexerResult,
    /// The transport that was used, or would have been.
    pub protocol: Option<Transport>,
    /// The first multiaddr that the indexer returned for this protocol, skipping non-gateway addresses if there is a
    /// gateway; for Graphsync, followed by the peer id.
    pub address: Option<String>,
    /// The multiaddr that gave this result.
    pub served_by: Option<String>,
    /// The fetch timed out.
    pub timeout: bool,
    /// The body exceeded the size limit.
    pub car_too_large: bool,
    /// When the fetch began; `None` if nothing was fetched.
    pub start_at: Option<Millis>,
    /// When the first byte of the body arrived.
    pub first_byte_at: Option<Millis>,
    /// When the fetch ended. Also `None` if a status other than 200 came with a body that is not the payload, because
    /// Spark's rules would count that as a success.
    pub end_at: Option<Millis>,
    /// HTTP status, or one of Spark's codes from 600 up.
    pub status_code: Option<u16>,
    /// The same for the HEAD request; `None` if none was made.
    pub head_status_code: Option<u16>,
    /// Length of the complete body in bytes; 0 if nothing was served; `None` if the transfer broke.
    pub byte_length: Option<u64>,
    /// Hex multihash of the complete body, if it is the payload.
    pub car_checksum: Option<String>,
    /// Bytes of body received, complete or not.
    pub received: u64,
    /// Requests, responses and durations.
    pub steps: Vec<Step>,
}

impl Retrieval {
    /// Whether any request was sent to the provider.
    ///
    /// If not, although the indexers found it, it offers only Graphsync and no Lassie is configured. The measurement
    /// then has `HTTP_NOT_ADVERTISED` and no status, which is `UNKNOWN_ERROR` and counts as a failure, as in Spark: a
    /// provider that wants to be retrieved from advertises HTTP. A checker with another view can withhold such
    /// measurements.
    #[must_use]
    pub fn fetched(&self) -> bool {
        self.start_at.is_some()
    }

    /// The result as Spark's code.
    #[must_use]
    pub fn result(&self) -> RetrievalResult {
        self.measurement(RoundNumber(0), TaskIndex(0), Address::ZERO)
            .retrieval_result()
    }

    /// The measurement for a task, unsigned and without versions.
    #[must_use]
    pub fn measurement(&self, round: RoundNumber, task: TaskIndex, station: Address) -> Measurement {
        let number = |code: Option<u16>| code.map(i64::from);
        Measurement {
            provider_id: self.peer_id.clone(),
            provider_address: self.address.clone(),
            protocol: self.protocol.map(|protocol| protocol.to_string()),
            timeout: self.timeout,
            start_at: self.start_at,
            first_byte_at: self.first_byte_at,
            end_at: self.end_at,
            status_code: number(self.status_code),
            head_status_code: number(self.head_status_code),
            byte_length: self.byte_length.and_then(|length| i64::try_from(length).ok()),
            car_too_large: self.car_too_large,
            car_checksum: self.car_checksum.clone(),
            indexer_result: Some(self.indexer_result.to_string()),
            ..Measurement::new(round, task, station, self.cid, self.provider)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Spark's rows, restricted to what a retrieval can produce: the indexer result is always present, there are two
    /// protocols, and times are valid.
    #[test]
    fn vectors_of_spark_pass() {
        let file: Value =
            serde_json::from_str(include_str!("../tests/fixtures/retrieval_result.json")).unwrap();
        let mut tried = 0;
        for case in file["cases"].as_array().unwrap() {
            let mut fields = file["base"].as_object().unwrap().clone();
            fields.extend(case["override"].as_object().unwrap().clone());
            for absent in case["absentFields"].as_array().unwrap() {
                fields.remove(absent.as_str().unwrap());
            }
            let text = |name: &str| fields.get(name).and_then(Value::as_str);
            let Some(indexer_result) = text("indexer_result") else {
                continue;
            };
            let protocol = match text("protocol") {
                Some("http") => Some(Transport::Http),
                Some("graphsync") => Some(Transport::Graphsync),
                Some(_) => continue,
                None => None,
            };
            let retrieval = Retrieval {
                cid: "bafkqaaa".parse().unwrap(),
                provider: ProviderId(1),
                peer_id: None,
                indexer_result: match indexer_result {
                    "OK" => IndexerResult::Ok,
                    "HTTP_NOT_ADVERTISED" => IndexerResult::HttpNotAdvertised,
                    "NO_VALID_ADVERTISEMENT" => IndexerResult::NoValidAdvertisement,
                    "ERROR_FETCH" => IndexerResult::ErrorFetch,
                    error => IndexerResult::Error(error.strip_prefix("ERROR_").unwrap().parse().unwrap()),
                },
                protocol,
                address: None,
                served_by: None,
                timeout: fields["timeout"] == true,
                car_too_large: fields["car_too_large"] == true,
                start_at: None,
                first_byte_at: None,
                end_at: text("end_at").map(|_| Millis(1)),
                status_code: fields
                    .get("status_code")
                    .and_then(Value::as_u64)
                    .map(|code| code.try_into().unwrap()),
                head_status_code: None,
                byte_length: None,
                car_checksum: None,
                received: 0,
                steps: Vec::new(),
            };
            assert_eq!(retrieval.indexer_result.to_string(), indexer_result);
            assert_eq!(
                retrieval.result().to_string(),
                case["expected"].as_str().unwrap(),
                "{case}"
            );
            tried += 1;
        }
        assert!(tried > 45, "{tried}");
    }
}
