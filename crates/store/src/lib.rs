//! Batches and documents by CID.
//!
//! A [`Store`] takes content and gives it back under its CID. Whatever it reads is checked block by block against that
//! CID, so a store need not be trusted: it can lose a file or withhold it, and cannot change it. [`LocalStore`] is a
//! directory of CAR files.
//!
//! Content is whole in memory on both sides; a file has at most
//! [`MAX_FILE_SIZE`](assize_measurement::unixfs::MAX_FILE_SIZE) bytes.

mod error;
mod local;

use assize_protocol::FileCid;

pub use error::StoreError;
pub use local::LocalStore;

/// Files by CID.
pub trait Store: Send + Sync {
    /// Stores a file; when this returns, the file survives a crash. Storing it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn put(&self, content: &[u8]) -> Result<FileCid, StoreError>;

    /// The file's content, every block checked against its CID.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Corrupt`], [`StoreError::Io`].
    fn get(&self, cid: &FileCid) -> Result<Vec<u8>, StoreError>;

    /// Whether there is something under this CID; [`Store::get`] tells whether it is good.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn has(&self, cid: &FileCid) -> Result<bool, StoreError>;
}
