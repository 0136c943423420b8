//! Results as CSV and as Parquet.

use crate::parquet_file::{self, Column, Values};
use crate::{Rsr, StatsError};

/// Columns of numbers, with their values.
type Number = (&'static str, fn(&Rsr) -> Option<u64>);
const NUMBERS: [Number; 13] = [
    ("total", |row| Some(row.figures.counts.total)),
    ("successful", |row| Some(row.figures.counts.successful)),
    ("successful_http", |row| Some(row.figures.counts.successful_http)),
    ("majority_result", |row| {
        Some(row.figures.counts.verdicts.majority_result)
    }),
    ("minority_result", |row| {
        Some(row.figures.counts.verdicts.minority_result)
    }),
    ("majority_not_found", |row| {
        Some(row.figures.counts.verdicts.majority_not_found)
    }),
    ("committee_too_small", |row| {
        Some(row.figures.counts.verdicts.committee_too_small)
    }),
    ("ttfb_http_p50_ms", |row| row.figures.ttfb_http.percentile(50)),
    ("ttfb_http_p90_ms", |row| row.figures.ttfb_http.percentile(90)),
    ("ttfb_http_p99_ms", |row| row.figures.ttfb_http.percentile(99)),
    ("ttfb_graphsync_p50_ms", |row| {
        row.figures.ttfb_graphsync.percentile(50)
    }),
    ("ttfb_graphsync_p90_ms", |row| {
        row.figures.ttfb_graphsync.percentile(90)
    }),
    ("ttfb_graphsync_p99_ms", |row| {
        row.figures.ttfb_graphsync.percentile(99)
    }),
];

/// Columns of rates, from 0 to 1.
type Rate = (&'static str, fn(&Rsr) -> Option<f64>);
const RATES: [Rate; 2] = [
    ("rsr", |row| row.figures.counts.rate()),
    ("rsr_http", |row| row.figures.counts.rate_http()),
];

/// As CSV (RFC 4180) with a header. No field needs quotes: all are ids, days and numbers.
#[must_use]
pub fn to_csv(rows: &[Rsr]) -> String {
    let names = RATES
        .iter()
        .map(|(name, _)| *name)
        .chain(NUMBERS.iter().map(|(name, _)| *name));
    let mut text = ["id", "day"]
        .into_iter()
        .chain(names)
        .collect::<Vec<_>>()
        .join(",")
        + "\r\n";
    for row in rows {
        let rates = RATES
            .iter()
            .map(|(_, rate)| rate(row).map_or(String::new(), |rate| format!("{rate:.6}")));
        let numbers = NUMBERS
            .iter()
            .map(|(_, number)| number(row).map_or(String::new(), |number| number.to_string()));
        let day = row.day.map_or(String::new(), |day| day.to_string());
        let fields = [row.id.clone(), day].into_iter().chain(rates).chain(numbers);
        text += &(fields.collect::<Vec<_>>().join(",") + "\r\n");
    }
    text
}

/// As Parquet, with the same columns.
///
/// # Errors
/// [`StatsError::Parquet`].
pub fn to_parquet(rows: &[Rsr]) -> Result<Vec<u8>, StatsError> {
    let mut columns = vec![
        Column {
            name: "id",
            values: Values::Text(rows.iter().map(|row| row.id.as_str()).collect()),
        },
        Column {
            name: "day",
            values: Values::OptionalText(
                rows.iter()
                    .map(|row| row.day.map(|day| day.to_string()))
                    .collect(),
            ),
        },
    ];
    columns.extend(RATES.iter().map(|(name, rate)| Column {
        name,
        values: Values::OptionalRate(rows.iter().map(rate).collect()),
    }));
    columns.extend(NUMBERS.iter().map(|(name, number)| Column {
        name,
        values: Values::OptionalNumber(rows.iter().map(number).collect()),
    }));
    Ok(parquet_file::write(&columns)?)
}
