//! What came of a retrieval.

use std::fmt;

use alloy_primitives::Address;
use assize_measurement::{Measurement, Millis, RetrievalResult, Signature};
use assize_protocol::{PayloadCid, ProviderId, RoundNumber, TaskIndex};

use crate::Step;

/// What the indexers said; `Display` gives Spark's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IndexerResult {
    /// The provider advertises the payload over HTTP.
    Ok,
    /// It advertises the payload over Graphsync alone.
    HttpNotAdvertised,
    /// There is no advertisement of this provider over a known protocol.
    NoValidAdvertisement,
    /// The indexer answered with this HTTP status; 404 if no indexer has any record.
    Error(u16),
    /// The indexer could not be reached, or its answer not understood.
    ErrorFetch,
}

impl IndexerResult {
    /// Whether there is something to fetch from.
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

/// What the payload is fetched over; `Display` gives Spark's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// The trustless gateway protocol.
    Http,
    /// Graphsync, by a Lassie daemon.
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

/// One retrieval: what a measurement needs, and the story of it.
///
/// A committee's majority is over `provider_id`, `indexer_result`, `provider_address`, `protocol`, the retrieval's result,
/// `byte_length` and `car_checksum`. Honest stations must therefore give these alike when a provider treats them alike,
/// so none of them depends on timing, on how far a broken transfer came, or on which of several addresses had a bad day:
///
/// - `address` is the first of a gateway that the indexer gave, and not the one that delivered ([`served_by`](Self::served_by));
/// - `byte_length` and `car_checksum` are over the decompressed body, and are given only for a body that came to its end
///   (the checksum only for one that was verified). How much came of another is in [`received`](Self::received).
///
/// Status codes, HEAD status and times are not voted on. What remains is up to the provider: one that writes its CARs
/// differently each time splits a committee, for the checksum is of the body as it was sent, as Spark's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrieval {
    /// The payload.
    pub cid: PayloadCid,
    /// The provider.
    pub provider: ProviderId,
    /// The provider's peer id, as the chain has it; `None` if it names none.
    pub peer_id: Option<String>,
    /// What the indexers said.
    pub indexer_result: IndexerResult,
    /// What was fetched over, or would have been.
    pub protocol: Option<Transport>,
    /// The first multiaddr that the indexer gave for this protocol, those that are of no gateway passed over if there is
    /// one; for Graphsync with the peer id behind it.
    pub address: Option<String>,
    /// The multiaddr whose answer this is.
    pub served_by: Option<String>,
    /// The fetch took too long.
    pub timeout: bool,
    /// The body passed the size cap.
    pub car_too_large: bool,
    /// When the fetch began; `None` if nothing was fetched.
    pub start_at: Option<Millis>,
    /// When the first byte of the body came.
    pub first_byte_at: Option<Millis>,
    /// When the fetch ended; `None` too if a status other than 200 came with a body that is not the payload, for by
    /// Spark's rules it would pass as a success.
    pub end_at: Option<Millis>,
    /// HTTP status, or a code of Spark's from 600 up.
    pub status_code: Option<u16>,
    /// The same of the HEAD request; `None` if none was made.
    pub head_status_code: Option<u16>,
    /// Bytes of the whole body; 0 if there was none to come; `None` if it broke off.
    pub byte_length: Option<u64>,
    /// Hex multihash of the whole body, if it is the payload.
    pub car_checksum: Option<String>,
    /// Bytes of body that came, whole or not.
    pub received: u64,
    /// What was asked, what was answered, how long it took.
    pub steps: Vec<Step>,
}

impl Retrieval {
    /// Whether anything was asked of the provider.
    ///
    /// If not, though the indexers found it, it has Graphsync alone and no Lassie is configured. The measurement then says
    /// `HTTP_NOT_ADVERTISED` and no status, which is `UNKNOWN_ERROR` and counts as a failure, as Spark counted whatever it
    /// could not fetch: a provider that wants to be retrieved from advertises HTTP. A checker that sees it otherwise can
    /// withhold such measurements.
    #[must_use]
    pub fn fetched(&self) -> bool {
        self.start_at.is_some()
    }

    /// The result in Spark's codes.
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
            round,
            task,
            station,
            cid: self.cid.to_string(),
            miner_id: self.provider.to_string(),
            provider_id: self.peer_id.clone(),
            provider_address: self.address.clone(),
            protocol: self.protocol.map(|protocol| protocol.to_string()),
            spark_version: None,
            zinnia_version: None,
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
            attestation: None,
            signature: Signature([0; 65]),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Spark's rows, as far as a retrieval can have them: it always knows what the indexer said, its protocols are two, and
    /// its times are times.
    #[test]
    fn vectors_of_spark_hold() {
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
