//! What can go wrong.

use std::io;

use assize_protocol::FileCid;
use assize_store::StoreError;
use parquet::errors::ParquetError;
use thiserror::Error;

use crate::Day;

/// Figures that cannot be kept or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StatsError {
    /// A store fails, or has a partition no more.
    #[error("the figures of {day} ({cid}) cannot be read")]
    Store {
        /// The day.
        day: Day,
        /// The file.
        cid: FileCid,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// A store takes nothing.
    #[error("the figures cannot be stored")]
    Put(#[source] StoreError),
    /// A file of another form.
    #[error("the table `{table}` of {day} is not as this program writes it: {reason}")]
    Table {
        /// The table.
        table: &'static str,
        /// Of which day.
        day: Day,
        /// What differs.
        reason: String,
    },
    /// The Parquet library fails.
    #[error("the Parquet file cannot be written")]
    Parquet(#[from] ParquetError),
    /// A sum overflows.
    #[error("with {day}, a count exceeds 64 bits: its tables cannot be right")]
    TooMany {
        /// The day whose counts were too many.
        day: Day,
    },
    /// A file system fails.
    #[error("a file cannot be written or read")]
    Io(#[from] io::Error),
    /// There is nothing to answer from.
    #[error("there are no figures from {from} to {to}: {known}")]
    NoDays {
        /// First day asked for.
        from: Day,
        /// Last day asked for.
        to: Day,
        /// What there is.
        known: String,
    },
    /// No picture.
    #[cfg(feature = "plots")]
    #[error("the picture cannot be drawn: {0}")]
    Plot(String),
}
