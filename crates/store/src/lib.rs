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

mod arriving;
mod backed;
mod content;
mod error;
mod gateway;
#[cfg(feature = "kubo")]
mod kubo;
mod local;
mod order;
mod pace;
mod patience;
mod reached;
#[cfg(feature = "s3")]
mod s3;
#[cfg(feature = "serve")]
pub mod serve;
mod spool;
mod standing;

use std::io::{self, Read, Write};

use assize_measurement::unixfs::MAX_FILE_SIZE;
use assize_protocol::FileCid;

pub use backed::Backed;
pub use content::Content;
pub use error::{GatewayFailure, GatewayFault, StoreError};
pub use gateway::Gateways;
#[cfg(feature = "kubo")]
pub use kubo::Kubo;
pub use local::LocalStore;
pub use order::InOrder;
pub use patience::Patience;
pub use reached::Reached;
#[cfg(feature = "s3")]
pub use s3::S3;
pub use standing::TimeOfDay;

/// A place from which files can be read by CID.
pub trait Source: Send + Sync {
    /// Opens a file as a stream, every block verified against its CID.
    ///
    /// # Errors
    /// [`StoreError`] tells whether the file is missing, damaged or unreachable.
    fn open(&self, cid: &FileCid) -> Result<Content, StoreError>;

    /// Opens a file of which it is known that it has at most about `most` bytes, so that no source can fill the disk with what it
    /// sends instead. A longer file may be opened all the same.
    ///
    /// # Errors
    /// As [`Source::open`].
    fn open_within(&self, cid: &FileCid, most: u64) -> Result<Content, StoreError> {
        let _ = most;
        self.open(cid)
    }

    /// Reads a whole file into memory: a settlement's document, which may be as long as any file. Batches and lists, which publishers
    /// and coordinator name, are read as streams.
    ///
    /// # Errors
    /// As [`Source::open`].
    fn get(&self, cid: &FileCid) -> Result<Vec<u8>, StoreError> {
        self.get_within(cid, MAX_FILE_SIZE)
    }

    /// Reads a whole file into memory, if it has at most `most` bytes.
    ///
    /// # Errors
    /// As [`Source::open`], and [`StoreError::TooLong`].
    fn get_within(&self, cid: &FileCid, most: u64) -> Result<Vec<u8>, StoreError> {
        let mut content = Vec::new();
        let mut file = self.open_within(cid, most)?.take(most.saturating_add(1));
        file.read_to_end(&mut content).map_err(StoreError::of_reading)?;
        match content.len() as u64 > most {
            true => Err(StoreError::TooLong { cid: *cid, most }),
            false => Ok(content),
        }
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
