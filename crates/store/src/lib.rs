//! Storage of batches and documents by CID.
//!
//! A [`Source`] reads a file by its CID; a [`Store`] also writes. Everything that is read is verified block by block
//! against the CID, so no source needs to be trusted: it can lose or withhold a file, but not change it.
//!
//! | backend | reads | writes | feature |
//! |---|---|---|---|
//! | [`LocalStore`], a directory of CAR files; the default, embedded | ✓ | ✓ | |
//! | [`Gateways`], trustless HTTP gateways, queried in order | ✓ | | |
//! | `S3`, a bucket of Amazon S3 or a compatible service | ✓ | ✓ | `s3` |
//! | `Kubo`, an IPFS node through its RPC API | ✓ | ✓ | `kubo` |
//! | [`InOrder`], several sources, queried in order | ✓ | | |
//!
//! `serve` (feature) serves a local store as a trustless gateway.
//!
//! Files are read and written as streams, in constant memory. A file has at most
//! [`MAX_FILE_SIZE`](assize_measurement::unixfs::MAX_FILE_SIZE) bytes.

mod backed;
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

pub use backed::Backed;
pub use content::Content;
pub use error::{GatewayFailure, GatewayFault, StoreError};
pub use gateway::Gateways;
#[cfg(feature = "kubo")]
pub use kubo::Kubo;
pub use local::LocalStore;
pub use order::InOrder;
#[cfg(feature = "s3")]
pub use s3::S3;

/// A place from which files can be read by CID.
pub trait Source: Send + Sync {
    /// Opens a file as a stream, every block verified against its CID.
    ///
    /// # Errors
    /// [`StoreError`] tells whether the file is missing, damaged or unreachable.
    fn open(&self, cid: &FileCid) -> Result<Content, StoreError>;

    /// Reads a whole file into memory.
    ///
    /// # Errors
    /// As [`Source::open`].
    fn get(&self, cid: &FileCid) -> Result<Vec<u8>, StoreError> {
        self.open(cid)?.into_vec()
    }
}

/// Writes a file's content in pieces.
pub type Produce<'a> = &'a mut (dyn FnMut(&mut (dyn Write + Send)) -> io::Result<()> + Send);

/// A place to which files can also be written.
pub trait Store: Source {
    /// Stores a file as `produce` writes it. Once this returns, the file survives a crash. Storing a file again has no
    /// effect.
    ///
    /// # Errors
    /// [`StoreError::Io`] also if `produce` fails; then nothing is stored.
    fn put_with(&self, produce: Produce<'_>) -> Result<FileCid, StoreError>;

    /// Stores a file from memory.
    ///
    /// # Errors
    /// As [`Store::put_with`].
    fn put(&self, content: &[u8]) -> Result<FileCid, StoreError> {
        self.put_with(&mut |to| to.write_all(content))
    }

    /// Whether a file exists under this CID. [`Source::get`] verifies it.
    ///
    /// # Errors
    /// [`StoreError`] if the lookup fails.
    fn has(&self, cid: &FileCid) -> Result<bool, StoreError>;
}
