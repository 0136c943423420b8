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
use datafusion::functions_aggregate::expr_fn::sum;
use datafusion::prelude::{SessionContext, col, lit};

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

        let [_, sums @ ..] = &RATES.numbers;
        for Sums { id, day, sums, .. } in self.ask(&context, RATES.name, [], [], *sums).await? {
            let [
                total,
                successful,
                successful_http,
                committee_too_small,
                majority_result,
                minority_result,
                majority_not_found,
            ] = sums;
            found.entry((id, day)).or_default().counts = SuccessCounts {
                total,
                successful,
                successful_http,
                verdicts: VerdictCounts {
                    committee_too_small,
                    majority_result,
                    minority_result,
                    majority_not_found,
                },
            };
        }
        let results = self.ask(&context, RESULTS.name, ["code"], [], ["count"]);
        for Sums {
            id,
            day,
            texts: [code],
            sums: [count],
            ..
        } in results.await?
        {
            found.entry((id, day)).or_default().results.insert(code, count);
        }
        let ttfb = self.ask(&context, TTFB.name, ["protocol"], ["millis"], ["count"]);
        for Sums {
            id,
            day,
            texts: [protocol],
            numbers: [millis],
            sums: [count],
        } in ttfb.await?
        {
            let figures = found.entry((id, day)).or_default();
            match protocol.as_str() {
                "http" => figures.ttfb_http.add(millis, count),
                _ => figures.ttfb_graphsync.add(millis, count),
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

    /// Adds columns of a table up: for each id, each day if days are apart, and each value of the other columns.
    async fn ask<const T: usize, const N: usize, const S: usize>(
        &self,
        context: &SessionContext,
        table: &str,
        texts: [&str; T],
        numbers: [&str; N],
        sums: [&str; S],
    ) -> Result<Vec<Sums<T, N, S>>, StatsError> {
        let mut groups = vec!["id"];
        groups.extend(self.per_day.then_some("day"));
        groups.extend(texts);
        groups.extend(numbers);
        let frame = context
            .table(table)
            .await?
            .filter(col("party").eq(lit(self.by.as_str())))?
            .aggregate(
                groups.into_iter().map(col).collect(),
                sums.map(|column| sum(col(column))).to_vec(),
            )?;
        let mut rows = Vec::new();
        for batch in frame.collect().await? {
            let before = if self.per_day { 2 } else { 1 };
            let id = text(&batch, 0)?;
            let day = if self.per_day {
                Some(text(&batch, 1)?)
            } else {
                None
            };
            let texts = (before..before + T).map(|column| text(&batch, column));
            let texts = texts.collect::<Result<Vec<_>, _>>()?;
            let numbers = (before + T..before + T + N + S).map(|column| number(&batch, column));
            let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
            rows.extend((0..batch.num_rows()).map(|row| Sums {
                id: id.value(row).to_owned(),
                day: day.as_ref().and_then(|day| day.value(row).parse().ok()),
                texts: std::array::from_fn(|column| texts[column].value(row).to_owned()),
                numbers: std::array::from_fn(|column| numbers[column].value(row)),
                sums: std::array::from_fn(|column| numbers[N + column].value(row)),
            }));
        }
        Ok(rows)
    }
}

/// Columns that were added up.
struct Sums<const T: usize, const N: usize, const S: usize> {
    id: String,
    /// None for all days together.
    day: Option<Day>,
    texts: [String; T],
    numbers: [u64; N],
    sums: [u64; S],
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
