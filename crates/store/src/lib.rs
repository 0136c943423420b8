//! Batches and documents by CID.
//!
//! A [`Source`] gives a file's content under its CID, a [`Store`] takes it as well. Whatever is read is checked block by
//! block against that CID, so no source need be trusted: it can lose a file or withhold it, and cannot change it.
//! [`LocalStore`] is a directory of CAR files, [`Gateways`] are trustless HTTP gateways, [`InOrder`] asks one source after
//! the other.
//!
//! A file is read and written as a stream, in memory that does not grow with it; it has at most
//! [`MAX_FILE_SIZE`](assize_measurement::unixfs::MAX_FILE_SIZE) bytes.

mod content;
mod error;
mod gateway;
mod local;
mod order;
#[cfg(feature = "serve")]
pub mod serve;
mod spool;

use std::io::{self, Write};

use assize_protocol::FileCid;

pub use content::Content;
pub use error::{GatewayFailure, GatewayFault, StoreError};
pub use gateway::Gateways;
pub use local::LocalStore;
pub use order::InOrder;

/// Where files can be read by CID.
pub trait Source: Send + Sync {
    /// The file's content as a stream, every block checked against its CID.
    ///
    /// # Errors
    /// [`StoreError`] tells whether it is not there, damaged, or out of reach.
    fn open(&self, cid: &FileCid) -> Result<Content, StoreError>;

    /// The file's content, all at once.
    ///
    /// # Errors
    /// As [`Source::open`].
    fn get(&self, cid: &FileCid) -> Result<Vec<u8>, StoreError> {
        self.open(cid)?.into_vec()
    }
}

/// Writes a file's content, piece by piece.
pub type Produce<'a> = &'a mut (dyn FnMut(&mut (dyn Write + Send)) -> io::Result<()> + Send);

/// Where files can also be put.
pub trait Store: Source {
    /// Stores a file as `produce` writes it; when this returns, the file survives a crash. Storing it again changes
    /// nothing.
    ///
    /// # Errors
    /// [`StoreError::Io`] also if `produce` fails; nothing is stored then.
    fn put_with(&self, produce: Produce<'_>) -> Result<FileCid, StoreError>;

    /// Stores a file that is in memory.
    ///
    /// # Errors
    /// As [`Store::put_with`].
    fn put(&self, content: &[u8]) -> Result<FileCid, StoreError> {
        self.put_with(&mut |to| to.write_all(content))
    }

    /// Whether there is something under this CID; [`Source::get`] tells whether it is good.
    ///
    /// # Errors
    /// [`StoreError`] if that cannot be found out.
    fn has(&self, cid: &FileCid) -> Result<bool, StoreError>;
}
