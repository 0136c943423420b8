//! Queries: reads the tables of the requested days and adds them up.

use std::collections::BTreeMap;

use assize_evaluate::{Figures, SuccessCounts, VerdictCounts};
use assize_store::Source;

use crate::dataset::read_day;
use crate::table::Rows;
use crate::{Dataset, Day, StatsError};

/// The grouping of rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// All measurements together.
    Network,
    /// By provider.
    Provider,
    /// By client. A measurement counts for every client of its task.
    Client,
    /// By allocator. A measurement counts for every allocator of its task.
    Allocator,
}

impl By {
    /// Its name in the tables.
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

/// A query.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// The grouping.
    pub by: By,
    /// First day.
    pub from: Day,
    /// Last day, inclusive.
    pub to: Day,
    /// Rates per day instead of over all days.
    pub per_day: bool,
}

/// The rates of one party, over all requested days or on one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rsr {
    /// f0 id, or `all`.
    pub id: String,
    /// `None` for all days together.
    pub day: Option<Day>,
    /// Its figures.
    pub figures: Figures,
}

impl Query {
    /// Runs the query on the days in a store. Results are sorted by id, then by day.
    ///
    /// One day at a time is in memory, and only the requested part of it is kept.
    ///
    /// # Errors
    /// [`StatsError`].
    pub fn run(&self, dataset: &Dataset, source: &dyn Source) -> Result<Vec<Rsr>, StatsError> {
        let mut sums = Sums::default();
        for (day, entry) in dataset.days(self.from, self.to)? {
            let rows = read_day(source, day, entry)?;
            sums.add(self, day, rows).ok_or(StatsError::TooMany { day })?;
        }
        let rows = sums
            .found
            .into_iter()
            .map(|((id, day), figures)| Rsr { id, day, figures });
        let mut rows: Vec<_> = rows.collect();
        // f02 sorts before f010.
        rows.sort_by(|a, b| (a.id.len(), &a.id, a.day).cmp(&(b.id.len(), &b.id, b.day)));
        Ok(rows)
    }
}

/// The sums so far.
#[derive(Default)]
struct Sums {
    /// By id, and by day if the query is per day.
    found: BTreeMap<(String, Option<Day>), Figures>,
    /// Number of all times to first byte. If this fits into 64 bits, so does each histogram.
    times: u64,
}

impl Sums {
    /// Adds the rows of a day; `None` if a sum overflows 64 bits.
    fn add(&mut self, query: &Query, day: Day, Rows { rates, results, ttfb }: Rows) -> Option<()> {
        let Self { found, times } = self;
        let day = query.per_day.then_some(day);
        let asked_for = |party: &str| party == query.by.as_str();
        for row in rates {
            let [party, id] = row.texts;
            if asked_for(&party) {
                let counts = &mut found.entry((id, day)).or_default().counts;
                let [_, sums @ ..] = row.numbers;
                *counts = add_counts(counts, sums)?;
            }
        }
        for row in results {
            let ([party, id, code], [_, count]) = (row.texts, row.numbers);
            if asked_for(&party) {
                let figures = found.entry((id, day)).or_default();
                let sum = figures.results.entry(code).or_default();
                *sum = sum.checked_add(count)?;
            }
        }
        for row in ttfb {
            let ([party, id, protocol], [_, millis, count]) = (row.texts, row.numbers);
            if asked_for(&party) {
                let figures = found.entry((id, day)).or_default();
                let histogram = match protocol.as_str() {
                    "http" => &mut figures.ttfb_http,
                    _ => &mut figures.ttfb_graphsync,
                };
                *times = times.checked_add(count)?;
                histogram.add(millis, count);
            }
        }
        Some(())
    }
}

/// Adds a row of [`RATES`](crate::table::RATES) to counts; `None` if a sum overflows.
fn add_counts(counts: &SuccessCounts, row: [u64; 7]) -> Option<SuccessCounts> {
    let [
        total,
        successful,
        successful_http,
        committee_too_small,
        majority_result,
        minority_result,
        majority_not_found,
    ] = row;
    let verdicts = &counts.verdicts;
    Some(SuccessCounts {
        total: counts.total.checked_add(total)?,
        successful: counts.successful.checked_add(successful)?,
        successful_http: counts.successful_http.checked_add(successful_http)?,
        verdicts: VerdictCounts {
            committee_too_small: verdicts.committee_too_small.checked_add(committee_too_small)?,
            majority_result: verdicts.majority_result.checked_add(majority_result)?,
            minority_result: verdicts.minority_result.checked_add(minority_result)?,
            majority_not_found: verdicts.majority_not_found.checked_add(majority_not_found)?,
        },
    })
}
