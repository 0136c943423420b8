//! Batches and documents by CID.
//!
//! A [`Store`] takes content and gives it back under its CID; whatever it reads is checked block by block, so a store
//! need not be trusted. [`LocalStore`] is a directory of CAR files.

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
