//! The measurements of a round as one flat table, for analysis: NDJSON, CSV, Parquet.

use std::borrow::Cow;

use assize_evaluate::{Judged, Origin, Verdict};
use assize_measurement::Millis;
use serde_json::{Map, Value};

use crate::StatsError;
use crate::parquet_file::{self, Column, Values};

/// A value of the table.
#[derive(Debug, Clone, PartialEq)]
enum Cell<'a> {
    Text(Option<Cow<'a, str>>),
    Number(Option<u64>),
    Time(Option<Millis>),
    Flag(bool),
}

/// A column: its name, what it means, and its value.
struct Field {
    name: &'static str,
    cell: fn(&Judged) -> Cell<'_>,
}

/// The columns, in their order (docs/rates.md).
const FIELDS: [Field; 26] = {
    const fn field(name: &'static str, cell: fn(&Judged) -> Cell<'_>) -> Field {
        Field { name, cell }
    }
    [
        field("round", |row| number(row.measurement.round.0)),
        field("batch", |row| match row.origin {
            Origin::Batch(index) => number(index.into()),
            Origin::Own(_) => Cell::Number(None),
        }),
        field("line", |row| number(row.line.into())),
        field("station", |row| text(format!("{:#x}", row.measurement.station))),
        field("task", |row| number(row.measurement.task.0.into())),
        field("cid", |row| text(row.measurement.cid.as_str())),
        field("provider", |row| text(row.measurement.miner_id.as_str())),
        field("label", |row| text(row.label.as_str())),
        field("verdict", |row| {
            Cell::Text(row.verdict.map(Verdict::as_str).map(Cow::Borrowed))
        }),
        field("result", |row| {
            text(row.measurement.retrieval_result().to_string())
        }),
        field("indexer_result", |row| optional(&row.measurement.indexer_result)),
        field("provider_id", |row| optional(&row.measurement.provider_id)),
        field("provider_address", |row| {
            optional(&row.measurement.provider_address)
        }),
        field("protocol", |row| optional(&row.measurement.protocol)),
        field("status_code", |row| count(row.measurement.status_code)),
        field("head_status_code", |row| count(row.measurement.head_status_code)),
        field("timeout", |row| Cell::Flag(row.measurement.timeout)),
        field("car_too_large", |row| Cell::Flag(row.measurement.car_too_large)),
        field("start_at", |row| Cell::Time(row.measurement.start_at)),
        field("first_byte_at", |row| Cell::Time(row.measurement.first_byte_at)),
        field("end_at", |row| Cell::Time(row.measurement.end_at)),
        field("byte_length", |row| count(row.measurement.byte_length)),
        field("car_checksum", |row| optional(&row.measurement.car_checksum)),
        field("checker_version", |row| optional(&row.measurement.spark_version)),
        field("runtime_version", |row| optional(&row.measurement.zinnia_version)),
        field("attestation", |row| optional(&row.measurement.attestation)),
    ]
};

fn text<'a>(text: impl Into<Cow<'a, str>>) -> Cell<'a> {
    Cell::Text(Some(text.into()))
}

fn optional(text: &Option<String>) -> Cell<'_> {
    Cell::Text(text.as_deref().map(Cow::Borrowed))
}

fn number<'a>(number: u64) -> Cell<'a> {
    Cell::Number(Some(number))
}

/// Counts are never negative in a valid measurement.
fn count<'a>(count: Option<i64>) -> Cell<'a> {
    Cell::Number(count.map(i64::unsigned_abs))
}

/// One JSON object on each line, every column in each; what is unknown is null.
#[must_use]
pub fn measurements_to_ndjson(rows: &[Judged]) -> String {
    let mut lines = String::new();
    for row in rows {
        let fields = FIELDS.iter().map(|field| {
            let value = match (field.cell)(row) {
                Cell::Text(text) => text.map_or(Value::Null, |text| text.into_owned().into()),
                Cell::Number(number) => number.map_or(Value::Null, Value::from),
                Cell::Time(time) => time.map_or(Value::Null, |time| time.to_string().into()),
                Cell::Flag(flag) => flag.into(),
            };
            (field.name.to_owned(), value)
        });
        lines += &Value::Object(fields.collect::<Map<_, _>>()).to_string();
        lines.push('\n');
    }
    lines
}

/// CSV (RFC 4180) with a header; what is unknown is empty.
#[must_use]
pub fn measurements_to_csv(rows: &[Judged]) -> String {
    let mut lines = FIELDS.map(|field| field.name).join(",") + "\r\n";
    for row in rows {
        let fields = FIELDS.iter().map(|field| match (field.cell)(row) {
            Cell::Text(text) => quoted(text.unwrap_or_default()),
            Cell::Number(number) => number.map_or_else(String::new, |number| number.to_string()),
            Cell::Time(time) => time.map_or_else(String::new, |time| time.to_string()),
            Cell::Flag(flag) => flag.to_string(),
        });
        lines += &fields.collect::<Vec<_>>().join(",");
        lines += "\r\n";
    }
    lines
}

fn quoted(text: Cow<'_, str>) -> String {
    match text.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.into_owned(),
    }
}

/// A Parquet file, with times as timestamps.
///
/// # Errors
/// [`StatsError::Parquet`].
pub fn measurements_to_parquet(rows: &[Judged]) -> Result<Vec<u8>, StatsError> {
    let columns = FIELDS.iter().map(|field| {
        let cells = || rows.iter().map(field.cell);
        // All rows have the same kind of cell in a column.
        let values = match rows.first().map(field.cell) {
            Some(Cell::Number(_)) => Values::OptionalNumber(
                cells()
                    .map(|cell| match cell {
                        Cell::Number(number) => number,
                        _ => None,
                    })
                    .collect(),
            ),
            Some(Cell::Time(_)) => Values::OptionalTime(
                cells()
                    .map(|cell| match cell {
                        Cell::Time(time) => time.map(|Millis(millis)| millis),
                        _ => None,
                    })
                    .collect(),
            ),
            Some(Cell::Flag(_)) => Values::Flag(cells().map(|cell| cell == Cell::Flag(true)).collect()),
            Some(Cell::Text(_)) | None => Values::OptionalText(
                cells()
                    .map(|cell| match cell {
                        Cell::Text(text) => text.map(Cow::into_owned),
                        _ => None,
                    })
                    .collect(),
            ),
        };
        Column {
            name: field.name,
            values,
        }
    });
    Ok(parquet_file::write(&columns.collect::<Vec<_>>())?)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;
    use assize_evaluate::Label;
    use assize_measurement::Measurement;
    use assize_protocol::{RoundNumber, TaskIndex};

    use super::*;

    fn rows() -> Vec<Judged> {
        let measurement = Measurement {
            start_at: Some(Millis(1_764_550_000_000)),
            status_code: Some(200),
            attestation: Some("says \"yes\", twice".to_owned()),
            timeout: true,
            ..Measurement::new(
                RoundNumber(7),
                TaskIndex(3),
                Address::repeat_byte(0xab),
                "bafkqaaa",
                "f01",
            )
        };
        vec![
            Judged {
                origin: Origin::Batch(2),
                line: 9,
                measurement: measurement.clone(),
                label: Label::Ok,
                verdict: Some(Verdict::MajorityResult),
            },
            Judged {
                origin: Origin::Own(assize_protocol::StationIndex(4)),
                line: 1,
                measurement,
                label: Label::DupSubnet,
                verdict: None,
            },
        ]
    }

    #[test]
    fn every_format_has_every_column() {
        let (csv, ndjson) = (measurements_to_csv(&rows()), measurements_to_ndjson(&rows()));
        let lines: Vec<_> = csv.split("\r\n").collect();
        assert_eq!((lines.len(), lines[0].split(',').count()), (4, FIELDS.len()));
        assert!(lines[1].starts_with("7,2,9,0xabab") && lines[1].contains(",OK,MAJORITY_RESULT,"));
        assert!(lines[1].ends_with("\"says \"\"yes\"\", twice\""));
        assert!(lines[2].starts_with("7,,1,") && lines[2].contains(",DUP_SUBNET,,"));
        let first: Value = serde_json::from_str(ndjson.lines().next().unwrap()).unwrap();
        assert_eq!(first.as_object().unwrap().len(), FIELDS.len());
        assert_eq!(
            (&first["start_at"], &first["timeout"], &first["end_at"]),
            (&"2025-12-01T00:46:40.000Z".into(), &true.into(), &Value::Null)
        );
        assert!(measurements_to_parquet(&rows()).unwrap().starts_with(b"PAR1"));
        assert!(measurements_to_parquet(&[]).unwrap().starts_with(b"PAR1"));
    }
}
