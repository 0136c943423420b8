//! The three tables of a day, and their Parquet encoding.
//!
//! | table | columns |
//! |---|---|
//! | `rates` | `round`, `party`, `id`, `total`, `successful`, `successful_http`, and verdicts: `committee_too_small`, `majority_result`, `minority_result`, `majority_not_found` |
//! | `results` | `round`, `party`, `id`, `code`, `count` |
//! | `ttfb` | `round`, `party`, `id`, `protocol`, `millis`, `count`: a histogram of times to first byte, each bucket under its lower bound |
//!
//! `party` is `network`, `provider`, `client` or `allocator`; `id` is its f0 id, or `all` for the network. Numbers are
//! unsigned 64-bit integers. A measurement is counted for each client and allocator of its task, so only add up rows of
//! the same party.

use assize_evaluate::{Figures, FiguresByParty, Party};
use assize_protocol::RoundNumber;
use parquet::errors::ParquetError;

use crate::parquet_file::{self, Column, Reader, Values};

/// A table with `T` columns of text and `N` of numbers.
#[derive(Clone, Copy, Debug)]
pub struct Table<const T: usize, const N: usize> {
    /// Its name.
    pub name: &'static str,
    /// Columns of text.
    pub texts: [&'static str; T],
    /// Columns of numbers.
    pub numbers: [&'static str; N],
}

/// Votes, successes, verdicts.
pub const RATES: Table<2, 8> = Table {
    name: "rates",
    texts: ["party", "id"],
    numbers: [
        "round",
        "total",
        "successful",
        "successful_http",
        "committee_too_small",
        "majority_result",
        "minority_result",
        "majority_not_found",
    ],
};

/// Votes by result code.
pub const RESULTS: Table<3, 2> = Table {
    name: "results",
    texts: ["party", "id", "code"],
    numbers: ["round", "count"],
};

/// Times to first byte, milliseconds.
pub const TTFB: Table<3, 3> = Table {
    name: "ttfb",
    texts: ["party", "id", "protocol"],
    numbers: ["round", "millis", "count"],
};

/// A row: its numbers, starting with the round, and its texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row<const T: usize, const N: usize> {
    /// In the order of the columns.
    pub numbers: [u64; N],
    /// In the order of the columns.
    pub texts: [String; T],
}

impl<const T: usize, const N: usize> Table<T, N> {
    /// Encodes the rows as a Parquet file, texts first. Equal rows give equal bytes.
    ///
    /// # Errors
    /// [`ParquetError`], if the library fails.
    pub fn to_parquet(&self, rows: &[Row<T, N>]) -> Result<Vec<u8>, ParquetError> {
        let texts = self.texts.iter().enumerate().map(|(column, name)| Column {
            name,
            values: Values::Text(rows.iter().map(|row| row.texts[column].as_str()).collect()),
        });
        let numbers = self.numbers.iter().enumerate().map(|(column, name)| Column {
            name,
            values: Values::Number(rows.iter().map(|row| row.numbers[column]).collect()),
        });
        parquet_file::write(&texts.chain(numbers).collect::<Vec<_>>())
    }

    /// Decodes the rows of a Parquet file.
    ///
    /// # Errors
    /// How it differs from this table.
    pub fn from_parquet(&self, file: Vec<u8>) -> Result<Vec<Row<T, N>>, String> {
        let file = Reader::open(file)?;
        let texts = self.texts.iter().map(|name| file.texts(name));
        let mut texts: Vec<_> = texts.collect::<Result<_, _>>()?;
        // Results are printed in tables and CSV without quotes. A code is free text, and is quoted where it is printed.
        for (name, column) in self.texts.iter().zip(&texts) {
            let is_word = |text: &&String| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if let Some(bad) = column.iter().find(|text| *name != "code" && !is_word(text)) {
                return Err(format!(
                    "column `{name}` has {bad:?}, which is neither a word nor an id"
                ));
            }
        }
        let numbers = self.numbers.iter().map(|name| file.numbers(name));
        let numbers: Vec<_> = numbers.collect::<Result<_, _>>()?;
        // Every column has all of the file's rows.
        let rows = numbers.first().map_or(0, Vec::len);
        Ok((0..rows)
            .map(|row| Row {
                texts: std::array::from_fn(|column| std::mem::take(&mut texts[column][row])),
                numbers: std::array::from_fn(|column| numbers[column][row]),
            })
            .collect())
    }
}

/// The rows of one or many rounds in all three tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Of [`RATES`].
    pub rates: Vec<Row<2, 8>>,
    /// Of [`RESULTS`].
    pub results: Vec<Row<3, 2>>,
    /// Of [`TTFB`].
    pub ttfb: Vec<Row<3, 3>>,
}

impl Rows {
    /// Removes a round.
    pub fn remove(&mut self, RoundNumber(round): RoundNumber) {
        self.rates.retain(|row| row.numbers[0] != round);
        self.results.retain(|row| row.numbers[0] != round);
        self.ttfb.retain(|row| row.numbers[0] != round);
    }

    /// Adds a round.
    pub fn add(&mut self, RoundNumber(round): RoundNumber, figures: &FiguresByParty) {
        for (party, figures) in figures {
            let Figures {
                counts,
                results,
                ttfb_http,
                ttfb_graphsync,
            } = figures;
            let (party, id) = name(*party);
            let key = || [party.to_owned(), id.clone()];
            self.rates.push(Row {
                texts: key(),
                numbers: [
                    round,
                    counts.total,
                    counts.successful,
                    counts.successful_http,
                    counts.verdicts.committee_too_small,
                    counts.verdicts.majority_result,
                    counts.verdicts.minority_result,
                    counts.verdicts.majority_not_found,
                ],
            });
            let with = |last: &str| [party.to_owned(), id.clone(), last.to_owned()];
            self.results.extend(results.iter().map(|(code, count)| Row {
                texts: with(code),
                numbers: [round, *count],
            }));
            for (protocol, ttfb) in [("http", ttfb_http), ("graphsync", ttfb_graphsync)] {
                self.ttfb.extend(ttfb.buckets().map(|(millis, count)| Row {
                    texts: with(protocol),
                    numbers: [round, millis, count],
                }));
            }
        }
    }

    /// Sorts the rows in their unique order: by round, then by content.
    pub fn sort(&mut self) {
        self.rates.sort_unstable();
        self.results.sort_unstable();
        self.ttfb.sort_unstable();
    }
}

/// The tables' name of a party.
fn name(party: Party) -> (&'static str, String) {
    match party {
        Party::Network => ("network", "all".to_owned()),
        Party::Provider(id) => ("provider", id.to_string()),
        Party::Client(id) => ("client", id.to_string()),
        Party::Allocator(id) => ("allocator", id.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parquet_round_trips(rows in proptest::collection::vec((any::<[u64; 2]>(), ("[a-z]{0,9}", "[a-zA-Z0-9]{0,9}", any::<String>())), 0..40)) {
            let rows: Vec<_> = rows.into_iter().map(|(numbers, (party, id, code))| Row { numbers, texts: [party, id, code] }).collect();
            let file = RESULTS.to_parquet(&rows).unwrap();
            prop_assert_eq!(&file, &RESULTS.to_parquet(&rows).unwrap());
            prop_assert_eq!(RESULTS.from_parquet(file), Ok(rows));
        }

        #[test]
        fn no_file_makes_the_reader_panic(file: Vec<u8>) {
            prop_assert!(RATES.from_parquet(file).is_err());
        }
    }

    #[test]
    fn another_table_is_rejected_by_column() {
        let row = Row {
            numbers: [1, 2],
            texts: ["a", "b", "c"].map(str::to_owned),
        };
        for rows in [&[][..], &[row]] {
            let error = RATES.from_parquet(RESULTS.to_parquet(rows).unwrap()).unwrap_err();
            assert_eq!(error, "column `total` does not exist");
        }
    }
}
