//! Batches and documents by CID.
//!
//! A [`Source`] gives a file's content under its CID, a [`Store`] takes it as well. Whatever is read is checked block by
//! block against that CID, so no source need be trusted: it can lose a file or withhold it, and cannot change it.
//!
//! | backend | reads | writes | feature |
//! |---|---|---|---|
//! | [`LocalStore`], a directory of CAR files; the embedded default | ✓ | ✓ | |
//! | [`Gateways`], trustless HTTP gateways, asked in order | ✓ | | |
//! | `S3`, a bucket of Amazon's or of what speaks like it | ✓ | ✓ | `s3` |
//! | `Kubo`, an IPFS node by its RPC | ✓ | ✓ | `kubo` |
//! | [`InOrder`], one source after the other | ✓ | | |
//!
//! `serve` (feature) makes a trustless gateway of a local store.
//!
//! A file is read and written as a stream, in memory that does not grow with it; it has at most
//! [`MAX_FILE_SIZE`](assize_measurement::unixfs::MAX_FILE_SIZE) bytes.

mod content;
mod error;
mod gateway;
#[cfg(feature = "kubo")]
mod kubo;
mod local;
mod order;
#[cfg(feature = "s3")]
mod s3;
#[cfg(feature = "serve")]
pub mod serve;
mod spool;

use std::io::{self, Write};

use assize_protocol::FileCid;

pub use content::Content;
pub use error::{GatewayFailure, GatewayFault, StoreError};
pub use gateway::Gateways;
#[cfg(feature = "kubo")]
pub use kubo::Kubo;
pub use local::LocalStore;
pub use order::InOrder;
#[cfg(feature = "s3")]
pub use s3::S3;

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
