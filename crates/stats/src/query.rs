//! Questions about days: the day's tables are read and added up.

use std::collections::BTreeMap;

use assize_evaluate::{Figures, SuccessCounts, VerdictCounts};
use assize_store::Source;

use crate::dataset::read_day;
use crate::table::Rows;
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
    /// One day is in memory at a time, and of it only what was asked for is kept.
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
        // f02 stands before f010.
        rows.sort_by(|a, b| (a.id.len(), &a.id, a.day).cmp(&(b.id.len(), &b.id, b.day)));
        Ok(rows)
    }
}

/// What was added up so far.
#[derive(Default)]
struct Sums {
    /// By id, and by day if days are apart.
    found: BTreeMap<(String, Option<Day>), Figures>,
    /// All times to first byte that were counted. As this fits into 64 bits, so does each histogram.
    times: u64,
}

impl Sums {
    /// Adds the rows of a day; `None` if a sum does not fit into 64 bits.
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

/// Counts and a row of [`RATES`](crate::table::RATES) together; `None` if a sum does not fit.
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
