//! Which of Spark's rows are valid, by its own rules.

use std::borrow::Cow;

use assize_measurement::Millis;
use assize_measurement::validity::{self, Claim, Invalidity};
use assize_protocol::address::{AddressError, parse_operator, parse_station};
use thiserror::Error;

use crate::row::{HeadStatus, Row};

/// A version of Spark's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rules {
    /// The open network with rewards, until it closed: address, subnet and time.
    #[default]
    February2025,
    /// Later rules: a success must also have times in order, and a HEAD status over HTTP.
    December2025,
}

/// Why Spark drops a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SparkInvalidity {
    /// The rules that Assize shares.
    #[error(transparent)]
    Shared(#[from] Invalidity),
    /// No valid address to pay.
    #[error("valid participant address required")]
    ParticipantAddress,
    /// No network group.
    #[error("valid inet group required")]
    InetGroup,
    /// The time of arrival is unknown.
    #[error("field `finished_at` must be set to a number")]
    FinishedAt,
    /// An invalid station id.
    #[error("stationId must be a hex string with 88 characters")]
    StationId,
}

impl SparkInvalidity {
    /// The invalid field.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Shared(shared) => shared.field(),
            Self::ParticipantAddress => "participant_address",
            Self::InetGroup => "inet_group",
            Self::FinishedAt => "finished_at",
            Self::StationId => "station_id",
        }
    }
}

/// Spark's name of an address: `f410…` is converted to `0x…`, and `0x…` is kept as written, so that two spellings of one
/// address are two participants. `None` for an invalid address.
#[must_use]
pub fn participant(text: &str) -> Option<Cow<'_, str>> {
    match text.starts_with("0x") {
        // For Spark, the zero address is an address too.
        true => matches!(parse_station(text), Ok(_) | Err(AddressError::Zero)).then_some(Cow::Borrowed(text)),
        false => parse_operator(text)
            .ok()
            .map(|address| Cow::Owned(address.to_string())),
    }
}

/// Whether a station id is well-formed. Spark checked only ids that are not empty.
#[must_use]
pub fn is_station_id(text: &str) -> bool {
    text.is_empty() || (text.len() == 88 && text.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

impl Row<'_> {
    /// Whether the row is valid.
    ///
    /// # Errors
    /// The first violated rule.
    pub fn check_validity(&self, rules: Rules) -> Result<(), SparkInvalidity> {
        if self
            .participant_address
            .value()
            .is_none_or(|text| participant(text).is_none())
        {
            return Err(SparkInvalidity::ParticipantAddress);
        }
        if !self.station_id.value().is_none_or(|id| is_station_id(id)) {
            return Err(SparkInvalidity::StationId);
        }
        self.check_claim(rules)
    }

    /// Same as [`Self::check_validity`], without address and station id: a reader of millions of rows checks each of those once.
    ///
    /// # Errors
    /// The first violated rule.
    pub fn check_claim(&self, rules: Rules) -> Result<(), SparkInvalidity> {
        if self.inet_group.value().is_none() {
            return Err(SparkInvalidity::InetGroup);
        }
        if self.finished_at.millis.is_none() {
            return Err(SparkInvalidity::FinishedAt);
        }
        let indexer_result = self.indexer_result.value().map(AsRef::as_ref);
        if rules == Rules::February2025 {
            return match indexer_result {
                None | Some("") => Err(Invalidity::NoIndexerResult.into()),
                Some(_) => Ok(()),
            };
        }
        let protocol = self.protocol();
        let claim = Claim {
            indexer_result,
            success: self.retrieval_result().is_ok(),
            protocol: protocol.as_deref(),
            start_at: self.start_at.millis.map(Millis),
            first_byte_at: self.first_byte_at.millis.map(Millis),
            end_at: self.end_at.millis.map(Millis),
            head: match self.head_status_code {
                HeadStatus::Absent => validity::HeadStatus::Absent,
                HeadStatus::Number(_) => validity::HeadStatus::Number,
                HeadStatus::SomethingElse => validity::HeadStatus::SomethingElse,
            },
        };
        Ok(claim.check()?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;
    use crate::{Field, Time};

    /// Spark's message for a rule that has another message in Assize.
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
                other => other.to_string(),
            },
            other => other.to_string(),
        }
    }

    /// The row from which Spark's preprocessing creates a measurement.
    fn row(measurement: &Map<String, Value>) -> Row<'_> {
        let text = |name: &str| match measurement.get(name).and_then(Value::as_str) {
            Some(text) => Field::Value(Cow::Borrowed(text)),
            None => Field::Absent,
        };
        let time = |name: &str| Time {
            millis: measurement.get(name).and_then(Value::as_i64),
            is_text: true,
        };
        Row {
            participant_address: text("participantAddress"),
            inet_group: text("inet_group"),
            finished_at: time("finished_at"),
            indexer_result: text("indexerResult"),
            station_id: text("stationId"),
            protocol: text("protocol"),
            status_code: Some(200),
            timeout: measurement["retrievalResult"] == "TIMEOUT",
            start_at: time("start_at"),
            first_byte_at: time("first_byte_at"),
            end_at: time("end_at"),
            head_status_code: match measurement.get("head_status_code") {
                None | Some(Value::Null) => HeadStatus::Absent,
                Some(Value::Number(number)) => HeadStatus::Number(number.as_f64().unwrap()),
                Some(_) => HeadStatus::SomethingElse,
            },
            ..Row::default()
        }
    }

    #[test]
    fn vectors_of_spark_pass() {
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
            let error = row(&fields)
                .check_validity(Rules::December2025)
                .map_err(in_sparks_words)
                .err();
            assert_eq!(error.is_none(), case["valid"] == true, "{case}");
            assert_eq!(error.as_deref(), case["error"].as_str(), "{case}");
        }
    }

    #[test]
    fn the_open_network_did_not_look_at_times() {
        let file: Value =
            serde_json::from_str(include_str!("../tests/fixtures/measurement_validity.json")).unwrap();
        let mut fields = file["base"].as_object().unwrap().clone();
        fields.remove("start_at");
        assert!(row(&fields).check_validity(Rules::December2025).is_err());
        assert_eq!(row(&fields).check_validity(Rules::February2025), Ok(()));
        fields.insert("indexerResult".into(), "".into());
        let error = row(&fields).check_validity(Rules::February2025).unwrap_err();
        assert_eq!(error.field(), "indexer_result");
    }

    #[test]
    fn participants_keep_their_spelling() {
        let file: Value =
            serde_json::from_str(include_str!("../tests/fixtures/participant_address.json")).unwrap();
        for case in file["cases"].as_array().unwrap() {
            assert_eq!(
                participant(case["in"].as_str().unwrap()).as_deref(),
                case["out"].as_str()
            );
        }
        for text in [
            "0x0000000000000000000000000000000000000000",
            "0xabcdefabcdefabcdefabcdefabcdefabcdefabcd",
        ] {
            assert_eq!(participant(text).as_deref(), Some(text));
        }
        // A wrong checksum, another class, no prefix, nothing.
        for text in [
            "0xf39FD6e51aad88F6F4ce6aB8827279cffFb92266",
            "f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za",
            "f39fd6e51aad88f6f4ce6ab8827279cfffb92266",
            "",
        ] {
            assert_eq!(participant(text), None, "{text}");
        }
    }
}
