//! Retrieval success rates (RSR) over time.
//!
//! ```text
//! evaluated rounds ───add_rounds────▶ Parquet tables by day, in the store ──Query──▶ Rsr ──▶ table, JSON, CSV, Parquet, SVG
//!                                    catalog: day → CIDs                 └──DailyDocument──▶ DAG-JSON
//! ```
//!
//! A round belongs to the day in UTC on which it opened, whenever it was evaluated. Each day has three tables
//! ([`table`]) as plain Parquet files, which DuckDB and other tools can read (docs/rates.md). Adding a round again
//! replaces it.

mod catalog;
mod dag_json;
mod daily;
mod dataset;
mod day;
mod error;
mod measurements;
mod parquet_file;
#[cfg(feature = "plots")]
mod plot;
mod query;
mod rates;
mod report;
pub mod table;

pub use catalog::{Catalog, DayEntry, RoundEntry};
pub use dag_json::{DagJson, dag_json_cid};
pub use daily::DailyDocument;
pub use dataset::{Dataset, RoundFigures};
pub use day::Day;
pub use error::StatsError;
pub use measurements::{measurements_to_csv, measurements_to_ndjson, measurements_to_parquet};
#[cfg(feature = "plots")]
pub use plot::{Line, draw_lines, draw_rsr};
pub use query::{By, Query, Rsr};
pub use rates::add_rounds;
pub use report::{to_csv, to_parquet};
