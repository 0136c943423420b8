//! What can go wrong with a store.

use std::io;
use std::path::PathBuf;

use assize_measurement::car::{CarError, ReadError};
use assize_protocol::FileCid;
use thiserror::Error;

/// Why a file cannot be stored or had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No such file.
    #[error("{cid} is not in {place}; get {cid}.car from the publisher or another store and put it there")]
    NotFound {
        /// The file wanted.
        cid: FileCid,
        /// Where it was looked for, such as "the store /var/lib/assize".
        place: String,
    },
    /// Gateways that are none.
    #[error("`{url}` is not the address of a gateway: give one such as https://trustless-gateway.link")]
    GatewayUrl {
        /// The address, without password and query.
        url: String,
    },
    /// A bucket that cannot be used.
    #[cfg(feature = "s3")]
    #[error(
        "{place}: {reason}; are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL right, and is there such a bucket?"
    )]
    Bucket {
        /// Bucket and prefix.
        place: String,
        /// What it said.
        reason: String,
    },
    /// A Kubo node that cannot be used.
    #[cfg(feature = "kubo")]
    #[error("the Kubo node {node}: {reason}")]
    Node {
        /// Its address.
        node: String,
        /// What it said.
        reason: String,
    },
    /// No gateway gave the file.
    #[error("no gateway gave {cid}: {}", list(.failures))]
    Gateways {
        /// The file wanted.
        cid: FileCid,
        /// What each of them did, in the order in which they were asked.
        failures: Vec<GatewayFailure>,
    },
    /// No source has the file.
    #[error("{cid} is nowhere to be had: {}", list(.failures))]
    Nowhere {
        /// The file wanted.
        cid: FileCid,
        /// What each of them said.
        failures: Vec<StoreError>,
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

impl StoreError {
    /// A temporary file that was good a moment ago.
    pub(crate) fn of_spool(error: ReadError) -> Self {
        Self::spool(error.into())
    }

    /// A temporary file that cannot be written or read.
    pub(crate) fn spool(source: io::Error) -> Self {
        Self::Io {
            action: "keep a temporary file in",
            path: std::env::temp_dir(),
            source,
        }
    }

    /// The error of a [`Content`](crate::Content) that could not be read to its end.
    #[must_use]
    pub fn of_reading(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(|source| Self::Io {
            action: "read",
            path: PathBuf::from("a stored file"),
            source,
        })
    }
}

fn list<T: ToString>(failures: &[T]) -> String {
    failures.iter().map(T::to_string).collect::<Vec<_>>().join("; ")
}

/// A gateway that did not give a file.
#[derive(Debug, Error)]
#[error("{gateway}: {fault}")]
pub struct GatewayFailure {
    /// Its address, without password and query.
    pub gateway: String,
    /// What it did.
    pub fault: GatewayFault,
}

/// What a gateway did instead of giving the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GatewayFault {
    /// It could not be reached, was too slow, or said more than the largest file has.
    #[error("{0}")]
    Transport(String),
    /// It answered with another status than 200.
    #[error("it answered with HTTP status {0}")]
    Status(u16),
    /// Not its fault: what it gave could not be kept here.
    #[error("the temporary file for its answer failed: {0}")]
    Disk(io::Error),
    /// What it gave is not the file.
    #[error("it gave something else: {0}")]
    Answer(Box<CarError>),
}
