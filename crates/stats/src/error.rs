//! Errors.

use std::io;
use std::path::PathBuf;

use assize_protocol::FileCid;
use assize_store::StoreError;
use parquet::errors::ParquetError;
use thiserror::Error;

use crate::Day;

/// Why figures could not be stored or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StatsError {
    /// The store failed, or a file is missing from it.
    #[error("failed to read the figures of {day} ({cid})")]
    Store {
        /// The day.
        day: Day,
        /// The file.
        cid: FileCid,
        /// The reason.
        #[source]
        source: StoreError,
    },
    /// The store rejected a file.
    #[error("failed to store the figures")]
    Put(#[source] StoreError),
    /// A file has an unexpected format.
    #[error("the table `{table}` of {day} has an unexpected format: {reason}")]
    Table {
        /// The table.
        table: &'static str,
        /// Its day.
        day: Day,
        /// The difference.
        reason: String,
    },
    /// The catalog file cannot be read or written.
    #[error("cannot {action} --rates {}: {source}", path.display())]
    CatalogFile {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The catalog is malformed.
    #[error("--rates {}: {reason}", path.display())]
    Catalog {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The Parquet library failed.
    #[error("failed to write the Parquet file")]
    Parquet(#[from] ParquetError),
    /// A sum overflowed.
    #[error("with {day}, a count exceeds 64 bits: its tables must be wrong")]
    TooMany {
        /// The day that caused the overflow.
        day: Day,
    },
    /// A file operation failed.
    #[error("failed to read or write a file")]
    Io(#[from] io::Error),
    /// No figures are available for these days.
    #[error("no figures are available from {from} to {to}: {known}")]
    NoDays {
        /// First requested day.
        from: Day,
        /// Last requested day.
        to: Day,
        /// The available days.
        known: String,
    },
    /// The plot could not be drawn.
    #[cfg(feature = "plots")]
    #[error("failed to draw the plot: {0}")]
    Plot(String),
}
