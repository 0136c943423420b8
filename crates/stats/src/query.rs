//! Questions about days, answered by DataFusion.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use assize_evaluate::{Figures, SuccessCounts, VerdictCounts};
use assize_store::Source;
use datafusion::arrow::array::{Array, RecordBatch, StringArray, UInt64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::ListingOptions;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use crate::table::{RATES, RESULTS, TTFB, Table};
use crate::{Dataset, Day, StatsError};

/// Whose rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// All measurements together.
    Network,
    /// Of each provider.
    Provider,
    /// Of each client; a measurement counts for every client of its task.
    Client,
    /// Of each allocator; a measurement counts for every allocator of its task.
    Allocator,
}

impl By {
    /// The tables' name for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Provider => "provider",
            Self::Client => "client",
            Self::Allocator => "allocator",
        }
    }
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Whose rates.
    pub by: By,
    /// First day.
    pub from: Day,
    /// Last day, included.
    pub to: Day,
    /// Each day apart, instead of all together.
    pub per_day: bool,
}

/// Rates of one party, over all days asked for or one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rsr {
    /// f0 id, or `all`.
    pub id: String,
    /// None for all days together.
    pub day: Option<Day>,
    /// Its figures.
    pub figures: Figures,
}

impl Query {
    /// Answers from the days in a store, by id, then by day.
    ///
    /// # Errors
    /// [`StatsError`].
    pub async fn run(&self, dataset: &Dataset, source: &dyn Source) -> Result<Vec<Rsr>, StatsError> {
        let directory = tempfile::tempdir()?;
        dataset.export(source, directory.path(), self.from, self.to)?;
        let context = SessionContext::new();
        register(&context, directory.path(), &RATES).await?;
        register(&context, directory.path(), &RESULTS).await?;
        register(&context, directory.path(), &TTFB).await?;
        let mut found = BTreeMap::<(String, Option<Day>), Figures>::new();

        let sums = RATES.numbers[1..]
            .iter()
            .map(|name| format!("sum({name}) AS {name}"));
        let sums = sums.collect::<Vec<_>>().join(", ");
        let rates = self.ask(&context, RATES.name, &sums, &[], RATES.numbers.len() - 1);
        for ([id, day], [], numbers) in rates.await? {
            let [
                total,
                successful,
                successful_http,
                too_small,
                majority,
                minority,
                not_found,
            ] = numbers[..]
            else {
                continue;
            };
            found.entry(self.key(id, day)).or_default().counts = SuccessCounts {
                total,
                successful,
                successful_http,
                verdicts: VerdictCounts {
                    committee_too_small: too_small,
                    majority_result: majority,
                    minority_result: minority,
                    majority_not_found: not_found,
                },
            };
        }
        for ([id, day], [code], numbers) in self
            .ask(&context, RESULTS.name, "sum(count)", &["code"], 1)
            .await?
        {
            let results = &mut found.entry(self.key(id, day)).or_default().results;
            results.insert(code, numbers[0]);
        }
        let ttfb = self.ask(&context, TTFB.name, "millis, sum(count)", &["protocol"], 2);
        for ([id, day], [protocol], numbers) in ttfb.await? {
            let figures = found.entry(self.key(id, day)).or_default();
            match protocol.as_str() {
                "http" => figures.ttfb_http.add(numbers[0], numbers[1]),
                _ => figures.ttfb_graphsync.add(numbers[0], numbers[1]),
            }
        }
        let rows = found
            .into_iter()
            .map(|((id, day), figures)| Rsr { id, day, figures });
        let mut rows: Vec<_> = rows.collect();
        // f02 stands before f010.
        rows.sort_by(|a, b| (a.id.len(), &a.id, a.day).cmp(&(b.id.len(), &b.id, b.day)));
        Ok(rows)
    }

    fn key(&self, id: String, day: String) -> (String, Option<Day>) {
        (id, day.parse().ok().filter(|_| self.per_day))
    }

    /// Sums by id, by day if they are apart, and by the texts; returns these and the numbers.
    async fn ask<const T: usize>(
        &self,
        context: &SessionContext,
        table: &str,
        sums: &str,
        texts: &[&str; T],
        numbers: usize,
    ) -> Result<Vec<([String; 2], [String; T], Vec<u64>)>, StatsError> {
        let day = if self.per_day { "day" } else { "'all'" };
        let mut groups = vec!["id".to_owned()];
        groups.extend(self.per_day.then(|| "day".to_owned()));
        groups.extend(texts.iter().map(|text| (*text).to_owned()));
        groups.extend(sums.starts_with("millis").then(|| "millis".to_owned()));
        let texts: String = texts.iter().map(|text| format!("{text}, ")).collect();
        let sql = format!(
            "SELECT id, {day}, {texts}{sums} FROM {table} WHERE party = '{}' GROUP BY {}",
            self.by.as_str(),
            groups.join(", ")
        );
        let mut rows = Vec::new();
        for batch in context.sql(&sql).await?.collect().await? {
            let text = |column: usize| text(&batch, column);
            let (id, day) = (text(0)?, text(1)?);
            let texts = (2..2 + T).map(text).collect::<Result<Vec<_>, _>>()?;
            let sums = (2 + T..2 + T + numbers)
                .map(|column| number(&batch, column))
                .collect::<Result<Vec<_>, _>>()?;
            for row in 0..batch.num_rows() {
                let key = [&id, &day].map(|column| column.value(row).to_owned());
                let own = std::array::from_fn(|column| texts[column].value(row).to_owned());
                rows.push((key, own, sums.iter().map(|column| column.value(row)).collect()));
            }
        }
        Ok(rows)
    }
}

async fn register<const T: usize, const N: usize>(
    context: &SessionContext,
    directory: &Path,
    table: &Table<T, N>,
) -> Result<(), DataFusionError> {
    let options = ListingOptions::new(Arc::new(ParquetFormat::default()))
        .with_table_partition_cols(vec![("day".to_owned(), DataType::Utf8)]);
    let path = format!("{}/", directory.join(table.name).display());
    context
        .register_listing_table(table.name, path, options, Some(table.schema()), None)
        .await
}

fn text(batch: &RecordBatch, column: usize) -> Result<StringArray, DataFusionError> {
    let column = cast(batch.column(column), &DataType::Utf8)?;
    Ok(column
        .as_any()
        .downcast_ref::<StringArray>()
        .cloned()
        .unwrap_or_else(|| StringArray::new_null(column.len())))
}

fn number(batch: &RecordBatch, column: usize) -> Result<UInt64Array, DataFusionError> {
    let column = cast(batch.column(column), &DataType::UInt64)?;
    Ok(column
        .as_any()
        .downcast_ref::<UInt64Array>()
        .cloned()
        .unwrap_or_else(|| UInt64Array::new_null(column.len())))
}
