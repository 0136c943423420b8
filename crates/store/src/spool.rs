//! CARs sent to and received from a network, through a temporary file.

use std::fs::File;
use std::io::{self, Read};

use assize_measurement::car::{self, ReadError};
use assize_measurement::unixfs::MAX_FILE_SIZE;
use assize_protocol::FileCid;

#[cfg(any(feature = "kubo", feature = "s3"))]
use crate::{Produce, StoreError};

/// Maximum size of a CAR: its CIDs and the tree add less than a thousandth to the content.
const MAX_CAR: u64 = MAX_FILE_SIZE + MAX_FILE_SIZE / 1000;

/// Why a CAR was not received.
#[derive(Debug)]
pub(crate) enum SpoolError {
    /// The other side closed the connection, or the response exceeds the maximum file size.
    Body(io::Error),
    /// The response is not the file.
    Car(car::CarError),
    /// A local file system error.
    Disk(io::Error),
}

/// Receives and verifies a CAR; only one chunk at a time is in memory.
pub(crate) fn spool(root: &FileCid, body: impl Read) -> Result<car::Content<File>, SpoolError> {
    let mut file = tempfile::tempfile().map_err(SpoolError::Disk)?;
    let mut body = body.take(MAX_CAR + 1);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(SpoolError::Body(error)),
        };
        io::Write::write_all(&mut file, &buffer[..count]).map_err(SpoolError::Disk)?;
    }
    if body.limit() == 0 {
        let reason = format!("more than {MAX_CAR} bytes");
        return Err(SpoolError::Body(io::Error::other(reason)));
    }
    let again = file.try_clone().map_err(SpoolError::Disk)?;
    let mut whole = car::Content::open(root, file).map_err(explain)?;
    io::copy(&mut whole, &mut io::sink()).map_err(|error| explain(ReadError::from_io(error)))?;
    car::Content::open(root, again).map_err(explain)
}

/// Packs a file to be sent.
#[cfg(any(feature = "kubo", feature = "s3"))]
pub(crate) fn pack(produce: Produce<'_>) -> Result<(FileCid, File), StoreError> {
    let mut file = tempfile::tempfile().map_err(StoreError::spool)?;
    let to = io::BufWriter::with_capacity(1 << 18, &mut file);
    let cid = car::pack_to(to, |to| produce(to)).map_err(StoreError::spool)?;
    Ok((cid, file))
}

fn explain(error: ReadError) -> SpoolError {
    match error {
        ReadError::Car(error) => SpoolError::Car(error),
        ReadError::Io(error) => SpoolError::Disk(error),
        other => SpoolError::Disk(io::Error::other(other)),
    }
}
