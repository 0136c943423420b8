//! Batches and documents by CID.
//!
//! A [`Source`] gives a file's content under its CID, a [`Store`] takes it as well. Whatever is read is checked block by
//! block against that CID, so no source need be trusted: it can lose a file or withhold it, and cannot change it.
//! [`LocalStore`] is a directory of CAR files, [`Gateways`] are trustless HTTP gateways, [`InOrder`] asks one source after
//! the other.
//!
//! Content is whole in memory on both sides; a file has at most
//! [`MAX_FILE_SIZE`](assize_measurement::unixfs::MAX_FILE_SIZE) bytes.

mod error;
mod gateway;
mod local;
mod order;

use assize_protocol::FileCid;

pub use error::{GatewayFailure, GatewayFault, StoreError};
pub use gateway::Gateways;
pub use local::LocalStore;
pub use order::InOrder;

/// Where files can be read by CID.
pub trait Source: Send + Sync {
    /// The file's content, every block checked against its CID.
    ///
    /// # Errors
    /// [`StoreError`] tells whether it is not there, damaged, or out of reach.
    fn get(&self, cid: &FileCid) -> Result<Vec<u8>, StoreError>;
}

/// Where files can also be put.
pub trait Store: Source {
    /// Stores a file; when this returns, the file survives a crash. Storing it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn put(&self, content: &[u8]) -> Result<FileCid, StoreError>;

    /// Whether there is something under this CID; [`Source::get`] tells whether it is good.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn has(&self, cid: &FileCid) -> Result<bool, StoreError>;
}
