//! What can go wrong with a store.

use std::io;
use std::path::PathBuf;

use assize_measurement::car::CarError;
use assize_protocol::FileCid;
use thiserror::Error;

/// Why a file cannot be stored or had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No such file.
    #[error("{cid} is not in the store {}; get {cid}.car from the publisher or another store and put it there", directory.display())]
    NotFound {
        /// The file wanted.
        cid: FileCid,
        /// The store.
        directory: PathBuf,
    },
    /// A file whose bytes are not what its CID says.
    #[error("{} is damaged: {source}; delete it and get {cid}.car again from the publisher or another store", path.display())]
    Corrupt {
        /// The file wanted.
        cid: FileCid,
        /// Where it lies.
        path: PathBuf,
        /// Which block, and how.
        source: Box<CarError>,
    },
    /// The disk or its permissions.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
}
