//! CARs sent to and received from a network, through a temporary file.

use std::fs::File;
use std::io::{self, Read};

use assize_measurement::car::{self, ReadError};
use assize_measurement::unixfs::MAX_FILE_SIZE;
use assize_protocol::FileCid;

use crate::arriving::Arriving;
#[cfg(any(feature = "kubo", feature = "s3"))]
use crate::{Produce, StoreError};

/// Bytes by which the CAR of a small file may exceed what [`most_of_car`] adds for its length: CIDs, headers, the root.
const HEAD: u64 = 64 << 10;

/// Maximum size of the CAR of a file with at most `most` bytes: its CIDs and the tree add less than a thousandth to the content.
fn most_of_car(most: u64) -> u64 {
    let most = most.min(MAX_FILE_SIZE);
    most + most / 1000 + HEAD
}

/// Why a CAR was not received.
#[derive(Debug)]
pub(crate) enum SpoolError {
    /// The other side closed the connection, or is too slow.
    Body(io::Error),
    /// The response has more bytes than this, which is more than the file may have.
    TooLong(u64),
    /// The response is not the file.
    Car(car::CarError),
    /// A local file system error.
    Disk(io::Error),
}

/// Receives and verifies the CAR of a file with at most `most` bytes; only one chunk at a time is in memory. It is refused at the first
/// block that is not what its CID says; that the blocks form the file is verified at the end.
pub(crate) fn spool(root: &FileCid, body: impl Read, most: u64) -> Result<car::Content<File>, SpoolError> {
    let mut file = tempfile::tempfile().map_err(SpoolError::Disk)?;
    let most = most_of_car(most);
    let mut body = body.take(most + 1);
    let mut buffer = vec![0; 64 << 10];
    let mut arriving = Arriving::new(root);
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(SpoolError::Body(error)),
        };
        arriving.add(&buffer[..count]).map_err(SpoolError::Car)?;
        io::Write::write_all(&mut file, &buffer[..count]).map_err(SpoolError::Disk)?;
    }
    if body.limit() == 0 {
        return Err(SpoolError::TooLong(most));
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
