//! Adds rounds to days, and reads days.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use assize_evaluate::FiguresByParty;
use assize_protocol::{FileCid, RoundNumber};
use assize_store::{Source, Store};

use crate::table::{RATES, RESULTS, Row, Rows, TTFB, Table};
use crate::{Catalog, Day, DayEntry, RoundEntry, StatsError};

/// An evaluated round.
#[derive(Clone, Debug)]
pub struct RoundFigures<'a> {
    /// Its number.
    pub round: RoundNumber,
    /// When it opened, Unix seconds. This determines its day.
    pub opened_at: u64,
    /// The sources of its figures.
    pub entry: RoundEntry,
    /// Its figures.
    pub figures: &'a FiguresByParty,
}

/// Days in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dataset {
    /// The index of all days.
    pub catalog: Catalog,
}

impl Dataset {
    /// Adds rounds; existing ones are replaced. Files that are no longer referenced remain in the store.
    ///
    /// # Errors
    /// [`StatsError`]; the catalog is unchanged for a day that failed.
    pub fn add(&mut self, store: &dyn Store, rounds: &[RoundFigures<'_>]) -> Result<(), StatsError> {
        let mut days = BTreeMap::<Day, Vec<&RoundFigures<'_>>>::new();
        for round in rounds {
            days.entry(Day::of_unix(round.opened_at)).or_default().push(round);
        }
        for (day, rounds) in days {
            let (mut rows, mut entries) = match self.catalog.days.get(&day) {
                Some(entry) => (read_day(store, day, entry)?, entry.rounds.clone()),
                None => (Rows::default(), BTreeMap::new()),
            };
            for round in rounds {
                rows.remove(round.round);
                rows.add(round.round, round.figures);
                entries.insert(round.round, round.entry.clone());
            }
            rows.sort();
            let entry = DayEntry {
                rates: put(store, &RATES, &rows.rates)?,
                results: put(store, &RESULTS, &rows.results)?,
                ttfb: put(store, &TTFB, &rows.ttfb)?,
                rounds: entries,
            };
            self.catalog.days.insert(day, entry);
        }
        Ok(())
    }

    /// Days from `from` to `to` (inclusive) that have figures.
    ///
    /// # Errors
    /// [`StatsError::NoDays`] without such days.
    pub fn days(&self, from: Day, to: Day) -> Result<Vec<(Day, &DayEntry)>, StatsError> {
        let days: Vec<_> = match from <= to {
            true => self
                .catalog
                .days
                .range(from..=to)
                .map(|(day, entry)| (*day, entry))
                .collect(),
            false => Vec::new(),
        };
        if !days.is_empty() {
            return Ok(days);
        }
        let known = match (
            self.catalog.days.keys().next(),
            self.catalog.days.keys().next_back(),
        ) {
            (Some(first), Some(last)) => format!("the available days are {first} to {last}"),
            _ => "no day is available; `assize settlement evaluate --rates` adds rounds".to_owned(),
        };
        Err(StatsError::NoDays { from, to, known })
    }

    /// Writes days as files that Parquet readers read as one table partitioned by day:
    /// `DIR/rates/day=2026-11-20/part.parquet`, and likewise `results` and `ttfb`.
    ///
    /// # Errors
    /// [`StatsError`].
    pub fn export(
        &self,
        source: &dyn Source,
        directory: &Path,
        from: Day,
        to: Day,
    ) -> Result<(), StatsError> {
        for (day, entry) in self.days(from, to)? {
            for (table, cid) in [
                (RATES.name, entry.rates),
                (RESULTS.name, entry.results),
                (TTFB.name, entry.ttfb),
            ] {
                let partition = directory.join(table).join(format!("day={day}"));
                fs::create_dir_all(&partition)?;
                fs::write(partition.join("part.parquet"), get(source, day, cid)?)?;
            }
        }
        Ok(())
    }
}

fn put<const T: usize, const N: usize>(
    store: &dyn Store,
    table: &Table<T, N>,
    rows: &[Row<T, N>],
) -> Result<FileCid, StatsError> {
    store.put(&table.to_parquet(rows)?).map_err(StatsError::Put)
}

fn get(source: &dyn Source, day: Day, cid: FileCid) -> Result<Vec<u8>, StatsError> {
    source
        .get(&cid)
        .map_err(|source| StatsError::Store { day, cid, source })
}

/// Reads the rows of a day.
pub(crate) fn read_day(source: &dyn Source, day: Day, entry: &DayEntry) -> Result<Rows, StatsError> {
    fn read<const T: usize, const N: usize>(
        source: &dyn Source,
        day: Day,
        cid: FileCid,
        table: &Table<T, N>,
    ) -> Result<Vec<Row<T, N>>, StatsError> {
        let file = get(source, day, cid)?;
        let name = table.name;
        table.from_parquet(file).map_err(|reason| StatsError::Table {
            table: name,
            day,
            reason,
        })
    }
    Ok(Rows {
        rates: read(source, day, entry.rates, &RATES)?,
        results: read(source, day, entry.results, &RESULTS)?,
        ttfb: read(source, day, entry.ttfb, &TTFB)?,
    })
}
