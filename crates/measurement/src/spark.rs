//! Spark's own rows, as its evaluator holds them after preprocessing (SPARK.md §1.4).
//!
//! Assize's rows have no such fields as participant, station id and network group: operator and subnet come from the
//! roster, and the station signs. This form is for replaying Spark's rounds, and for holding our rules against Spark's
//! vectors.

mod read;

use assize_protocol::address::parse_station;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::Millis;
use crate::validity::{Claim, HeadStatus, Invalidity};

pub use read::{SparkBatch, SparkRejected, SparkRow, parse};

/// A preprocessed measurement. Null and absent are one thing.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Preprocessed {
    /// The operator's address, `0x…`.
    #[serde(rename = "participantAddress", default)]
    pub participant_address: Option<String>,
    /// Opaque tag of the station's /24.
    #[serde(default)]
    pub inet_group: Option<String>,
    /// When the API took the measurement in, milliseconds since the Unix epoch.
    #[serde(default)]
    pub finished_at: Option<i64>,
    /// What the indexer said.
    #[serde(rename = "indexerResult", default)]
    pub indexer_result: Option<String>,
    /// Hex of the station's Ed25519 key in SPKI form.
    #[serde(rename = "stationId", default)]
    pub station_id: Option<String>,
    /// The result's code; see [`RetrievalResult`](crate::RetrievalResult).
    #[serde(rename = "retrievalResult", default)]
    pub retrieval_result: String,
    /// In lower case.
    #[serde(default)]
    pub protocol: Option<String>,
    /// Milliseconds since the Unix epoch.
    #[serde(default)]
    pub start_at: Option<i64>,
    /// Milliseconds since the Unix epoch.
    #[serde(default)]
    pub first_byte_at: Option<i64>,
    /// Milliseconds since the Unix epoch.
    #[serde(default)]
    pub end_at: Option<i64>,
    /// Payload CID.
    #[serde(default)]
    pub cid: Option<String>,
    /// The provider, `f0…`.
    #[serde(rename = "minerId", default)]
    pub miner_id: Option<String>,
    /// libp2p peer id of the provider.
    #[serde(rename = "providerId", default)]
    pub provider_id: Option<String>,
    /// Multiaddr that the indexer gave.
    #[serde(default)]
    pub provider_address: Option<String>,
    /// Version of the checker.
    #[serde(default)]
    pub spark_version: Option<String>,
    /// Bytes of body received.
    #[serde(default)]
    pub byte_length: Option<i64>,
    /// HTTP status, or a code of Spark's from 600 up.
    #[serde(default)]
    pub status_code: Option<i64>,
    /// The retrieval took too long.
    #[serde(default)]
    pub timeout: bool,
    /// The body passed the size cap.
    #[serde(rename = "carTooLarge", default)]
    pub car_too_large: bool,
    /// Hex multihash of the CAR's bytes.
    #[serde(rename = "carChecksum", default)]
    pub car_checksum: Option<String>,
    /// A number if the station is honest; Spark never checked the type before this point.
    #[serde(default)]
    pub head_status_code: Option<Value>,
}

/// Why Spark drops a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SparkInvalidity {
    /// The rules that Assize shares.
    #[error(transparent)]
    Shared(#[from] Invalidity),
    /// No address to pay.
    #[error("valid participant address required")]
    ParticipantAddress,
    /// No network group.
    #[error("valid inet group required")]
    InetGroup,
    /// Not known when it came in.
    #[error("field `finished_at` must be set to a number")]
    FinishedAt,
    /// A station id that is there but wrong.
    #[error("stationId must be a hex string with 88 characters")]
    StationId,
}

impl Preprocessed {
    /// Whether the measurement counts, by Spark's rules of December 2025.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check_validity(&self) -> Result<(), SparkInvalidity> {
        let address = self.participant_address.as_deref().map(parse_station);
        // The zero address is one to Spark.
        if !matches!(
            address,
            Some(Ok(_) | Err(assize_protocol::address::AddressError::Zero))
        ) {
            return Err(SparkInvalidity::ParticipantAddress);
        }
        if self.inet_group.is_none() {
            return Err(SparkInvalidity::InetGroup);
        }
        if self.finished_at.is_none() {
            return Err(SparkInvalidity::FinishedAt);
        }
        let is_id = |id: &str| id.len() == 88 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !self.station_id.as_deref().is_none_or(is_id) {
            return Err(SparkInvalidity::StationId);
        }
        let claim = Claim {
            indexer_result: self.indexer_result.as_deref(),
            success: self.retrieval_result == "OK",
            protocol: self.protocol.as_deref(),
            start_at: self.start_at.map(Millis),
            first_byte_at: self.first_byte_at.map(Millis),
            end_at: self.end_at.map(Millis),
            head: match &self.head_status_code {
                None => HeadStatus::Absent,
                Some(Value::Number(_)) => HeadStatus::Number,
                Some(_) => HeadStatus::SomethingElse,
            },
        };
        Ok(claim.check()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spark's message for a rule that Assize words in its own way.
    fn in_sparks_words(invalidity: SparkInvalidity) -> String {
        use Invalidity as I;
        match invalidity {
            SparkInvalidity::Shared(shared) => match shared {
                I::NoIndexerResult => "field `indexerResult` must be set".into(),
                I::NoTime(field) => format!("field `{field}` must be a number greater than 0"),
                I::TimesReversed { earlier, later } => {
                    format!("{later} must be greater than or equal to {earlier}")
                }
                I::NoHeadStatus => "`head_status_code` must be a number".into(),
                I::HeadStatusWithoutHttp => {
                    "`head_status_code` must be undefined or null for non-HTTP retrievals".into()
                }
            },
            other => other.to_string(),
        }
    }

    #[test]
    fn vectors_of_spark_hold() {
        let file: Value =
            serde_json::from_str(include_str!("../tests/fixtures/measurement_validity.json")).unwrap();
        let cases = file["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 23);
        for case in cases {
            let mut fields = file["base"].as_object().unwrap().clone();
            fields.extend(case["override"].as_object().unwrap().clone());
            for absent in case["absentFields"].as_array().into_iter().flatten() {
                fields.remove(absent.as_str().unwrap());
            }
            let row: Preprocessed = serde_json::from_value(fields.into()).unwrap();
            let error = row.check_validity().map_err(in_sparks_words).err();
            assert_eq!(error.is_none(), case["valid"] == true, "{case}");
            assert_eq!(error.as_deref(), case["error"].as_str(), "{case}");
        }
    }
}
