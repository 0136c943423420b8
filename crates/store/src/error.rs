//! Errors of stores.

use std::io;
use std::path::PathBuf;

use assize_measurement::car::{CarError, ReadError};
use assize_protocol::FileCid;
use thiserror::Error;

use crate::TimeOfDay;

/// Where files that are missing can be read.
const WHO_SERVES: &str = "name who serves it with --gateway URL: publisher or gateway for lists and batches, an evaluator for settlement documents";

/// Why a file cannot be stored or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file does not exist.
    #[error("{cid} is not in {place}; copy {cid}.car there, or {WHO_SERVES}")]
    NotFound {
        /// The requested file.
        cid: FileCid,
        /// Where it was searched, such as "the store /var/lib/assize".
        place: String,
    },
    /// A directory to read from that does not exist.
    #[error("{} is not a store; give with --store the directory to which a coordinator, publisher or evaluator writes, or {WHO_SERVES}", path.display())]
    NoStore {
        /// The directory.
        path: PathBuf,
    },
    /// An invalid gateway address.
    #[error("`{url}` is not a valid gateway address: use one such as https://trustless-gateway.link")]
    GatewayUrl {
        /// The address, without password and query.
        url: String,
    },
    /// An S3 bucket that failed.
    #[cfg(feature = "s3")]
    #[error(
        "{place}: {reason}; check that the bucket exists and that AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL are right"
    )]
    Bucket {
        /// Bucket and prefix.
        place: String,
        /// The cause.
        reason: String,
    },
    /// A Kubo node that failed.
    #[cfg(feature = "kubo")]
    #[error("the Kubo node {node}: {reason}")]
    Node {
        /// Its address.
        node: String,
        /// The cause.
        reason: String,
    },
    /// Every gateway failed.
    #[error("no gateway returned {cid}: {}; {WHO_SERVES}", list(.failures))]
    Gateways {
        /// The requested file.
        cid: FileCid,
        /// The failure of each gateway, in the order of the requests.
        failures: Vec<GatewayFailure>,
    },
    /// No source has the file.
    #[error("{cid} is unavailable from all sources: {}; {WHO_SERVES}", brief(.failures))]
    Nowhere {
        /// The requested file.
        cid: FileCid,
        /// The failure of each source.
        failures: Vec<StoreError>,
    },
    /// A file whose bytes do not match its CID.
    #[error("{} is damaged: {source}; delete it and copy {cid}.car again from the publisher or another store", path.display())]
    Corrupt {
        /// The requested file.
        cid: FileCid,
        /// Its path.
        path: PathBuf,
        /// The damaged block and its fault.
        source: Box<CarError>,
    },
    /// A file that is too long to be read whole.
    #[error("{cid} has more than {most} bytes, which is more than a file of its kind has")]
    TooLong {
        /// The requested file.
        cid: FileCid,
        /// Bytes that it may have.
        most: u64,
    },
    /// A file system error.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The failed operation.
        action: &'static str,
        /// Its path.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

impl StoreError {
    /// Damage in a temporary file that was valid before.
    pub(crate) fn of_spool(error: ReadError) -> Self {
        Self::spool(error.into())
    }

    /// A temporary file that cannot be written or read.
    pub(crate) fn spool(source: io::Error) -> Self {
        Self::Io {
            action: "write a temporary file in",
            path: std::env::temp_dir(),
            source,
        }
    }

    /// Converts the error of a [`Content`](crate::Content) that could not be read to its end.
    #[must_use]
    pub fn of_reading(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(|source| Self::Io {
            action: "read",
            path: PathBuf::from("a stored file"),
            source,
        })
    }
}

/// The failures without the remedy and the file's name, which are the same for all.
fn brief(failures: &[StoreError]) -> String {
    let words = failures.iter().map(|failure| match failure {
        StoreError::NotFound { place, .. } => format!("not in {place}"),
        StoreError::Gateways { failures, .. } => list(failures),
        StoreError::Nowhere { failures, .. } => brief(failures),
        other => other.to_string(),
    });
    words.collect::<Vec<_>>().join("; ")
}

fn list<T: ToString>(failures: &[T]) -> String {
    failures.iter().map(T::to_string).collect::<Vec<_>>().join("; ")
}

/// The failure of one gateway.
#[derive(Debug, Error)]
#[error("{gateway}: {fault}{}", if matches!(.fault, GatewayFault::Status(404)) { ", it does not have the file" } else { "" })]
pub struct GatewayFailure {
    /// Its address, without password and query.
    pub gateway: String,
    /// The failure.
    pub fault: GatewayFault,
}

/// The kind of a gateway's failure.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GatewayFault {
    /// The gateway was unreachable, or closed the connection.
    #[error("{0}")]
    Transport(String),
    /// The gateway did not begin to answer in time.
    #[error("{0}")]
    Silent(String),
    /// The file came too slowly.
    #[error("{0}")]
    Slow(String),
    /// The gateway was not asked, because it was too slow before, or gave another file.
    #[error("it is not asked until {until}, because of an earlier answer: {why}")]
    LeftOut {
        /// Its last offence.
        why: String,
        /// When it is asked again.
        until: TimeOfDay,
    },
    /// The response has more bytes than this, which is more than the file may have.
    #[error("the response is not the file: it has more than {0} bytes")]
    TooLong(u64),
    /// The gateway answered with a status other than 200.
    #[error("HTTP status {0}")]
    Status(u16),
    /// A local error: the response could not be written to a temporary file.
    #[error("cannot write the response to a temporary file: {0}")]
    Disk(io::Error),
    /// The response is not the file.
    #[error("the response is not the file: {0}")]
    Answer(Box<CarError>),
}
