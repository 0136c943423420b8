//! Spark's files, as its publisher wrote them (SPARK.md §1.2, §1.3).

use assize_protocol::address::parse_operator;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Preprocessed;
use crate::ndjson::{self, MAX_LINE};
use crate::result::Report;

/// The rows of one file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SparkBatch {
    /// Well-formed, in the file's order. Whether they count, [`Preprocessed::check_validity`] tells.
    pub rows: Vec<SparkRow>,
    /// The rest, in the file's order.
    pub rejected: Vec<SparkRejected>,
}

/// A row and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct SparkRow {
    /// Counted from 1: its line; in the legacy form, its place in the list.
    pub number: u64,
    /// What it says.
    pub measurement: Preprocessed,
}

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SparkRejected {
    /// As [`SparkRow::number`].
    pub number: u64,
    /// The field at fault, or `line` for the whole.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

/// Reads a file of Spark's: one object a line, or, in the legacy form, one line that is a list of objects.
///
/// Unlike Spark's evaluator, which gave the whole batch up, a bad row is reported, skipped and counted. Keys that Spark did
/// not know are passed over, as it did.
#[must_use]
pub fn parse(file: &[u8]) -> SparkBatch {
    let mut lines = (1..)
        .zip(file.split(|byte| *byte == b'\n'))
        .filter(|(_, line)| !line.trim_ascii().is_empty());
    let (first, second) = (lines.next(), lines.next());
    if let (Some((_, only)), None) = (first, second)
        && only.trim_ascii().starts_with(b"[")
        && let Ok(list) = serde_json::from_slice::<Vec<Value>>(only)
    {
        return collect((1..).zip(list).map(|(number, value)| (number, Ok(value))));
    }
    collect(
        first
            .into_iter()
            .chain(second)
            .chain(lines)
            .map(|(number, line)| (number, parse_line(line))),
    )
}

type Fault = (&'static str, String);

fn collect(rows: impl Iterator<Item = (u64, Result<Value, Fault>)>) -> SparkBatch {
    let mut batch = SparkBatch::default();
    for (number, value) in rows {
        match value.and_then(preprocess) {
            Ok(measurement) => batch.rows.push(SparkRow { number, measurement }),
            Err((field, reason)) => batch.rejected.push(SparkRejected {
                number,
                field,
                reason,
            }),
        }
    }
    batch
}

fn parse_line(line: &[u8]) -> Result<Value, Fault> {
    if line.len() > MAX_LINE {
        return Err(ndjson::too_long(line.len() as u64));
    }
    let text = std::str::from_utf8(line).map_err(|error| ("line", format!("is not UTF-8: {error}")))?;
    serde_json::from_str(text).map_err(|error| ("line", format!("is not JSON: {error}")))
}

/// As Spark's evaluator did before anything else (SPARK.md §1.4).
fn preprocess(row: Value) -> Result<Preprocessed, Fault> {
    let Value::Object(fields) = row else {
        return Err(("line", "is not a JSON object".into()));
    };
    let fields = Fields(fields);
    let report = Report {
        indexer_result: fields.text("indexer_result")?,
        timeout: fields.flag("timeout")?,
        car_too_large: fields.flag("car_too_large")?,
        status_code: fields.number("status_code")?,
        protocol: fields.text("protocol")?,
        ended: fields.text("end_at")?.is_some(),
    };
    let retrieval_result = report.result().to_string();
    let Report {
        indexer_result,
        timeout,
        car_too_large,
        status_code,
        protocol,
        ..
    } = report;
    Ok(Preprocessed {
        participant_address: fields.text("participant_address")?.map(participant).transpose()?,
        inet_group: fields.text("inet_group")?,
        finished_at: fields.time("finished_at")?,
        station_id: fields.text("station_id")?,
        cid: fields.text("cid")?,
        miner_id: fields.text("miner_id")?,
        provider_id: fields.text("provider_id")?,
        provider_address: fields.text("provider_address")?,
        spark_version: fields.text("spark_version")?,
        byte_length: fields.number("byte_length")?,
        start_at: fields.time("start_at")?,
        first_byte_at: fields.time("first_byte_at")?,
        end_at: fields.time("end_at")?,
        car_checksum: fields.text("car_checksum")?,
        head_status_code: fields
            .0
            .get("head_status_code")
            .filter(|value| !value.is_null())
            .cloned(),
        protocol: protocol.map(|protocol| protocol.to_lowercase()),
        retrieval_result,
        indexer_result,
        timeout,
        car_too_large,
        status_code,
    })
}

/// `f410…` becomes the address that it stands for; `0x…` stays as it is written: Spark took two spellings of one address
/// for two participants.
fn participant(text: String) -> Result<String, Fault> {
    if !text.starts_with(['f', 't']) {
        return Ok(text);
    }
    match parse_operator(&text) {
        Ok(address) => Ok(address.to_string()),
        Err(error) => Err(("participant_address", error.to_string())),
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    fn get<T: DeserializeOwned>(&self, field: &'static str, kind: &str) -> Result<Option<T>, Fault> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match serde_json::from_value(value.clone()) {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err((field, format!("must be {kind} or null"))),
            },
        }
    }

    fn text(&self, field: &'static str) -> Result<Option<String>, Fault> {
        self.get(field, "a string")
    }

    fn number(&self, field: &'static str) -> Result<Option<i64>, Fault> {
        self.get(field, "a whole number")
    }

    fn flag(&self, field: &'static str) -> Result<bool, Fault> {
        Ok(self.get(field, "true, false")?.unwrap_or_default())
    }

    /// What is no time is none at all, as `new Date()` had it.
    fn time(&self, field: &'static str) -> Result<Option<i64>, Fault> {
        let text = self.text(field)?;
        Ok(text.and_then(|text| Some(text.parse::<crate::Millis>().ok()?.0)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn row() -> Value {
        json!({
            "id": "123", "spark_version": "1.20.0", "zinnia_version": "0.20.0",
            "participant_address": "f410ftgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43i",
            "station_id": "8".repeat(88), "finished_at": "2023-11-01T09:42:03.246Z", "timeout": false,
            "start_at": "2023-11-01T09:40:03.000Z", "status_code": 200, "head_status_code": 200,
            "first_byte_at": "2023-11-01T09:40:04.000Z", "end_at": "2023-11-01T09:40:05.000Z", "byte_length": 200,
            "attestation": null, "inet_group": "uFOO", "car_too_large": false, "car_checksum": "1220aa",
            "indexer_result": "OK", "miner_id": "f0123", "provider_id": "12D3", "cid": "bafkreiabc",
            "provider_address": "/dns/x/tcp/443/https", "protocol": "http",
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut row = row();
        row[field] = value;
        row
    }

    #[test]
    fn a_row_is_preprocessed_as_spark_did() {
        let batch = parse(row().to_string().as_bytes());
        let [
            SparkRow {
                number: 1,
                measurement,
            },
        ] = &batch.rows[..]
        else {
            panic!("{batch:?}")
        };
        assert_eq!(
            measurement.participant_address.as_deref(),
            Some("0x999999cf1046e68e36E1aA2E0E07105eDDD1f08E")
        );
        assert_eq!(measurement.retrieval_result, "OK");
        assert_eq!(measurement.finished_at, Some(1_698_831_723_246));
        assert_eq!(measurement.byte_length, Some(200));
        assert_eq!(measurement.check_validity(), Ok(()));
        let shouted = parse(with("protocol", json!("HTTP")).to_string().as_bytes());
        assert_eq!(shouted.rows[0].measurement.protocol.as_deref(), Some("http"));
        let failed = parse(with("status_code", json!(502)).to_string().as_bytes());
        assert_eq!(failed.rows[0].measurement.retrieval_result, "HTTP_502");
        // The result is of what was written, before capitals are made small.
        let mut both = with("protocol", json!("HTTP"));
        both["status_code"] = json!(502);
        assert_eq!(
            parse(both.to_string().as_bytes()).rows[0]
                .measurement
                .retrieval_result,
            "LASSIE_502"
        );
        let no_time = parse(with("finished_at", json!("yesterday")).to_string().as_bytes());
        assert_eq!(no_time.rows[0].measurement.finished_at, None);
    }

    #[test]
    fn vectors_of_spark_hold() {
        let file: Value =
            serde_json::from_str(include_str!("../../tests/fixtures/parse_measurements.json")).unwrap();
        for case in file["cases"].as_array().unwrap() {
            let batch = parse(case["text"].as_str().unwrap().as_bytes());
            assert_eq!(
                batch.rows.len(),
                case["expected"].as_array().unwrap().len(),
                "{case}"
            );
            assert_eq!(batch.rejected, []);
        }
    }

    #[test]
    fn the_legacy_form_is_one_line_with_a_list() {
        let list = json!([row(), 7, row()]).to_string();
        for text in [list.clone(), format!("\n{list}\n\n")] {
            let batch = parse(text.as_bytes());
            assert_eq!(
                batch.rows.iter().map(|row| row.number).collect::<Vec<_>>(),
                [1, 3]
            );
            assert_eq!((batch.rejected[0].number, batch.rejected[0].field), (2, "line"));
        }
        // Two lists are no legacy file, and half a list is none.
        for text in [format!("{list}\n{list}"), list[..list.len() - 1].to_owned()] {
            let batch = parse(text.as_bytes());
            assert!(batch.rows.is_empty() && !batch.rejected.is_empty(), "{batch:?}");
        }
    }

    #[test]
    fn bad_rows_are_skipped_and_counted_with_line_field_and_reason() {
        let good = row().to_string();
        let mut text = format!("{good}\n\nnot json\n[1]\n").into_bytes();
        text.extend([0xff, b'\n']);
        for (field, value) in [
            ("status_code", json!("200")),
            ("byte_length", json!(1.5)),
            ("timeout", json!("no")),
            ("cid", json!(7)),
            (
                "participant_address",
                json!("f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za"),
            ),
        ] {
            text.extend(with(field, value).to_string().bytes().chain([b'\n']));
        }
        text.extend(vec![b'x'; MAX_LINE + 1]);
        text.extend(format!("\n{good}").bytes());
        let batch = parse(&text);
        assert_eq!(
            batch.rows.iter().map(|row| row.number).collect::<Vec<_>>(),
            [1, 12]
        );
        let told: Vec<_> = batch.rejected.iter().map(|row| (row.number, row.field)).collect();
        assert_eq!(
            told,
            [
                (3, "line"),
                (4, "line"),
                (5, "line"),
                (6, "status_code"),
                (7, "byte_length"),
                (8, "timeout"),
                (9, "cid"),
                (10, "participant_address"),
                (11, "line")
            ]
        );
        assert!(batch.rejected[8].reason.contains("65536 are the most"));
    }

    proptest! {
        #[test]
        fn no_file_makes_the_reader_panic(bytes: Vec<u8>, head in prop_oneof![Just("["), Just("{"), Just("")]) {
            let _ = parse(&[head.as_bytes(), &bytes].concat());
        }
    }
}
