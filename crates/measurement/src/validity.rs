//! Which measurements count at all: Spark's validity rules of December 2025 (SPARK.md §1.4).

use thiserror::Error;

use crate::{Measurement, Millis};

/// Why a measurement does not count.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Invalidity {
    #[error("field `indexer_result` must be set")]
    NoIndexerResult,
    #[error("field `{0}` must be a time after 1970")]
    NoTime(&'static str),
    #[error("`{later}` must not be before `{earlier}`")]
    TimesReversed {
        earlier: &'static str,
        later: &'static str,
    },
    #[error("`head_status_code` must be set for a retrieval over http")]
    NoHeadStatus,
    #[error("`head_status_code` must be null for a retrieval over anything but http")]
    HeadStatusWithoutHttp,
}

impl Invalidity {
    /// The field at fault.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::NoIndexerResult => "indexer_result",
            Self::NoTime(field) => field,
            Self::TimesReversed { later, .. } => later,
            Self::NoHeadStatus | Self::HeadStatusWithoutHttp => "head_status_code",
        }
    }
}

impl Measurement {
    /// Whether the measurement counts. Times and HEAD status are looked at only if it claims success.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check_validity(&self) -> Result<(), Invalidity> {
        if self.indexer_result.is_none() {
            return Err(Invalidity::NoIndexerResult);
        }
        if !self.retrieval_result().is_ok() {
            return Ok(());
        }
        let time = |field, time: Option<Millis>| match time {
            Some(Millis(1..)) => Ok(time),
            _ => Err(Invalidity::NoTime(field)),
        };
        let start = time("start_at", self.start_at)?;
        let first_byte = time("first_byte_at", self.first_byte_at)?;
        let end = time("end_at", self.end_at)?;
        let ordered = |earlier, before, later, after| match before <= after {
            true => Ok(()),
            false => Err(Invalidity::TimesReversed { earlier, later }),
        };
        ordered("start_at", start, "end_at", end)?;
        ordered("first_byte_at", first_byte, "end_at", end)?;
        ordered("start_at", start, "first_byte_at", first_byte)?;
        match (self.protocol.as_deref(), self.head_status_code) {
            (Some("http"), None) => Err(Invalidity::NoHeadStatus),
            (Some("http"), Some(_)) | (_, None) => Ok(()),
            (_, Some(_)) => Err(Invalidity::HeadStatusWithoutHttp),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;
    use crate::ndjson::tests::sample;

    /// Fields of Spark's that a roster has made superfluous: operator, subnet and station are not the row's to claim.
    const NOT_IN_A_ROW: [&str; 4] = ["participantAddress", "inet_group", "finished_at", "stationId"];

    #[test]
    fn vectors_of_spark_hold() {
        let file: Value =
            serde_json::from_str(include_str!("../tests/fixtures/measurement_validity.json")).unwrap();
        let mut held = 0;
        for case in file["cases"].as_array().unwrap() {
            let mut fields: Map<String, Value> = file["base"].as_object().unwrap().clone();
            let changes = case["override"].as_object().unwrap();
            let absent: Vec<&str> = case["absentFields"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            if changes
                .keys()
                .map(String::as_str)
                .chain(absent.iter().copied())
                .any(|f| NOT_IN_A_ROW.contains(&f))
            {
                continue;
            }
            fields.extend(changes.clone());
            absent.iter().for_each(|field| drop(fields.remove(*field)));
            let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
            let time = |name: &str| fields.get(name).and_then(Value::as_i64).map(Millis);

            let mut measurement = sample();
            measurement.protocol = text("protocol");
            measurement.indexer_result = text("indexerResult");
            measurement.start_at = time("start_at");
            measurement.first_byte_at = time("first_byte_at");
            measurement.end_at = time("end_at");
            if fields["retrievalResult"] == "TIMEOUT" {
                measurement.timeout = true;
            }
            let head = fields.get("head_status_code").unwrap_or(&Value::Null);
            // A HEAD status that is a string never becomes a measurement: the reader refuses the line. Where it must
            // be absent, any number shows the rule.
            measurement.head_status_code = match (head, measurement.protocol.as_deref()) {
                (Value::Number(code), _) => code.as_i64(),
                (Value::String(_), Some("http")) => None,
                (Value::String(_), _) => Some(200),
                _ => None,
            };
            let verdict = measurement.check_validity();
            assert_eq!(verdict.is_ok(), case["valid"] == true, "{case}: {verdict:?}");
            if let Err(fault) = verdict {
                let field = fault.field().replace("indexer_result", "indexerResult");
                assert!(
                    case["error"].as_str().unwrap().contains(&field),
                    "{case}: {fault}"
                );
            }
            held += 1;
        }
        assert!(held >= 15, "only {held} vectors apply");
    }
}
